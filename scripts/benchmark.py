"""Compare the pipeline with other systems, on the same folds and seeds."""

import hashlib
import json
import re
import time
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import spacy
import srsly
import typer
from spacy import util
from spacy.tokenizer import Tokenizer
from spacy.tokens import Doc
from wasabi import MarkdownRenderer, msg

from scripts.adaptations import Adaptation, ListedName, adaptations, find_raw, names_brought
from scripts.annotations import Query, Span, normalize, place, query_key, to_doc
from scripts.calibrate import fit, judge, with_confidence
from scripts.comparison import (
    CALIBRATED,
    FAST,
    FAST_SCORES,
    LEVELS,
    UNCALIBRATED,
    Outcome,
    compare,
    have_found,
    score_confidence,
)
from scripts.configure import CATALOGUE_NAMES, settings_of
from scripts.convert import convert
from scripts.metrics import ConfidentSpan, EntitySpan, comparable_tags, entity_spans, span_f1
from scripts.name_catalogue import to_name
from scripts.output import remove, written_whole
from scripts.reliability import CALIBRATION_SCORES, draw_reliability
from scripts.sources import hashed, paths_of
from scripts.systems import Splits, System, pipeline, span_marker, token_classification

PIPELINE = "en_music_ner"
PEER = "token classification"
ORIGINALS = "queries.csv"
blank = spacy.blank("en")
# As people write, two names may stand in one token of spaCy's tokenizer.
split_at_punctuation = Tokenizer(blank.vocab, infix_finditer=re.compile(r"\W").finditer)


def outer_folds(bio: list[Path]) -> dict[str, tuple[list[Path], Path]]:
    """Make each file the test set of a fold that is trained on the others.

    bio (list[Path]): BIO files with gold entities, two or more.
    RETURNS (dict[str, tuple[list[Path], Path]]): By name of the fold, the files to train on and
        the one to test on.
    """
    return {name_of(path, bio): ([p for p in bio if p != path], path) for path in bio}


def inner_folds(bio: list[Path]) -> dict[str, tuple[list[Path], Path]]:
    """Validate, for each outer fold, inside of what it is trained on.

    bio (list[Path]): BIO files with gold entities, three or more.
    RETURNS (dict[str, tuple[list[Path], Path]]): For each outer fold, the files to train on and
        the one to validate on; the fold's own test file is neither.
    """
    folds = {}
    for i, test in enumerate(bio):
        validated = bio[(i + 1) % len(bio)]
        trained = [path for path in bio if path not in (test, validated)]
        folds[f"{name_of(validated, bio)} (not {name_of(test, bio)})"] = (trained, validated)
    return folds


def name_of(path: Path, paths: list[Path]) -> str:
    """RETURNS (str): The path's stem, or its folder's name where stems are alike."""
    return path.stem if len({p.stem for p in paths}) == len(paths) else path.parent.name


def natural(docs: Iterable[Doc], test_bio: Path) -> dict[int, Doc]:
    """Lay the gold entities of preprocessed queries on the texts that their authors wrote.

    docs (Iterable[Doc]): The preprocessed queries with their gold entities.
    test_bio (Path): Where they come from. A file `queries.csv` beside it, with the columns
        `preprocessed` and `original` as in MusicRecoNER, holds what was written.
    RETURNS (dict[int, Doc]): Original texts with gold entities, by the number of the doc; those
        of which no original is known, or whose original does not hold the entities, are not there.
    """
    path = test_bio.parent / ORIGINALS
    if not path.exists():
        return {}
    rows = pd.read_csv(path, dtype=str, keep_default_na=False)
    originals = {
        query_key(preprocessed): original
        for preprocessed, original in zip(rows["preprocessed"], rows["original"], strict=True)
    }
    found = {}
    for number, doc in enumerate(docs):
        if original := originals.get(query_key(doc.text)):
            gold = Query("", doc.text, tuple(Span(*span) for span in entity_spans(doc)))
            query = Query("", normalize(original)[0])
            placed, lost = place(gold, query)
            if not lost:
                found[number] = to_doc(replace(query, spans=tuple(placed)), split_at_punctuation)
    return found


def run(
    system: System, splits: Splits, texts: dict[str, list[str]], seed: int, model: Path
) -> dict[str, Any]:
    """Train a system, and have it predict.

    system (System): What to train.
    splits (Splits): Docs of train, dev and test.
    texts (dict[str, list[str]]): The texts of `dev` and `test`, and under `natural` test queries as
        they were written.
    seed (int): Seed of training.
    model (Path): Folder in which the model is saved.
    RETURNS (dict[str, Any]): Entities found in `dev`, `test` and `natural`; under `scored` those of
        dev and test with confidences, by the way in which the system gives them; how many `seconds`
        it took; and a key of the `texts`.
    """
    start = time.monotonic()
    with written_whole(model) as folder:
        trained = system.train(splits, seed, folder)
    found = {name: trained.predict(some) if some else [] for name, some in texts.items()}
    seconds = time.monotonic() - start
    scored = {
        way: {name: score(texts[name]) for name in ("dev", "test")}
        for way, score in trained.score.items()
    }
    return {**found, "scored": scored, "seconds": seconds, "texts": key_of(texts)}


def is_of(path: Path, texts: dict[str, list[str]]) -> bool:
    """RETURNS (bool): Whether a run is kept whose entities were found in just these texts."""
    return path.exists() and srsly.read_json(path).get("texts") == key_of(texts)


def run_path(folder: Path, system: System, inputs: list[Any], seed: int) -> Path:
    """Name the file in which a run is kept, after all that it depends on.

    folder (Path): Where the runs are kept.
    system (System): What is trained.
    inputs (list[Any]): What it is trained on, and from: anything that JSON can hold.
    seed (int): Seed of training.
    """
    key = key_of([system.name, system.recipe, inputs])
    return folder / f"{system.name.replace(' ', '_')}-{key}-{seed}.json"


def key_of(inputs: Any) -> str:
    """RETURNS (str): A key that another input changes."""
    return hashlib.sha256(json.dumps(inputs).encode()).hexdigest()[:12]


def found_adapted(
    model: Path, name: str, adaptation: Adaptation, docs: list[Doc]
) -> list[list[ConfidentSpan]] | None:
    """Find the entities of docs by a changed model, but for what has been found already.

    model (Path): The saved model, a pipeline.
    name (str): What the change is called.
    adaptation (Adaptation): The change.
    docs (list[Doc]): The docs.
    RETURNS (list[list[ConfidentSpan]] | None): The entities of each with the ner's probabilities;
        None if the model was removed.
    """
    key = key_of([name, adaptation.inputs])
    slug = re.sub(r"\W+", "_", name)
    path = model.with_name(f"{model.name}-{slug}-{key}.json")
    if not path.exists():
        if not model.exists():
            remedy = f"Remove {model}.json to train it again."
            msg.warn(f"There is no model {model}: no score for {name}", remedy)
            return None
        nlp = spacy.load(model)
        adaptation.adapt(nlp)
        with written_whole(path) as temporary:
            srsly.write_json(temporary, find_raw(nlp, [doc.text for doc in docs]), indent=0)
    return as_tuples(srsly.read_json(path))


def confidences(
    system: System, result: dict[str, Any], model: Path, splits: Splits, seed: int
) -> dict[str, list[list[ConfidentSpan]]]:
    """Give the entities of test their confidences.

    system (System): What found them.
    result (dict[str, Any]): See `run`.
    model (Path): The saved model.
    splits (Splits): Docs of train, dev and test.
    seed (int): Seed of what is fitted on dev.
    RETURNS (dict[str, list[list[ConfidentSpan]]]): The entities of each query, by the way in which
        they have confidences, or by the change made to the model; all calibrated by what it found
        in dev unchanged.
    """
    scored = result["scored"]
    ways = {way: as_tuples(found["test"]) for way, found in scored.items()}
    if UNCALIBRATED in ways:
        on_dev = as_tuples(scored[UNCALIBRATED]["dev"])
        calibration, _ = fit(judge(splits["dev"], on_dev), seed)
        ways[CALIBRATED] = with_confidence(calibration, splits["test"], ways[UNCALIBRATED])
        for name, adaptation in system.adaptations.items():
            adapted = found_adapted(model, name, adaptation, splits["test"])
            if adapted is not None:
                ways[name] = with_confidence(calibration, splits["test"], adapted)
    return ways


def held_by(names: set[ListedName], test: list[Doc], train: list[Doc]) -> list[list[EntitySpan]]:
    """Tell which entities of test a list of names holds and train does not.

    names (set[ListedName]): The names.
    test (list[Doc]): Queries with gold entities.
    train (list[Doc]): Queries with gold entities. What is an entity here, whatever its label,
        is left out.
    RETURNS (list[list[EntitySpan]]): These entities of each query of test.
    """
    trained = {to_name(ent.text).key for doc in train for ent in doc.ents}
    return [
        [
            (ent.start_char, ent.end_char, ent.label_)
            for ent in doc.ents
            if (key := to_name(ent.text).key) not in trained and (ent.label_, key) in names
        ]
        for doc in test
    ]


def as_tuples(found: Iterable[Iterable[list]]) -> list[list[tuple]]:
    """RETURNS (list[list[tuple]]): The spans of each query, as JSON gives them back."""
    return [[tuple(span) for span in spans] for spans in found]


def dev_f1(docs: list[Doc], found: Iterable[Iterable[list]]) -> float:
    """RETURNS (float): Micro F1 on dev, by which a recipe is chosen."""
    pairs = [comparable_tags(doc, spans) for doc, spans in zip(docs, as_tuples(found), strict=True)]
    gold, predicted = zip(*pairs, strict=True)
    return span_f1(gold, predicted)


def progress(seconds: dict[str, list[float]], left: list[str]) -> str:
    """Say how many runs are left and how long they will take.

    seconds (dict[str, list[float]]): How long runs took, by system.
    left (list[str]): The systems of the runs that are left.
    """
    if not left:
        return "no runs left"
    known = [value for values in seconds.values() for value in values]
    if not known:
        return f"{len(left)} runs left"
    mean = {name: sum(values) / len(values) for name, values in seconds.items()}
    total = sum(mean.get(name, sum(known) / len(known)) for name in left)
    return f"{len(left)} runs left, about {total / 60:.0f} min"


def to_markdown(document: dict[str, Any]) -> str:
    """Lay a comparison out as Markdown.

    document (dict[str, Any]): What `main` writes as JSON.
    """
    markdown = MarkdownRenderer()
    markdown.add(document["description"])

    def cell(value: dict[str, Any]) -> str:
        spread = f" ± {value['sd']:.3f}" if len(value["values"]) > 1 else ""
        return f"{value['mean']:.3f}{spread}"

    for title, (columns, _) in LEVELS.items():
        rows = [
            (name, *(cell(result[title][column]) for column in columns))
            for name, result in document["systems"].items()
            if title in result
        ]
        if rows:
            markdown.add(f"{title}\n\n{markdown.table(rows, ('system', *columns))}")
    count = document["systems"][document["first"]]["natural_queries"]
    markdown.add(f"{count} test queries are known as they were written and hold all entities.")
    folds = document["folds"]
    rows = [
        (name, *(cell(result["By fold (macro F1)"][fold]) for fold in folds))
        for name, result in document["systems"].items()
    ]
    markdown.add(f"By fold (macro F1)\n\n{markdown.table(rows, ('system', *folds))}")
    rows = [
        (name, *(cell(values[column]) for column in CALIBRATION_SCORES))
        for name, values in document["confidence"].items()
    ]
    if rows:
        title = "Confidence of the entities found: calibration error, Brier score, AUROC"
        markdown.add(f"{title}\n\n{markdown.table(rows, ('system', *CALIBRATION_SCORES))}")
    rows = [
        (name, *(cell(values[column]) for column in FAST_SCORES))
        for name, values in document["fast"].items()
    ]
    if rows:
        title = f"The pipeline as {FAST}, in 8 bits, beside itself"
        markdown.add(f"{title}\n\n{markdown.table(rows, ('system', *FAST_SCORES))}")

    def add_differences(title: str, differences: dict[str, Any], subject: str) -> None:
        rows = [
            (name, f"{d['mean']:+.3f}", f"{d['interval'][0]:+.3f} to {d['interval'][1]:+.3f}")
            for name, d in differences.items()
        ]
        if rows:
            table = markdown.table(rows, (subject, "difference", "interval"))
            markdown.add(f"{title}, 95 % interval\n\n{table}")

    for name, scores in document["catalogue"].items():
        columns = next(iter(scores["by names"].values()))
        rows = [
            (names, *(cell(values[column]) for column in columns))
            for names, values in scores["by names"].items()
        ]
        title = f"{name} by what names its catalogue has"
        if n_new := scores["new entities"]:
            title += (
                f" (new are {n_new} entities of all seeds: the names brought after training hold "
                "them, and training did not)"
            )
        markdown.add(f"{title}\n\n{markdown.table(rows, ('names', *columns))}")
        title = f"Macro F1 of {name} with names less that without any"
        add_differences(title, scores["differences"], "names")
    title = f"Macro F1 of {document['first']} less that of the others"
    add_differences(title, document["differences"], "system")
    return markdown.text


def conduct(
    systems: dict[str, list[System]],
    folds: dict[str, tuple[list[Path], Path]],
    train_bio: dict[str, list[Path]],
    seeds: range,
    version: str,
    new_names: set[ListedName],
    runs: Path,
) -> dict[str, list[Outcome]]:
    """Run every system on every fold with every seed, but for what has been run already.

    systems (dict[str, list[System]]): The recipes of each system; dev chooses among them.
    folds (dict[str, tuple[list[Path], Path]]): The files to train on, and the one to test on.
    train_bio (dict[str, list[Path]]): More files to train on, by system.
    seeds (range): Seeds of split and training.
    version (str): The encoder's version.
    new_names (set[ListedName]): Names that pipelines are given only after training.
    runs (Path): Folder in which finished runs are kept, with the models that dev chose.
    RETURNS (dict[str, list[Outcome]]): By system, the outcome for each seed and fold.
    """
    outcomes: dict[str, list[Outcome]] = defaultdict(list)
    seconds: dict[str, list[float]] = defaultdict(list)
    plan = [(seed, fold, name) for seed in seeds for fold in folds for name in systems]
    for number, (seed, fold, name) in enumerate(plan):
        trained, tested = folds[fold]
        more = train_bio.get(name, [])
        paths = {"csv": [], "bio": trained, "train_bio": more, "test_bio": [tested]}
        hashes = {kind: [file["sha256"] for file in hashed(p)] for kind, p in paths.items()}
        splits, _, _ = convert(**paths, seed=seed, make_doc=blank.make_doc)
        written = natural(splits["test"], tested)
        texts = {name: [doc.text for doc in splits[name]] for name in ("dev", "test")}
        texts["natural"] = [doc.text for doc in written.values()]
        results: dict[Path, dict] = {}
        for at, system in enumerate(systems[name]):
            path = run_path(runs, system, [version, hashes], seed)
            model = path.with_suffix("")
            if not is_of(path, texts):
                left = [name] * (len(systems[name]) - at)
                left += [other for _, _, other in plan[number + 1 :] for _ in systems[other]]
                msg.divider(f"{name}, {fold}, seed {seed}: {progress(seconds, left)}")
                result = run(system, splits, texts, seed, model)
                with written_whole(path) as temporary:
                    srsly.write_json(temporary, {"recipe": system.recipe, **result}, indent=0)
            results[model] = srsly.read_json(path)
            seconds[name].append(results[model]["seconds"])
        scores = {model: dev_f1(splits["dev"], found["dev"]) for model, found in results.items()}
        best = max(scores, key=scores.__getitem__)
        for model in results.keys() - {best}:
            remove(model)
        f1, result = scores[best], results[best]
        msg.info(f"{name}, {fold}, seed {seed}: F1 {f1:.3f} on dev")
        outcomes[name].append(
            Outcome(
                fold=fold,
                seed=seed,
                seconds=result["seconds"],
                learning_rate=result["recipe"].get("learning_rate"),
                train={query_key(ent.text) for doc in splits["train"] for ent in doc.ents},
                test=splits["test"],
                new=held_by(new_names, splits["test"], splits["train"]),
                found=as_tuples(result["test"]),
                natural=written,
                found_in_natural=dict(zip(written, as_tuples(result["natural"]), strict=True)),
                scored=confidences(systems[name][0], result, best, splits, seed),
            )
        )
    return outcomes


def main(
    config_path: Path = typer.Argument(..., help="Config with every hyperparameter", exists=True),
    encoders_path: Path = typer.Argument(..., help="What is known of each encoder", exists=True),
    encoder_path: Path = typer.Argument(..., help="The encoder to start from", exists=True),
    runs: Path = typer.Argument(..., help="Folder in which finished runs are kept"),
    output: Path = typer.Argument(..., help="JSON file to write; tables and picture beside it"),
    folds: str = typer.Option(..., help="BIO files, comma-separated: each is tested on in turn"),
    train_bio: str = typer.Option("", help="BIO files that the pipeline alone is trained on too"),
    catalogue: str = typer.Option("", help="Files of names to train the catalogue with, JSONL"),
    new_names: str = typer.Option("", help="CSV files of names brought only after training"),
    variants_path: Path = typer.Option(None, help="JSON: settings of the pipeline by its name"),
    systems: str = typer.Option("", help="What to compare, comma-separated"),
    seeds: int = typer.Option(3, help="How many seeds, counted from 0"),
    inner: bool = typer.Option(False, "--inner", help="Validate inside of what folds train on"),
    quick: bool = typer.Option(False, "--quick", help="One fold and one seed"),
) -> None:
    """Compare the pipeline with other systems. What has been run already is not run again."""
    bio, more, brought = paths_of(folds), paths_of(train_bio), paths_of(new_names)
    for path in (*bio, *more, *brought, *paths_of(catalogue)):
        if not path.is_file():
            msg.fail(f"There is no file {path}", "Mend the path.", exits=1)
    least = 3 if inner else 2
    if len(bio) < least:
        msg.fail(f"{len(bio)} files, but {least} are needed", "Name more in folds.", exits=1)
    encoder = srsly.read_json(encoder_path)
    config = util.load_config(config_path, interpolate=False)
    settings = settings_of(encoder, encoders_path, catalogue)
    changes = adaptations(brought)
    variants = {PIPELINE: {}} | (srsly.read_json(variants_path) if variants_path else {})
    pipelines = {}
    for name, overrides in variants.items():
        changed = changes if name == PIPELINE else {}  # variants differ in training
        pipelines[name] = [pipeline(name, encoder, config, settings | overrides, changed)]
    peers = {PEER: token_classification(encoder), "SpanMarker": [span_marker(encoder)]}
    known = pipelines | peers
    every = pipelines if variants_path else known
    chosen = [name.strip() for name in systems.split(",")] if systems else list(every)
    for name in chosen:
        if name not in known:
            msg.fail(f"There is no system {name}", f"Choose from {', '.join(known)}.", exits=1)
    planned = inner_folds(bio) if inner else outer_folds(bio)
    if len(planned) < len(bio):
        remedy = "Give the files, or the folders that they are in, names of their own."
        msg.fail("Two folds have one name", remedy, exits=1)
    tested = dict(list(planned.items())[: 1 if quick else None])
    seed_range = range(1 if quick else seeds)
    outcomes = conduct(
        {name: known[name] for name in chosen},
        tested,
        dict.fromkeys(pipelines, more),
        seed_range,
        encoder["version"],
        names_brought(brought, settings.get(CATALOGUE_NAMES, config["paths"]["names"])),
        runs,
    )
    description = (
        f"F1 on {', '.join(tested)}, each by systems trained on "
        + ("the one that is left" if inner else "the others")
        + (f" (the pipeline also on {', '.join(map(str, more))})" if more else "")
        + f"; mean and standard deviation over seeds {', '.join(map(str, seed_range))}; "
        f"encoder {encoder['name']}."
    )
    document = {
        "description": description,
        "encoder": encoder,
        "folds": list(tested),
        "files": hashed([*bio, *more, *brought]),
        **compare(outcomes),
    }
    text = to_markdown(document)
    with written_whole(output) as path:
        srsly.write_json(path, document)
    with written_whole(output.with_suffix(".md")) as path:
        path.write_text(text + "\n", encoding="utf8")
    drawn = {
        f"{name}, {way}": score_confidence(runs, way)
        for name, runs in outcomes.items()
        for way in runs[0].scored
        if way not in {UNCALIBRATED, *changes} and have_found(runs, way)
    }
    with written_whole(output.with_suffix(".png")) as path:
        draw_reliability(drawn, path)
    print(text)


if __name__ == "__main__":
    typer.run(main)
