"""Checks of the queries and names that ship with the project, for whoever adds some."""

import re
import statistics
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import srsly
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.neighbors import NearestNeighbors

from music_ner.data.bio import read_bio
from music_ner.data.marked import ENTITY, read
from music_ner.data.writings import query_key
from music_ner.evaluation.behaviour import read_capabilities
from music_ner.pipeline.catalogue.names import to_name
from music_ner.pipeline.labels import LABELS
from tests.conftest import ROOT

FOLDER = ROOT / "assets" / "sample"
NEAR = 0.1  # cosine distance of two texts that are nearly the same
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
# Words a query in MusicRecoNER's first three parts: mean 9.4, and these quantiles.
REAL_MEAN, REAL_QUANTILES = 9.4, (3, 6, 8, 12, 20)
# Shares there: queries with an entity, queries with three or more, Artist among the entities.
REAL_WITH_ENTITY, REAL_WITH_THREE, REAL_ARTIST = 0.43, 0.07, 0.57


KINDS = {"posts": 7000, "commands": 3000, "searches": 2000, "questions": 2000, "negatives": 1500}
"""How many queries of each kind there are at least."""
# Openings that name what follows: it need not be an artist as often as a work.
NAMING = re.compile(
    r"\b(artists?|bands?|singers?|composers?|who|did|does|was|albums?|song by|titles?|which|is)\b"
)


@pytest.fixture(scope="module")
def lines() -> dict[str, str]:
    """Every line of the sample, by file and number."""
    return {
        f"{path.name}:{number}": line
        for path in sorted(FOLDER.glob("*.txt"))
        for number, line in enumerate(path.read_text(encoding="utf8").splitlines(), start=1)
    }


@pytest.fixture(scope="module")
def queries():
    return read(sorted(FOLDER.glob("*.txt")))


@pytest.fixture(scope="module")
def posts(queries):
    return [query for query in queries if query.source == "posts"]


def with_names_as(line: str, name: str) -> str:
    return ENTITY.sub(name, line)


def test_there_are_enough_queries_of_each_kind(queries):
    counts = Counter(query.source for query in queries)
    assert set(counts) == set(KINDS)
    assert {kind for kind, count in counts.items() if count < KINDS[kind]} == set()


def test_no_line_is_blank_or_has_stray_spaces(lines):
    assert [at for at, line in lines.items() if line != " ".join(line.split()) or not line] == []


def test_posts_are_written_in_lower_case_without_punctuation(lines):
    outside = {
        at: with_names_as(line, "x") for at, line in lines.items() if at.startswith("posts_")
    }
    assert [at for at, text in outside.items() if text != text.lower()] == []
    assert [at for at, text in outside.items() if re.search(r"[.;:!?'\"“”()]", text)] == []


def test_other_kinds_are_written_with_and_without_capitals(queries):
    for kind in set(KINDS) - {"posts"}:
        texts = [query.text for query in queries if query.source == kind]
        assert 0.01 < sum(text == text.lower() for text in texts) / len(texts) < 0.99


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.txt")), ids=lambda path: path.stem)
def test_a_third_of_each_file_has_no_entity(path):
    counts = [bool(query.spans) for query in read([path])]
    assert counts.count(False) >= len(counts) / 3 - 1


def test_a_third_of_the_names_in_requests_is_in_no_list(queries, records):
    listed = {("Artist", to_name(record["artist"]).key) for record in records}
    listed |= {("WoA", to_name(work).key) for record in records for work in record["works"]}
    for label in LABELS:
        mentions = [
            (label, to_name(query.text[s.start : s.end]).key)
            for query in queries
            for s in query.spans
            if s.label == label
        ]
        assert sum(mention not in listed for mention in mentions) / len(mentions) > 1 / 3


def test_no_opening_tells_the_label_of_the_name_after_it(lines):
    followed: dict[str, Counter] = {}
    for line in lines.values():
        words = with_names_as(line, r"\g<label>").lower().split()
        for n in (1, 2, 3):
            opening, after = words[:n], words[n : n + 1]
            if after and not {"artist", "woa"} & set(opening):
                label = after[0] if after[0] in ("artist", "woa") else "none"
                followed.setdefault(" ".join(opening), Counter())[label] += 1
    telling = {
        opening: counts
        for opening, counts in followed.items()
        if counts["artist"] + counts["woa"] >= 20
        and not NAMING.search(opening)
        and min(counts["artist"], counts["woa"]) < 0.2 * (counts["artist"] + counts["woa"])
    }
    assert telling == {}


def test_no_two_queries_are_the_same(queries):
    keys = Counter(query_key(query.text) for query in queries)
    assert [key for key, count in keys.items() if count > 1] == []


def near_copies(texts: list[str], others: list[str]) -> list[tuple[str, str]]:
    """RETURNS (list[tuple[str, str]]): Texts of more than four words, each with the nearest of
    others if that is nearly the same and not the text itself."""
    texts = [text for text in texts if len(text.split()) > 4]
    vectorizer = TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 4)).fit(texts + others)
    neighbours = NearestNeighbors(n_neighbors=2, metric="cosine")
    neighbours.fit(vectorizer.transform(others))
    distances, indices = neighbours.kneighbors(vectorizer.transform(texts))
    return [
        (texts[i], others[indices[i, j]])
        for i, j in np.argwhere(distances < NEAR)
        if texts[i] != others[indices[i, j]]
    ]


def test_hardly_two_queries_are_nearly_the_same(queries):
    texts = [query.text for query in queries if len(query.text.split()) > 4]
    assert near_copies(texts, texts) == []


@pytest.fixture(scope="module")
def behaviour():
    return read_capabilities(ROOT / "assets" / "behaviour")


def test_there_are_six_hundred_behaviour_tests_and_thirty_for_each_capability(behaviour):
    assert sum(map(len, behaviour.values())) >= 600
    assert {name for name, cases in behaviour.items() if len(cases) < 30} == set()


def test_no_behaviour_test_is_trained_on(queries, behaviour):
    trained = {query_key(query.text) for query in queries}
    long = [query.text for query in queries if len(query.text.split()) > 4]
    cases = [case for of_capability in behaviour.values() for case in of_capability]
    assert [case.text for case in cases if query_key(case.text) in trained] == []
    assert near_copies([case.text for case in cases], long) == []


def test_no_behaviour_test_occurs_twice(behaviour):
    keys = Counter(query_key(case.text) for cases in behaviour.values() for case in cases)
    assert [key for key, count in keys.items() if count > 1] == []


def test_no_frame_is_used_often(lines):
    frames = Counter(with_names_as(line, r"\g<label>") for line in lines.values())
    spoken = {frame: n for frame, n in frames.items() if re.search(r"[a-z]{3}", frame)}
    common = {"WoA by Artist", "play Artist", "songs like WoA", "songs like Artist"}
    spoken = {f: n for f, n in spoken.items() if re.sub(r"Artist|WoA|[^a-z]", "", f)}
    assert {frame: n for frame, n in spoken.items() if n > 10 and frame not in common} == {}


def test_no_opening_is_used_often(lines):
    openings = Counter(" ".join(with_names_as(line, "x").split()[:3]) for line in lines.values())
    spoken = {o: n for o, n in openings.items() if o != "x" and not o.startswith("x ")}
    assert {opening: n for opening, n in spoken.items() if n > 0.01 * len(lines)} == {}


def test_posts_are_about_as_long_as_real_ones(posts):
    lengths = [len(query.text.split()) for query in posts]
    assert statistics.mean(lengths) == pytest.approx(REAL_MEAN, abs=1.5)
    assert np.quantile(lengths, QUANTILES) == pytest.approx(REAL_QUANTILES, abs=2)
    assert max(lengths) <= 40


def test_entities_are_about_as_frequent_as_in_real_posts(posts):
    counts = [len(query.spans) for query in posts]
    labels = Counter(span.label for query in posts for span in query.spans)
    assert np.mean(np.array(counts) > 0) == pytest.approx(REAL_WITH_ENTITY, abs=0.08)
    assert np.mean(np.array(counts) > 2) == pytest.approx(REAL_WITH_THREE, abs=0.1)
    assert labels["Artist"] / labels.total() == pytest.approx(REAL_ARTIST, abs=0.08)


def test_most_entities_occur_once(queries):
    names = Counter(
        (query.text[s.start : s.end], s.label) for query in queries for s in query.spans
    )
    once = sum(count == 1 for count in names.values()) / len(names)
    assert once > 0.8
    assert {name: count for name, count in names.items() if count > 10} == {}


def test_no_query_is_from_public_data(queries, musicreconer, voice):
    """A short command may be the same by chance, so names and a few words do not count."""
    paths = [*musicreconer.glob("*/ground-truth.bio"), *voice.glob("*.bio")]
    public = {query_key(query.text) for path in paths for query in read_bio(path).queries}
    assert public
    same = [q.text for q in queries if len(q.text.split()) > 4 and query_key(q.text) in public]
    assert same == []


def test_the_stated_figures_of_real_queries_are_true(musicreconer):
    folders = sorted(musicreconer.glob("dataset[123]"))
    real = [query for folder in folders for query in read_bio(folder / "ground-truth.bio").queries]
    lengths = [len(query.text.split()) for query in real]
    counts = np.array([len(query.spans) for query in real])
    labels = Counter(span.label for query in real for span in query.spans)
    assert statistics.mean(lengths) == pytest.approx(REAL_MEAN, abs=0.1)
    assert tuple(np.quantile(lengths, QUANTILES)) == REAL_QUANTILES
    assert np.mean(counts > 0) == pytest.approx(REAL_WITH_ENTITY, abs=0.01)
    assert np.mean(counts > 2) == pytest.approx(REAL_WITH_THREE, abs=0.01)
    assert labels["Artist"] / labels.total() == pytest.approx(REAL_ARTIST, abs=0.01)


@pytest.fixture(scope="module")
def records() -> list[dict]:
    return list(srsly.read_jsonl(Path(ROOT / "assets" / "names.jsonl")))


def test_there_are_many_names(records):
    assert len(records) >= 1500
    assert sum(len(record["works"]) for record in records) >= 4000


def test_every_record_names_an_artist_and_works(records):
    for record in records:
        assert set(record) == {"artist", "works"}
        names = [record["artist"], *record["works"]]
        assert len(names) > 1
        assert [name for name in names if not name or name != " ".join(name.split())] == []


def test_no_artist_is_listed_twice_nor_a_work_of_theirs(records):
    artists = Counter(query_key(record["artist"]) for record in records)
    assert [artist for artist, count in artists.items() if count > 1] == []
    for record in records:
        assert len({query_key(work) for work in record["works"]}) == len(record["works"])
