"""Measure how well mentions are linked to the ids of a catalogue, and fit the linker's weights."""

import csv
import random
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote

import numpy as np
import spacy
import srsly
import typer
from rapidfuzz import fuzz, process
from scipy.optimize import minimize
from spacy.language import Language
from wasabi import msg

from music_ner.command import run_command
from music_ner.files import written_whole
from music_ner.pipeline.catalogue.component import Catalogue, Entry
from music_ner.pipeline.catalogue.files import read_name_records
from music_ner.pipeline.catalogue.grams import initials, skeleton, trigrams
from music_ner.pipeline.catalogue.index import NameIndex
from music_ner.pipeline.catalogue.names import to_name
from music_ner.pipeline.labels import LABELS
from music_ner.pipeline.linker.candidates import FEATURES, Candidates, Mention, find, forms_of
from music_ner.pipeline.linker.component import probabilities

# What Wikipedia adds to a title, such as "(Britney Spears album)".
QUALIFIER = re.compile(r"\s*\(([^()]*)\)$")
OF_ARTIST = re.compile(r"^(?!\d)(.+) (?:song|album|EP|soundtrack|mixtape)$")
LETTERS = "abcdefghijklmnopqrstuvwxyz"
N_BEST = 5
N_BINS = 10
PRIOR = 3.0  # standard deviation of the weights' prior, around 0
THRESHOLD = 0.2  # as the component's
AT_LEAST_0 = ("exact", "pair")  # weights of features that speak for a candidate
# The data has no popularity to fit on: a weight that decides between namesakes.
FIXED = {"popularity": 1.0}


class Link(NamedTuple):
    """A mention in a query, and what it stands for.

    part (int): The part of MusicRecoNER.
    row (int): The row in its `linked.csv`, from 1.
    query (str): The query.
    text (str): The mention.
    label (int): The number of its label.
    title (str): The title of the linked article; empty for none.
    """

    part: int
    row: int
    query: str
    text: str
    label: int
    title: str


def read_links(folder: Path, part: int) -> list[Link]:
    """RETURNS (list[Link]): The silver links of a part of MusicRecoNER."""
    with (folder / f"dataset{part}" / "linked.csv").open(encoding="utf8", newline="") as file:
        return [
            Link(
                part,
                number,
                row["query"],
                row["mention"].strip(),
                LABELS.index(row["type"]),
                unquote(row["wiki_name"]).replace("_", " "),
            )
            for number, row in enumerate(csv.DictReader(file), start=1)
        ]


def key_of(name: str) -> str:
    """RETURNS (str): The normal form of a name, as in ids."""
    return to_name(name).key


def id_of(artist: str, work: str | None = None) -> str:
    """Make up an id.

    >>> id_of("The Beatles"), id_of("Sade", "Paradise"), id_of("", "Paradise")
    ('artist:beatles', 'work:sade/paradise', 'work:/paradise')
    """
    return f"artist:{key_of(artist)}" if work is None else f"work:{key_of(artist)}/{key_of(work)}"


class Known(NamedTuple):
    """What a catalogue is made of.

    works (dict[str, dict[str, str]]): For each artist's key, the titles of works by their keys.
    names (dict[str, str]): The name of each artist by its key.
    artists_of (dict[str, set[str]]): For each work's key, the keys of its artists.
    """

    works: dict[str, dict[str, str]]
    names: dict[str, str]
    artists_of: dict[str, set[str]]


def read_known(names: Path) -> Known:
    """RETURNS (Known): The artists and works of a file of names (see `read_name_records`)."""
    known = Known(defaultdict(dict), {}, defaultdict(set))
    for artist, works in read_name_records(names):
        key = key_of(artist)
        known.names[key] = artist
        for work in works:
            known.works[key][key_of(work)] = work
            known.artists_of[key_of(work)].add(key)
    return known


def artist_of(link: Link, title: str, qualifier: str, known: Known) -> str:
    """Tell the artist of a linked work, as far as title, query and names tell.

    RETURNS (str): The key of the artist that the title names; else of the one that the query names
        or of the only one with a work of this title; else empty.
    """
    if named := OF_ARTIST.match(qualifier):
        return key_of(named[1])
    artists = known.artists_of.get(key_of(title), set())
    query = f" {key_of(link.query)} "
    in_query = [artist for artist in sorted(artists) if f" {artist}" in query]
    return in_query[0] if in_query else next(iter(artists)) if len(artists) == 1 else ""


def linked_entry(link: Link, known: Known) -> tuple[str, str]:
    """RETURNS (tuple[str, str]): The id of a linked article, and its name."""
    found = QUALIFIER.search(link.title)
    title, qualifier = QUALIFIER.sub("", link.title), found[1] if found else ""
    if link.label == 0:
        return id_of(title), title
    return f"work:{artist_of(link, title, qualifier, known)}/{key_of(title)}", title


def fill(catalogue: Catalogue, links: Iterable[Link], known: Known, distractors: Path) -> None:
    """Fill a catalogue with all linked names, a file of names and lists of distractors.

    The popularity of an artist, and of their works, is how many works of theirs the file of names
    has; 0 for all others.
    """
    artists: dict[str, Entry] = {}
    pairs: dict[str, tuple[Entry, Entry]] = {}
    works: dict[str, Entry] = {}

    def add_artist(name: str) -> Entry:
        entry_id = id_of(name)
        popularity = len(known.works.get(key_of(name), ()))
        return artists.setdefault(entry_id, Entry(name, entry_id, popularity))

    def add_work(artist: str, title: str) -> None:
        entry_id = id_of(artist, title)
        if not artist:
            works.setdefault(entry_id, Entry(title, entry_id))
        elif entry_id not in pairs:
            of_artist = add_artist(known.names.get(key_of(artist), artist))
            work = Entry(title, entry_id, of_artist.popularity)
            pairs[entry_id] = of_artist, work

    for key, name in known.names.items():
        add_artist(name)
        for title in known.works.get(key, {}).values():
            add_work(name, title)
    for link in links:
        if link.title:
            entry_id, name = linked_entry(link, known)
            if link.label == 0:
                add_artist(name)
            else:
                add_work(entry_id.removeprefix("work:").partition("/")[0], name)
    for name in lines_of(distractors / "artists.txt"):
        add_artist(name)
    with_artist = {entry_id.partition("/")[2] for entry_id in pairs}
    for title in lines_of(distractors / "works.txt"):
        if key_of(title) not in with_artist:
            add_work("", title)
    catalogue.replace(
        artists=artists.values(),
        works=works.values(),
        pairs=[(artist._replace(popularity=0), work) for artist, work in pairs.values()],
    )


def lines_of(path: Path) -> Iterator[str]:
    """YIELDS (str): The lines of a file that are not empty."""
    yield from filter(None, path.read_text(encoding="utf8").split("\n"))


def with_typo(text: str, generator: random.Random) -> str:
    """Make one typo: swap two letters, leave one out, double one, or write another one.

    text (str): A mention. One with fewer than three letters in a word stays as it is.
    generator (random.Random): The source of randomness.
    RETURNS (str): The mention with a typo.
    """
    places = [m.start() for m in re.finditer(r"(?<=\w)\w(?=\w)", text)]
    if not places:
        return text
    for _ in range(20):
        i = generator.choice(places)
        typo = generator.choice(
            (
                text[: i - 1] + text[i] + text[i - 1] + text[i + 1 :],
                text[:i] + text[i + 1 :],
                text[:i] + text[i] + text[i:],
                text[:i] + generator.choice(LETTERS) + text[i + 1 :],
            )
        )
        if typo != text:
            return typo
    return text


def respaced(text: str) -> str:
    """Join the first two words of a mention, or split a long word.

    >>> respaced("daft punk"), respaced("radiohead"), respaced("sade")
    ('daftpunk', 'radio head', 'sade')
    """
    if " " in text:
        return text.replace(" ", "", 1)
    middle = (len(text) + 1) // 2
    return text if len(text) < 7 else f"{text[:middle]} {text[middle:]}"


class Gold(NamedTuple):
    """A mention with what is right.

    link (Link): The mention.
    ids (frozenset[str]): The ids of the catalogue that are right; none if it has none.
    """

    link: Link
    ids: frozenset[str]


def cleaned(gold: Gold, index: NameIndex, of_query: Sequence[Mention]) -> Gold | None:
    """Correct a silver link to fit on, where the query says more than the link.

    gold (Gold): A silver link.
    index (NameIndex): The names of the catalogue.
    of_query (Sequence[Mention]): The mentions of its query.
    RETURNS (Gold | None): A work whose title an artist of the same query has is that artist's; a
        work of an artist that the query does not mention, though it mentions others, is not in the
        catalogue; an artist may also be the one who is listed under just this name. None for
        an artist whose name has nothing in common with the mention, and for a work without an
        article and artist that could be one of the catalogue.
    """
    key = key_of(gold.link.text)
    has_id = index.entities.ids
    if gold.link.label == 0:
        title = key_of(QUALIFIER.sub("", gold.link.title))
        is_alike = fuzz.partial_ratio(key, title) >= 70 or initials(title) == key
        own = (id_of(form) for form in forms_of(gold.link.text))
        ids = frozenset(i for i in own if f"0{i}" in has_id)
        if not ids and gold.ids and not is_alike:
            return None
        return gold._replace(ids=gold.ids | ids)
    artists = [forms_of(mention.text) for mention in of_query if mention.label == 0]
    own = {f"work:{artist}/{key}" for forms in artists for artist in forms}
    if own_ids := frozenset(i for i in own if f"1{i}" in has_id):
        return gold._replace(ids=own_ids)
    if not artists and not gold.ids and index.names.get(key) is not None:
        return None
    if artists and any(not i.startswith("work:/") for i in gold.ids):
        return gold._replace(ids=frozenset(i for i in gold.ids if i in own))
    return gold


def read_corrected(path: Path) -> dict[tuple[int, int], list[str]]:
    """RETURNS (dict[tuple[int, int], list[str]]): Ids by part and row of `linked.csv`."""
    with path.open(encoding="utf8", newline="") as file:
        return {
            (int(row["part"]), int(row["row"])): [*filter(None, row["ids"].split("|"))]
            for row in csv.DictReader(file)
        }


def in_catalogue(ids: Iterable[str], index: NameIndex) -> frozenset[str]:
    """Tell which ids a catalogue has; a work may be listed without its artist.

    ids (Iterable[str]): The ids of what a mention stands for.
    index (NameIndex): The names of the catalogue.
    RETURNS (frozenset[str]): Those of the catalogue.
    """
    known = {i for i in ids if f"{int(i.startswith('work:'))}{i}" in index.entities.ids}
    without_artist = {f"work:/{i.partition('/')[2]}" for i in ids if i.startswith("work:")}
    return frozenset(known or (i for i in without_artist if f"1{i}" in index.entities.ids))


def mentions_of(gold: Sequence[Gold], links: Sequence[Link]) -> list[tuple[list[Mention], int]]:
    """RETURNS (list[tuple[list[Mention], int]]): For each mention those of its query, and its
    number among them.
    """
    of_query: dict[tuple[int, str], list[Link]] = defaultdict(list)
    for link in links:
        of_query[link.part, link.query].append(link)
    return [
        (
            [Mention(other.text, other.label) for other in of_query[g.link.part, g.link.query]],
            [other.row for other in of_query[g.link.part, g.link.query]].index(g.link.row),
        )
        for g in gold
    ]


def candidates_of(
    index: NameIndex, mentions: Sequence[tuple[list[Mention], int]]
) -> list[Candidates]:
    """RETURNS (list[Candidates]): The candidates of each mention."""
    return [find(index, of_query)[number] for of_query, number in mentions]


def fit(candidates: Sequence[Candidates], right: Sequence[np.ndarray]) -> dict[str, float]:
    """Fit the weights by maximum a posteriori.

    candidates (Sequence[Candidates]): The candidates of mentions.
    right (Sequence[np.ndarray]): Which candidates of each are right; where none is, none should be
        chosen.
    RETURNS (dict[str, float]): The weight of each feature.
    """
    lengths = [len(c.entities) for c in candidates]
    features = np.concatenate([c.features for c in candidates])
    is_right = np.concatenate(right)
    owner = np.repeat(np.arange(len(candidates)), lengths)
    has_right = np.bincount(owner, weights=is_right, minlength=len(candidates)) > 0

    def loss(weights: np.ndarray) -> tuple[float, np.ndarray]:
        utilities = np.clip(features @ weights, -50, 50)
        exponentials = np.exp(utilities)
        total = 1 + np.bincount(owner, weights=exponentials, minlength=len(candidates))
        of_right = np.bincount(owner, weights=exponentials * is_right, minlength=len(candidates))
        chosen = np.where(has_right, of_right, 1.0)
        value = np.sum(np.log(total) - np.log(chosen)) + np.sum(weights**2) / (2 * PRIOR**2)
        expected = exponentials / total[owner]
        observed = np.where(has_right[owner], exponentials * is_right / chosen[owner], 0.0)
        return float(value), features.T @ (expected - observed) + weights / PRIOR**2

    bounds = [
        (FIXED[name], FIXED[name]) if name in FIXED else (0.0 if name in AT_LEAST_0 else None, None)
        for name in FEATURES
    ]
    found = minimize(loss, np.zeros(len(FEATURES)), jac=True, method="L-BFGS-B", bounds=bounds)
    return {name: round(float(w), 4) for name, w in zip(FEATURES, found.x, strict=True)}


class Answer(NamedTuple):
    """What a system answers for a mention.

    ranked (list[tuple[str, float]]): Ids with scores, best first.
    is_linked (bool): Whether the first is the answer; else there is none (NIL).
    """

    ranked: list[tuple[str, float]]
    is_linked: bool


def linker_answers(
    index: NameIndex, candidates: Sequence[Candidates], weights: dict[str, float]
) -> list[Answer]:
    """RETURNS (list[Answer]): What the linker answers."""
    answers = []
    for c in candidates:
        scores = probabilities(c, weights)
        order = np.argsort(-scores, kind="stable")[:N_BEST]
        ranked = [(index.entities.id_of(c.entities[i]), float(scores[i])) for i in order]
        is_linked = bool(ranked) and ranked[0][1] >= max(THRESHOLD, 1 - scores.sum())
        answers.append(Answer(ranked, is_linked))
    return answers


class Peers:
    """Systems that know nothing but one mention: exact match, rapidfuzz and trigrams.

    index (NameIndex): The names of the catalogue.
    """

    def __init__(self, index: NameIndex):
        self.index = index
        entities = index.entities
        self.by_key: list[dict[str, list[int]]] = [defaultdict(list), defaultdict(list)]
        for pair in entities.named.tolist():
            name, entity = pair >> 32, pair & 2**32 - 1
            self.by_key[entities.label_of(entity)][index.names.restore_key(name)].append(entity)
        self.keys = [[*of_label] for of_label in self.by_key]

    def _answers(self, label: int, keys: Iterable[tuple[str, float]]) -> Answer:
        entities = self.index.entities
        found = [
            (score, float(entities.popularity[entity]), entity)
            for key, score in keys
            for entity in self.by_key[label].get(key, ())
        ]
        found.sort(key=lambda f: (-f[0], -f[1], f[2]))
        ranked = [(entities.id_of(entity), score) for score, _, entity in found[:N_BEST]]
        return Answer(ranked, bool(ranked))

    def exact(self, mention: Mention) -> Answer:
        """RETURNS (Answer): Those of the name that is the mention, the most popular first."""
        return self._answers(mention.label, [(key_of(mention.text), 1.0)])

    def rapidfuzz(self, mention: Mention) -> Answer:
        """RETURNS (Answer): Those of the name with the highest `fuzz.ratio`, from 85 on."""
        found = process.extractOne(
            key_of(mention.text), self.keys[mention.label], scorer=fuzz.ratio, score_cutoff=85
        )
        keys = [] if found is None else [(found[0], found[1] / 100)]
        return self._answers(mention.label, keys)

    def trigrams(self, mention: Mention) -> Answer:
        """RETURNS (Answer): Those of the names with the most trigrams in common, from a Jaccard
        index of 0.5 on; among equals the most popular first.
        """
        text = skeleton(key_of(mention.text))
        names = self.index.entities.grams.most_similar(text, 10**9, 200)
        wanted = {*trigrams([text])[0].tolist()}
        scored = []
        for name in names.tolist():
            key = self.index.names.restore_key(name)
            has = {*trigrams([skeleton(key)])[0].tolist()}
            similarity = len(wanted & has) / len(wanted | has)
            if similarity >= 0.5:
                scored.append((key, similarity))
        return self._answers(mention.label, scored)


def scores_of(gold: Sequence[Gold], answers: Sequence[Answer]) -> dict[str, float]:
    """Score answers.

    gold (Sequence[Gold]): What is right.
    answers (Sequence[Answer]): The answers of a system.
    RETURNS (dict[str, float]): `accuracy`: the share of mentions whose first answer is right, where
        none is right if the catalogue has nothing; `accuracy_of_known` and `recall_at_5`: among
        mentions that the catalogue has; `nil_precision` and `nil_recall` of what is not linked;
        `calibration_error`: the expected error of the linked ones' scores in 10 bins.
    """
    linked = [answer.ranked[0][0] if answer.is_linked else "" for answer in answers]
    is_right = [
        first in g.ids if first else not g.ids for g, first in zip(gold, linked, strict=True)
    ]
    known = [number for number, g in enumerate(gold) if g.ids]
    nil = [number for number, first in enumerate(linked) if not first]
    true_nil = sum(not gold[number].ids for number in nil)
    n_nil = len(gold) - len(known)
    pairs = [
        (answer.ranked[0][1], right)
        for answer, first, right in zip(answers, linked, is_right, strict=True)
        if first
    ]
    return {
        "n": len(gold),
        "n_nil": n_nil,
        "accuracy": float(np.mean(is_right)),
        "accuracy_of_known": float(np.mean([is_right[number] for number in known])),
        "recall_at_5": float(
            np.mean([any(i in gold[n].ids for i, _ in answers[n].ranked) for n in known])
        ),
        "nil_precision": true_nil / len(nil) if nil else 0.0,
        "nil_recall": true_nil / n_nil if n_nil else 0.0,
        "calibration_error": calibration_error(pairs),
    }


def calibration_error(pairs: Sequence[tuple[float, bool]]) -> float:
    """RETURNS (float): The expected calibration error (https://arxiv.org/abs/1706.04599), in bins
    of equal width.
    """
    bins: dict[int, list[tuple[float, bool]]] = defaultdict(list)
    for score, right in pairs:
        bins[min(int(score * N_BINS), N_BINS - 1)].append((score, right))
    return sum(
        abs(sum(score - right for score, right in of_bin)) / len(pairs) for of_bin in bins.values()
    )


def end_to_end(nlp: Language, gold: Sequence[Gold], weights: dict[str, float]) -> dict[str, float]:
    """Score a pipeline with a linker on the queries of the corrected links.

    A linked mention counts as found if an entity of the pipeline has its text, label and one of
    its ids. Only mentions that the catalogue has and entities that overlap a corrected mention are
    counted.

    RETURNS (dict[str, float]): Precision, recall and F1.
    """
    nlp.get_pipe("linker").weights = weights
    queries = sorted({g.link.query for g in gold})
    docs = dict(zip(queries, nlp.pipe(queries), strict=True))
    found, predicted, wanted = 0, 0, 0
    for g in gold:
        start = g.link.query.index(g.link.text)
        end = start + len(g.link.text)
        wanted += bool(g.ids)
        for ent in docs[g.link.query].ents:
            if ent.start_char < end and start < ent.end_char and ent.kb_id_:
                predicted += 1
                found += (
                    (ent.start_char, ent.end_char) == (start, end)
                    and ent.label_ == LABELS[g.link.label]
                    and ent.kb_id_ in g.ids
                )
    precision, recall = found / max(predicted, 1), found / max(wanted, 1)
    f1 = 2 * precision * recall / max(precision + recall, 1e-9)
    return {"precision": precision, "recall": recall, "f1": f1}


def main(
    data: Path = typer.Argument(..., help="Folder of MusicRecoNER, with linked.csv in each part"),
    names: Path = typer.Argument(..., help="File of names", exists=True),
    distractors: Path = typer.Argument(..., help="Folder with artists.txt and works.txt"),
    corrected: Path = typer.Argument(..., help="Corrected links", exists=True),
    output: Path = typer.Argument(..., help="JSON file for the results"),
    weights_path: Path = typer.Option(None, "--weights", help="JSON file for the fitted weights"),
    model: str = typer.Option("", help="Trained pipeline, for the score from end to end"),
    parts: str = typer.Option("1,2,3", help="Parts of MusicRecoNER"),
    seed: int = typer.Option(0, help="Seed of the typos"),
) -> None:
    """Fit the linker's weights, and compare it with peers on the corrected links."""
    links = [link for part in parts.split(",") for link in read_links(data, int(part))]
    known = read_known(names)
    nlp = spacy.load(model) if model else spacy.blank("en")
    if "catalogue" not in nlp.pipe_names:
        nlp.add_pipe("catalogue")
    fill(nlp.get_pipe("catalogue"), links, known, distractors)
    index = nlp.get_pipe("catalogue").index
    ids = read_corrected(corrected)
    gold = [
        Gold(link, in_catalogue(ids[link.part, link.row], index))
        for link in links
        if (link.part, link.row) in ids
    ]
    queries = {g.link.query for g in gold}
    silver = [
        Gold(link, in_catalogue([linked_entry(link, known)[0]] if link.title else [], index))
        for link in links
        if link.query not in queries
    ]
    silver = [
        corrected
        for g, (of_query, _) in zip(silver, mentions_of(silver, links), strict=True)
        if (corrected := cleaned(g, index, of_query)) is not None
    ]
    generator = random.Random(seed)
    typos = [link._replace(text=with_typo(link.text, generator)) for link in links]
    msg.info(f"{len(gold)} corrected links; {len(silver)} silver links of other queries to fit on")

    fitted = [
        (c, np.array([index.entities.id_of(e) in g.ids for e in c.entities], dtype=float))
        for written in (links, typos, [link._replace(text=respaced(link.text)) for link in links])
        for g, c in zip(silver, candidates_of(index, mentions_of(silver, written)), strict=True)
    ]
    weights = fit(*zip(*fitted, strict=True))
    peers = Peers(index)
    systems: dict[str, Callable[[Mention], Answer]] = {
        "exact match": peers.exact,
        "rapidfuzz.process.extractOne": peers.rapidfuzz,
        "trigrams by popularity": peers.trigrams,
    }
    results: dict[str, dict] = {}
    for kind, written in (("as written", links), ("one typo", typos)):
        mentions = mentions_of(gold, written)
        answers = linker_answers(index, candidates_of(index, mentions), weights)
        results[kind] = {"linker": scores_of(gold, answers)}
        for name, system in systems.items():
            answers = [system(of_query[number]) for of_query, number in mentions]
            results[kind][name] = scores_of(gold, answers)
        msg.table(
            [
                (name, *(f"{value:.3f}" for value in scores.values()))
                for name, scores in results[kind].items()
            ],
            header=(kind, *results[kind]["linker"]),
        )
    if model:
        nlp.add_pipe("linker")
        results["end to end"] = end_to_end(nlp, gold, weights)
        print(results["end to end"])
    with written_whole(output) as path:
        srsly.write_json(path, {"weights": weights, **results})
    if weights_path:
        with written_whole(weights_path) as path:
            srsly.write_json(path, weights)
    msg.good(f"{output}")


if __name__ == "__main__":
    run_command(main)
