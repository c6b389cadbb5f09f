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
from tests.conftest import ROOT

FOLDER = ROOT / "assets" / "sample"
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
# Words a query in MusicRecoNER's first three parts: mean 9.4, and these quantiles.
REAL_MEAN, REAL_QUANTILES = 9.4, (3, 6, 8, 12, 20)
# Shares there: queries with an entity, queries with three or more, Artist among the entities.
REAL_WITH_ENTITY, REAL_WITH_THREE, REAL_ARTIST = 0.43, 0.07, 0.57


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


def with_names_as(line: str, name: str) -> str:
    return ENTITY.sub(name, line)


def test_there_are_three_thousand_queries(queries):
    assert len(queries) >= 3000


def test_no_line_is_blank_or_has_stray_spaces(lines):
    assert [at for at, line in lines.items() if line != " ".join(line.split()) or not line] == []


def test_queries_are_written_in_lower_case_without_punctuation(lines):
    outside = {at: with_names_as(line, "x") for at, line in lines.items()}
    assert [at for at, text in outside.items() if text != text.lower()] == []
    assert [at for at, text in outside.items() if re.search(r"[.,;:!?'\"“”()]", text)] == []


def test_no_two_queries_are_the_same(queries):
    keys = Counter(query_key(query.text) for query in queries)
    assert [key for key, count in keys.items() if count > 1] == []


def test_hardly_two_queries_are_nearly_the_same(queries):
    texts = [query.text for query in queries if len(query.text.split()) > 4]
    vectors = TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 4)).fit_transform(texts)
    neighbours = NearestNeighbors(n_neighbors=2, metric="cosine").fit(vectors)
    distances, indices = neighbours.kneighbors(vectors)
    near = [(texts[i], texts[indices[i, 1]]) for i in np.flatnonzero(distances[:, 1] < 0.1)]
    assert near == []


def test_no_frame_is_used_often(lines):
    frames = Counter(with_names_as(line, r"\g<label>") for line in lines.values())
    spoken = {frame: n for frame, n in frames.items() if re.search(r"[a-z]{3}", frame)}
    spoken = {f: n for f, n in spoken.items() if re.sub(r"Artist|WoA|[^a-z]", "", f)}
    assert {frame: n for frame, n in spoken.items() if n > 8} == {}


def test_no_opening_is_used_often(lines):
    openings = Counter(" ".join(with_names_as(line, "x").split()[:3]) for line in lines.values())
    spoken = {opening: n for opening, n in openings.items() if not opening.startswith("x ")}
    assert {opening: n for opening, n in spoken.items() if n > 0.01 * len(lines)} == {}


def test_queries_are_about_as_long_as_real_ones(queries):
    lengths = [len(query.text.split()) for query in queries]
    assert statistics.mean(lengths) == pytest.approx(REAL_MEAN, abs=1.5)
    assert np.quantile(lengths, QUANTILES) == pytest.approx(REAL_QUANTILES, abs=2)
    assert max(lengths) <= 40


def test_entities_are_about_as_frequent_as_in_real_queries(queries):
    counts = [len(query.spans) for query in queries]
    labels = Counter(span.label for query in queries for span in query.spans)
    assert np.mean(np.array(counts) > 0) == pytest.approx(REAL_WITH_ENTITY, abs=0.08)
    assert np.mean(np.array(counts) > 2) == pytest.approx(REAL_WITH_THREE, abs=0.1)
    assert labels["Artist"] / labels.total() == pytest.approx(REAL_ARTIST, abs=0.08)


def test_most_entities_occur_once(queries):
    names = Counter(
        (query.text[s.start : s.end], s.label) for query in queries for s in query.spans
    )
    once = sum(count == 1 for count in names.values()) / len(names)
    assert once > 0.8
    assert {name: count for name, count in names.items() if count > 8} == {}


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
