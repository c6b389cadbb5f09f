import shutil
from dataclasses import replace

import pytest
import spacy
import srsly
from spacy import util
from transformers import pipeline

from scripts import benchmark, sample, systems
from scripts.annotations import normalize_query, to_doc, word_tags
from scripts.benchmark import confidences, inner_folds, main, natural, outer_folds, progress
from scripts.formats import read_bio, write_bio
from scripts.metrics import entity_spans
from scripts.systems import System
from tests.conftest import DATA, QUERIES, ROOT

SYSTEMS = "en_music_ner,token classification"
BY_NAMES = [
    "no names",
    "common words as works, no others",
    "names of training, and common words as works",
    "names brought after training, no others",
    "names of training and those brought after it",
]


@pytest.fixture(scope="module")
def project(tiny_config, tiny_bert, tmp_path_factory):
    """A folder with a config of little training, an encoder, and three small BIO files."""
    folder = tmp_path_factory.mktemp("project")
    config = util.load_config(tiny_config, interpolate=False, overrides={"schedule.epochs": 1})
    config.to_disk(folder / "config.cfg", interpolate=False)
    encoder = {"name": "tiny-bert", "path": str(tiny_bert), "version": "1"}
    srsly.write_json(folder / "encoder.json", encoder)
    for part in "abc":
        queries = [sample.parse(f"{line} {part}{n}", "") for n in range(4) for line in QUERIES]
        write_bio(folder / f"{part}.bio", map(normalize_query, queries))
    return folder


@pytest.fixture(scope="module")
def run_main(project):
    """Compare systems on the small files, with little training."""

    def run(output="benchmark.json", parts="abc", **options):
        folds = ",".join(str(project / f"{part}.bio") for part in parts)
        arguments = {
            "config_path": project / "config.cfg",
            "encoders_path": ROOT / "configs" / "encoders.json",
            "encoder_path": project / "encoder.json",
            "runs": project / "runs",
            "output": project / output,
            "folds": folds,
            "train_bio": "",
            "catalogue": "",
            "new_names": "",
            "variants_path": None,
            "systems": SYSTEMS,
            "seeds": 1,
            "inner": False,
            "quick": False,
        }
        main(**{**arguments, **options})
        return srsly.read_json(project / output)

    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(systems, "PEER_LEARNING_RATES", (1e-3, 1e-2))
        monkeypatch.setattr(systems, "PEER_EPOCHS", 1)
        yield run


def runs_of(project) -> set[str]:
    return {path.name for path in (project / "runs").glob("*-?.json")}


def test_each_file_is_tested_on_by_the_others(tmp_path):
    a, b, c = (tmp_path / f"{part}.bio" for part in "abc")
    assert outer_folds([a, b, c]) == {"a": ([b, c], a), "b": ([a, c], b), "c": ([a, b], c)}


def test_inside_a_fold_its_test_file_is_neither_trained_nor_validated_on(tmp_path):
    a, b, c = (tmp_path / f"{part}.bio" for part in "abc")
    assert inner_folds([a, b, c]) == {
        "b (not a)": ([c], b),
        "c (not b)": ([a], c),
        "a (not c)": ([b], a),
    }


def test_files_of_one_name_are_told_apart_by_their_folders(tmp_path):
    one, two = tmp_path / "one" / "gold.bio", tmp_path / "two" / "gold.bio"
    assert list(outer_folds([one, two])) == ["one", "two"]


def test_systems_are_compared_on_the_folds(run_main, project):
    document = run_main()
    assert list(document["systems"]) == ["en_music_ner", "token classification"]
    assert document["folds"] == ["a", "b", "c"]
    for result in document["systems"].values():
        strict = {"micro", "macro", "Artist", "WoA", "precision", "recall"}
        assert set(result["Strict"]) == strict
        assert set(result["By fold (macro F1)"]) == {"a", "b", "c"}
    assert set(document["differences"]) == {"token classification"}
    table = (project / "benchmark.md").read_text(encoding="utf8")
    assert "encoder tiny-bert" in table
    assert "| token classification |" in table


def test_models_that_dev_chose_are_kept_and_find_what_was_recorded(run_main, project, tmp_path):
    run_main(runs=tmp_path)
    models = [path for path in tmp_path.iterdir() if path.is_dir()]
    ours = [path for path in models if path.name.startswith("en_music_ner")]
    peers = [path for path in models if path.name.startswith("token_classification")]
    assert len(ours) == len(peers) == 3  # one a fold, though two rates were tried for the peer
    texts = [query.text for query in read_bio(project / "a.bio").queries]
    nlp = spacy.load(ours[0])
    found = [[list(span) for span in entity_spans(doc)] for doc in nlp.pipe(texts)]
    results = [srsly.read_json(path.with_suffix(".json"))["test"] for path in ours]
    assert found in results
    assert pipeline("token-classification", model=str(peers[0]))(texts[0])[0]["entity"]


@pytest.fixture
def half_wrong(project):
    """A part whose gold has another label in every second query than train has."""
    swapped = {"Artist": "WoA", "WoA": "Artist"}
    queries = [sample.parse(f"{line} d{n}", "") for n in range(4) for line in QUERIES]
    for i, query in enumerate(queries[::2]):
        spans = tuple(span._replace(label=swapped[span.label]) for span in query.spans)
        queries[2 * i] = replace(query, spans=spans)
    write_bio(project / "d.bio", map(normalize_query, queries))
    return "d"


def test_confidences_are_scored_and_models_made_fast(
    run_main, project, half_wrong, tmp_path, capsys
):
    config = util.load_config(project / "config.cfg", interpolate=False)
    config["schedule"]["epochs"] = 30
    config.to_disk(tmp_path / "config.cfg", interpolate=False)
    srsly.write_json(tmp_path / "variants.json", {"greedy": {"components.ner.threshold": None}})
    options = {
        "parts": [half_wrong, "a"],
        "runs": tmp_path / "runs",
        "config_path": tmp_path / "config.cfg",
        "systems": "en_music_ner,greedy",
        "variants_path": tmp_path / "variants.json",
        "quick": True,
        "new_names": str(tmp_path / "names.csv"),
    }
    (tmp_path / "names.csv").write_text("artist,work\nKorn,\nSade,Halo\n", encoding="utf8")
    first = run_main(**options)
    ways = ["uncalibrated", "calibrated on dev", "en_music_ner_fast", *BY_NAMES]
    assert list(first["confidence"]) == [f"en_music_ner, {way}" for way in ways]
    assert list(first["fast"]) == list(first["catalogue"]) == ["en_music_ner"]
    by_names = first["catalogue"]["en_music_ner"]["by names"]
    assert set(by_names) == {"names of training", *BY_NAMES}
    assert (
        by_names["names of training"]["macro"]
        == first["systems"]["en_music_ner"]["Strict"]["macro"]
    )
    scores = {name: cell["mean"] for name, cell in first["fast"]["en_music_ner"].items()}
    assert scores["micro F1, stock"] == first["systems"]["en_music_ner"]["Strict"]["micro"]["mean"]
    assert scores["same entities"] > 0.9
    assert scores["micro F1, fast"] == pytest.approx(scores["micro F1, stock"], abs=0.05)
    assert "| en_music_ner, uncalibrated |" in (project / "benchmark.md").read_text("utf8")
    assert (project / "benchmark.png").read_bytes().startswith(b"\x89PNG")
    for path in (tmp_path / "runs").iterdir():
        if path.is_dir():
            shutil.rmtree(path)
    assert run_main(**options) == first
    for path in (tmp_path / "runs").glob("*_fast-*.json"):
        path.unlink()
    without = run_main(**options)
    assert without["fast"] == {}
    assert without["catalogue"] == first["catalogue"]
    assert f"en_music_ner, {ways[2]}" not in without["confidence"]
    assert "no score for en_music_ner_fast" in capsys.readouterr().out


def test_a_calibration_rests_on_dev_alone(tmp_path):
    found = [(5, 9, "Artist", 0.9)]
    on_dev = [found] * 20 + [[(0, 4, "Artist", 0.9)]] * 20
    result = {"scored": {"uncalibrated": {"dev": on_dev, "test": [found]}}}
    system = System("ours", {}, train=None)

    def given(gold_of_test):
        splits = {"dev": docs_of("like [sade](Artist)") * 40, "test": docs_of(gold_of_test)}
        return confidences(system, result, tmp_path, splits, 0)

    before = given("like [korn](Artist)")
    assert before["uncalibrated"] == [found]
    (((*_, confidence),),) = before["calibrated on dev"]
    assert 0.5 < confidence < 0.9
    assert given("like korn") == before


def test_what_was_run_is_not_run_again(run_main, project, monkeypatch):
    first = run_main()
    kept = runs_of(project)
    monkeypatch.setattr(benchmark, "run", None)
    assert run_main() == first
    assert runs_of(project) == kept


def test_an_interrupted_comparison_goes_on_where_it_was_stopped(run_main, project):
    run_main()
    gone = sorted((project / "runs").glob("*.json"))[0]
    gone.unlink()
    others = {path: path.stat().st_mtime_ns for path in (project / "runs").glob("*.json")}
    run_main()
    assert gone.exists()
    assert {path: path.stat().st_mtime_ns for path in others} == others


def test_other_settings_are_run_anew_and_the_peers_are_not(run_main, project):
    run_main()
    before = runs_of(project)
    srsly.write_json(project / "variants.json", {"longer": {"schedule.epochs": 2}})
    systems_named = f"{SYSTEMS},longer"
    document = run_main("more.json", variants_path=project / "variants.json", systems=systems_named)
    assert list(document["systems"]) == [*SYSTEMS.split(","), "longer"]
    new = runs_of(project) - before
    assert len(new) == 3
    assert all(name.startswith("longer-") for name in new)
    emptied = [path.name for path in (project / "runs").glob("*-no_names-*.json")]
    assert len(emptied) == 3
    assert all(name.startswith("en_music_ner-") for name in emptied)


def test_quick_is_one_fold_and_one_seed(run_main):
    document = run_main("quick.json", quick=True, seeds=3)
    assert document["folds"] == ["a"]
    assert len(document["systems"]["en_music_ner"]["Strict"]["micro"]["values"]) == 1


def test_inside_the_folds_settings_are_compared_alone(run_main, project):
    srsly.write_json(project / "variants.json", {"longer": {"schedule.epochs": 2}})
    options = {"variants_path": project / "variants.json", "systems": "", "inner": True}
    document = run_main("inner.json", quick=True, **options)
    assert document["folds"] == ["b (not a)"]
    assert list(document["systems"]) == ["en_music_ner", "longer"]


def test_more_queries_are_trained_on_by_the_pipeline_alone(run_main, project):
    run_main("quick.json", quick=True)
    before = runs_of(project)
    shutil.copy(project / "c.bio", project / "more.bio")
    run_main("more.json", parts="ab", quick=True)
    with_more = runs_of(project)
    run_main("more.json", parts="ab", quick=True, train_bio=str(project / "more.bio"))
    assert len(runs_of(project) - with_more) == 1
    assert before < with_more


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"parts": "a"}, "1 files, but 2 are needed"),
        ({"parts": "ab", "inner": True}, "2 files, but 3 are needed"),
        ({"parts": "ax"}, "There is no file"),
        ({"parts": "aa"}, "Two folds have one name"),
        ({"systems": "flair"}, "There is no system flair"),
    ],
)
def test_what_cannot_be_compared_is_refused(run_main, options, message, capsys):
    with pytest.raises(SystemExit) as error:
        run_main(**options)
    assert error.value.code == 1
    assert message in " ".join(capsys.readouterr().out.split())


def test_progress_tells_how_long_the_rest_will_take():
    assert progress({}, ["one", "two"]) == "2 runs left"
    seconds = {"one": [60.0, 120.0], "two": [300.0]}
    assert progress(seconds, ["one", "one", "two"]) == "3 runs left, about 8 min"
    assert progress(seconds, ["three"]) == "1 runs left, about 3 min"


def originals(folder, rows):
    lines = ["preprocessed,original", *(f'"{one}","{other}"' for one, other in rows)]
    (folder / "queries.csv").write_text("\n".join(lines), encoding="utf8")
    return folder / "gold.bio"


def docs_of(*lines):
    make_doc = spacy.blank("en").make_doc
    return [to_doc(normalize_query(sample.parse(line, "")), make_doc) for line in lines]


def test_gold_is_laid_on_what_was_written(tmp_path):
    docs = docs_of("ccrs travelin band", "songs like [kid a](WoA) by [radioheads](Artist)")
    written = "Songs like 'Kid A' by Radiohead's?"
    path = originals(tmp_path, [("songs like kid a by radioheads", written)])
    ((number, doc),) = natural(docs, path).items()
    assert number == 1
    assert word_tags(doc.text, entity_spans(doc)) == ["O", "O", "B-WoA", "I-WoA", "O", "B-Artist"]


def test_two_names_that_no_space_parts_are_both_kept(tmp_path):
    docs = docs_of("[erase me](WoA) [kid cudi](Artist)")
    path = originals(tmp_path, [("erase me kid cudi", "Erase Me-Kid Cudi")])
    (doc,) = natural(docs, path).values()
    assert [ent.text for ent in doc.ents] == ["Erase Me", "Kid Cudi"]


def test_a_query_whose_original_lacks_an_entity_is_left_out(tmp_path):
    docs = docs_of("like [kid a](WoA)")
    assert natural(docs, originals(tmp_path, [("like kid a", "like that one")])) == {}


def test_without_originals_there_is_nothing_natural(tmp_path):
    assert natural(docs_of("like [kid a](WoA)"), tmp_path / "gold.bio") == {}


def test_nearly_all_originals_of_musicreconer_hold_the_entities():
    folder = DATA / "musicreconer" / "dataset1"
    if not folder.is_dir():
        pytest.skip(f"MusicRecoNER is not in {folder}")
    make_doc = spacy.blank("en").make_doc
    docs = [to_doc(query, make_doc) for query in read_bio(folder / "ground-truth.bio").queries]
    assert len(natural(docs, folder / "ground-truth.bio")) >= 0.99 * len(docs)
