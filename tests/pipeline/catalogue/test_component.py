"""The component `catalogue`, in a pipeline without a model."""

import fcntl
import json
import os
import pickle
import pty
import random
import re
import struct
import subprocess
import sys
import termios
import tracemalloc
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import spacy
import srsly
from spacy.tokens import Doc, DocBin
from spacy.training import Example

from music_ner.pipeline.catalogue.component import Catalogue, Entry
from music_ner.pipeline.checksums import sealed, unsealed
from music_ner.pipeline.labels import LABELS
from tests.conftest import ROOT, public_data
from tests.pipeline.catalogue.helpers import NLP, QUERIES, feature, features, found


def test_names_are_as_common_as_their_words_are_outside_of_entities(initialized):
    initialized.get_pipe("catalogue").add(
        works=["Love", "Love Songs", "Creep", "More Love Songs of", "Songs like Sade"]
    )
    most = np.log1p(3)  # love, and songs

    def commonness(text, name="commonness"):
        return feature(initialized(text), 0, "WoA", name)

    assert commonness("love") == pytest.approx(1)
    assert commonness("love songs") == pytest.approx(1)
    assert commonness("creep") == 0  # an entity, or of unknown tag
    assert commonness("more love songs of") == 0
    assert commonness("more love songs of", "rarest_word") == pytest.approx(np.log1p(1) / most)
    assert commonness("songs like sade", "rarest_word") == 0


def test_nothing_is_common_where_nothing_was_learned(nlp):
    nlp.get_pipe("catalogue").add(works=["Love"])
    assert feature(nlp("love"), 0, "WoA", "commonness") == 0
    assert feature(nlp("love"), 0, "WoA", "rarest_word") == 0


@pytest.mark.parametrize(
    ("name", "frequency"),
    [
        ("Love", 0.75),
        ("LÓVE!", 0.75),
        ("Love Songs", 0.5),
        ("Love Songs of", 0),
        ("Paradise", 0),
        ("1979", 0.25),
        ("Love 1979", 0.25),
        ("7", 0.125),
        ("19", 0),
        ("MP3", 0.0625),
    ],
)
def test_a_name_is_as_frequent_as_its_rarest_word_is_in_general(initialized, name, frequency):
    initialized.get_pipe("catalogue").add(works=[name])
    doc = initialized(name)
    (match,) = doc._.catalogue_matches
    assert match.frequency == frequency
    assert {feature(doc, i, "WoA", "frequency") for i in range(match.end)} == {frequency}


def test_without_frequencies_every_name_is_rare(nlp):
    nlp.get_pipe("catalogue").add(works=["Love"])
    assert feature(nlp("love"), 0, "WoA", "frequency") == 0
    nlp.initialize()
    assert feature(nlp("love"), 0, "WoA", "frequency") == 0


def test_frequencies_can_be_those_of_english(nlp):
    frequencies = {"@misc": "music_ner.english_frequencies.v1"}
    nlp.config["initialize"]["components"]["catalogue"] = {"frequencies": frequencies}
    nlp.initialize()
    nlp.get_pipe("catalogue").add(artists=["Love", "Portishead"], works=["The Time"])
    love, portishead, time = nlp("love portishead the time")._.catalogue_matches
    assert portishead.frequency < 0.5 < love.frequency < time.frequency < 1


def test_names_in_many_pairs_are_told_from_names_in_few(nlp):
    component = nlp.get_pipe("catalogue")
    works = [("Sade", "Paradise"), ("SADE", "paradise"), ("Sade", "Cherish the Day")]
    component.add(artists=["Love"], pairs=[*works, ("Korn", "Paradise")])
    text = "sade love korn cherish the day paradise"

    def n_pairs():
        matches = component.find(NLP.make_doc(text))
        return {
            label: [match.n_pairs for match in matches if match.label == label] for label in LABELS
        }

    assert n_pairs() == {"Artist": [2, 0, 1], "WoA": [1, 2]}
    component.add(pairs=[("Korn", "Love"), ("Aaa", "Paradise")])
    assert n_pairs() == {"Artist": [2, 0, 2], "WoA": [1, 1, 3]}
    component.clear()
    component.add(artists=["Sade"], works=["Paradise"])
    assert n_pairs() == {"Artist": [0], "WoA": [0]}


def test_ordinary_words_are_learned_from_all_of_a_corpus(nlp, tmp_path):
    DocBin(docs=QUERIES).to_disk(tmp_path / "train.spacy")
    nlp.config["initialize"]["components"]["catalogue"] = {"corpus": str(tmp_path / "train.spacy")}
    nlp.initialize()
    nlp.get_pipe("catalogue").add(works=["Love"])
    assert feature(nlp("love"), 0, "WoA", "commonness") == pytest.approx(1)


def test_the_names_of_training_come_from_the_config(nlp, tmp_path):
    records = [
        {"artist": "Sade", "works": ["Paradise", "Haunt Me"]},
        {"artist": "Korn", "works": []},
    ]
    srsly.write_jsonl(tmp_path / "names.jsonl", records)
    nlp.config["initialize"]["components"]["catalogue"] = {"names": [str(tmp_path / "names.jsonl")]}
    nlp.initialize()
    assert len(nlp.get_pipe("catalogue")) == 4
    sade, korn, haunt = nlp.get_pipe("catalogue").find(NLP.make_doc("sade haunt me korn"))
    assert (sade.partner, korn.partner, haunt.partner) == (3, 0, 1)


def test_what_becomes_of_names_is_counted_and_logged(nlp, caplog, capsys):
    component = nlp.get_pipe("catalogue")
    counted = component.add(
        artists=["Sade", "SADE", "!!!", "", "+/-"],
        works=["Sade", "a " * 12, "a " * 13],
        pairs=[("Korn", "Blind"), ("Korn", "???"), ("korn", "BLIND")],
    )
    assert counted == (9, 4, 1, 2, 3, 1, 0)
    assert counted.taken + counted.empty + counted.too_long == 5 + 3 + 6
    assert len(component) == 4
    (record,) = caplog.records
    assert record.name == "spacy"
    assert record.levelname == "WARNING"
    for words in ("catalogue: 9 names", "4 without letters", "1 of more than 12 words"):
        assert words in record.message
    assert "2 artists, 3 works and 1 pairs" in record.message
    assert capsys.readouterr().out == ""


def test_names_that_are_all_taken_are_no_reason_to_warn(nlp, caplog):
    with caplog.at_level("INFO", logger="spacy"):
        nlp.get_pipe("catalogue").add(artists=["Sade", "Korn"])
    (record,) = caplog.records
    assert record.levelname == "INFO"
    assert "2 artists, 0 works and 0 pairs" in record.message


def test_names_are_added_to_those_that_are_there(nlp):
    component = nlp.get_pipe("catalogue")
    component.add(pairs=[("Sade", "Paradise")], artists=["The Cure"])
    counted = component.add(pairs=[("Korn", "Blind")], works=["Aaa", "Sade", "Cure"])
    assert (counted.artists, counted.works, counted.pairs) == (3, 5, 2)
    matches = component.find(NLP.make_doc("sade paradise korn blind the cure"))
    assert [match.partner for match in matches] == [5, 6, 0, 0, 1, 2, 0]
    assert [(match.start, match.end) for match in matches][2:4] == [(4, 6), (0, 1)]


def test_names_that_were_taken_out_are_not_found(initialized):
    component = initialized.get_pipe("catalogue")
    component.add(pairs=[("Sade", "Paradise")])
    component.clear()
    assert len(component) == 0
    assert component.find(NLP.make_doc("sade paradise")) == []
    component.add(works=["Love", "Paradise"], artists=["Sade"])
    assert {match.partner for match in component.find(NLP.make_doc("sade paradise"))} == {0}
    assert feature(initialized("love"), 0, "WoA", "commonness") == pytest.approx(1)
    assert feature(initialized("love"), 0, "WoA", "frequency") == 0.75


def test_names_are_put_in_the_place_of_others(initialized):
    component = initialized.get_pipe("catalogue")
    component.add(pairs=[("Sade", "Paradise")])
    counted = component.replace(artists=["Korn"], works=["Love"], pairs=[("Korn", "Blind")])
    assert (counted.artists, counted.works, counted.pairs) == (1, 2, 1)
    assert found(component, "sade paradise") == []
    assert found(component, "korn love") == [("korn", "Artist"), ("love", "WoA")]
    assert feature(initialized("love"), 0, "WoA", "commonness") == pytest.approx(1)
    with pytest.raises(ValueError, match="is not a list of names"):
        component.replace(artists="Sade")
    assert len(component) == 3


@pytest.fixture
def frequent_switches():
    """Threads that take turns after every few instructions."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)


def test_threads_read_the_old_names_or_the_new_ones_whole(nlp, frequent_switches):
    component = nlp.get_pipe("catalogue")
    padding = [f"Padding {i}" for i in range(50)]
    catalogues = [
        {"artists": padding, "pairs": [("Sade", "Paradise"), ("Korn", "Blind")]},
        {"works": ["Sade", "Korn", "Zzz"], "pairs": [("Blind", "Paradise"), ("Aaa", "Blind")]},
    ]
    docs = [NLP.make_doc("sade paradise korn blind")] * 40
    expected = []
    for names in catalogues:
        component.replace(**names)
        expected.append(component.find(docs[0]))
    assert expected[0] != expected[1]
    with ThreadPoolExecutor(4) as executor:
        readings = [executor.submit(lambda: [component.find(doc) for doc in docs]) for _ in "123"]
        while not all(reading.done() for reading in readings):
            for names in catalogues:
                component.replace(**names)
    for reading in readings:
        assert all(matches in expected for matches in reading.result())


def test_threads_lose_no_names_that_others_add(nlp, frequent_switches):
    component = nlp.get_pipe("catalogue")
    with ThreadPoolExecutor(4) as executor:
        list(executor.map(lambda i: component.add(artists=[f"Artist {i}"]), range(40)))
    assert len(component) == 40


def listed(component):
    return {(entry.name, entry.label, entry.id, entry.popularity) for entry in component.entries()}


WITH_IDS = {
    "artists": [
        Entry("The Cure", "a1", 7),
        Entry("Cure", "a1"),
        Entry("Nirvana", "a2"),
        Entry("Nirvana", "a3", 2.5),
        "Korn",
    ],
    "works": [Entry("Nirvana", "a2"), "Love"],
    "pairs": [(Entry("The Cure", "a1", 9), Entry("Disintegration", "w1", 3)), ("Korn", "Blind")],
}
LISTED_WITH_IDS = {
    ("The Cure", "Artist", "a1", 9),
    ("Nirvana", "Artist", "a2", 0),
    ("Nirvana", "Artist", "a3", 2.5),
    ("korn", "Artist", "", 0),
    ("Nirvana", "WoA", "a2", 0),
    ("love", "WoA", "", 0),
    ("Disintegration", "WoA", "w1", 3),
    ("blind", "WoA", "", 0),
}


def test_names_are_listed_with_what_they_lead_to(nlp):
    component = nlp.get_pipe("catalogue")
    assert listed(component) == set()
    assert component.add(**WITH_IDS).ids == 5
    assert listed(component) == LISTED_WITH_IDS
    counted = component.add(artists=[Entry("Robert Smith's Band", "a1", 1)])
    assert counted.ids == 5
    alias = ("robert smiths band", "Artist", "a1", 9)
    assert listed(component) == {*LISTED_WITH_IDS, alias}


@pytest.mark.parametrize("way", ["disk", "bytes", "pickle"])
def test_ids_are_saved(nlp, tmp_path, way):
    component, again = nlp.get_pipe("catalogue"), Catalogue("catalogue")
    component.add(**WITH_IDS)
    if way == "disk":
        component.to_disk(tmp_path / "catalogue")
        again.from_disk(tmp_path / "catalogue")
        # Names are read from the files as long as the catalogue is used: they may be replaced.
        Catalogue("empty").to_disk(tmp_path / "catalogue")
        assert len(Catalogue("other").from_disk(tmp_path / "catalogue")) == 0
    elif way == "bytes":
        again.from_bytes(component.to_bytes())
    else:
        again = pickle.loads(pickle.dumps(component))
    assert listed(again) == LISTED_WITH_IDS
    assert again.add(artists=[Entry("Sade", "a9")]).ids == 6
    assert again.to_bytes() != component.to_bytes()


def test_names_and_ids_are_removed(nlp):
    component = nlp.get_pipe("catalogue")
    component.add(**WITH_IDS)
    assert component.remove(artists=["KORN", "Sade"], works=["Korn"], ids=["a1", "zz"]) == [
        "Sade",
        "Korn",
        "zz",
    ]
    gone = {("The Cure", "Artist", "a1", 9), ("korn", "Artist", "", 0)}
    assert listed(component) == LISTED_WITH_IDS - gone
    assert component.remove(ids=["a2"]) == []
    gone |= {("Nirvana", "Artist", "a2", 0), ("Nirvana", "WoA", "a2", 0)}
    assert listed(component) == LISTED_WITH_IDS - gone
    (match,) = component.find(NLP.make_doc("cure korn disintegration"))
    assert (match.label, match.partner) == ("WoA", 0)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ({"artists": [Entry("Sade", popularity=-1)]}, "-1 is not a popularity"),
        ({"artists": [Entry("Sade", popularity=float("nan"))]}, "nan is not a popularity"),
        ({"works": [Entry("Love", "a\tb")]}, "is not an id"),
        ({"works": [Entry("Love", 5)]}, "is not a name"),
        ({"pairs": [Entry("Sade", "Love")]}, "is not an artist with a work"),
        ({"artists": Entry("Sade", "a1")}, "is not a list of names"),
    ],
)
def test_an_entry_that_cannot_be_used_is_refused(nlp, names, message):
    component = nlp.get_pipe("catalogue")
    component.add(artists=["Korn"])
    with pytest.raises(ValueError, match=message):
        component.add(**names)
    assert listed(component) == {("korn", "Artist", "", 0)}


def test_adding_nothing_is_no_error(nlp):
    assert nlp.get_pipe("catalogue").add().taken == 0


@pytest.mark.parametrize("kind", ["artists", "works"])
def test_a_single_name_in_the_place_of_several_is_refused(nlp, kind):
    for names in ("Sade", float("nan"), None, 5):
        with pytest.raises(ValueError, match=rf'{kind}: .*not a list of names.*{kind}=\["Sade"\]'):
            nlp.get_pipe("catalogue").add(**{kind: names})
    assert len(nlp.get_pipe("catalogue")) == 0


@pytest.mark.parametrize("kind", ["artists", "works"])
@pytest.mark.parametrize("name", [float("nan"), None, 5, b"Sade", ["Sade"]])
def test_what_is_not_a_name_is_refused_and_named(nlp, kind, name):
    with pytest.raises(ValueError, match=f"{kind}: .* is not a name"):
        nlp.get_pipe("catalogue").add(**{kind: ["Korn", name]})
    assert len(nlp.get_pipe("catalogue")) == 0


@pytest.mark.parametrize(
    "pairs",
    [
        "ab",
        ["ab"],
        ("Sade", "Paradise"),
        {"Sade": "Paradise"},
        [("Sade", None)],
        [("Sade", "Paradise"), ("Sade", float("nan"))],
        [("a",)],
        None,
        5,
    ],
)
def test_what_is_not_a_pair_is_refused(nlp, pairs):
    with pytest.raises(ValueError, match=r'pairs: .* is not .*write pairs=\[\("Sade"'):
        nlp.get_pipe("catalogue").add(pairs=pairs)
    assert len(nlp.get_pipe("catalogue")) == 0


def test_names_without_a_label_are_refused(nlp):
    with pytest.raises(TypeError, match="positional"):
        nlp.get_pipe("catalogue").add(["Sade"])
    with pytest.raises(TypeError, match="artist"):
        nlp.get_pipe("catalogue").add(artist=["Sade"])


ADD_NAMES = """
from music_ner.pipeline.catalogue.component import Catalogue, Entry
Catalogue("c").add(artists=["Sade"] * 3)
"""


@pytest.mark.slow
def test_a_progress_bar_is_shown_on_a_terminal():
    terminal, end = pty.openpty()
    fcntl.ioctl(end, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    command = [sys.executable, "-c", ADD_NAMES]
    subprocess.run(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=end, check=True)
    os.close(end)
    assert "c: 3 rows" in os.read(terminal, 10_000).decode()


TEXTS = ["songs like paradise by the cure", "", "love", "nothing", "sade's paradise"] * 3


@pytest.fixture
def filled(initialized):
    initialized.get_pipe("catalogue").add(
        artists=["The Cure"], works=["Love"], pairs=[("Sade", "Paradise")]
    )
    return initialized


def same(docs, others):
    assert len(docs) == len(others)
    for doc, other in zip(docs, others, strict=True):
        assert np.array_equal(features(doc), features(other))
        assert np.array_equal(doc._.catalogue_without([1]), other._.catalogue_without([1]))


@pytest.mark.parametrize("way", ["disk", "bytes", "pickle", "pickled pipeline"])
def test_a_saved_catalogue_finds_what_it_found(filled, tmp_path, way):
    docs = [filled(text) for text in TEXTS]
    assert sum(features(doc).any() for doc in docs) == 9
    again = spacy.blank("en")
    if way == "disk":
        filled.to_disk(tmp_path / "pipeline")
        again = spacy.load(tmp_path / "pipeline")
    elif way == "bytes":
        again.add_pipe("catalogue")
        again.from_bytes(filled.to_bytes())
    elif way == "pickle":
        again.add_pipe("catalogue")
        again._components[0] = (
            "catalogue",
            pickle.loads(pickle.dumps(filled.get_pipe("catalogue"))),
        )
    else:
        again = pickle.loads(pickle.dumps(filled))
    same(docs, [again(text) for text in TEXTS])
    assert feature(again("love"), 0, "WoA", "frequency") == 0.75
    assert again("sade")._.catalogue_matches[0].n_pairs == 1
    counted = again.get_pipe("catalogue").add(pairs=[("Korn", "Blind")])
    assert (counted.artists, counted.works, counted.pairs) == (3, 3, 2)
    assert again.get_pipe("catalogue").find(NLP.make_doc("sade paradise"))[0].partner == 2


def test_an_empty_catalogue_can_be_saved(nlp, tmp_path):
    nlp.to_disk(tmp_path / "pipeline")
    again = spacy.load(tmp_path / "pipeline")
    assert len(again.get_pipe("catalogue")) == 0
    assert not features(again("love")).any()


def test_what_was_saved_without_names_takes_those_out_that_are_there(filled):
    empty = spacy.blank("en")
    empty.add_pipe("catalogue")
    filled.from_bytes(empty.to_bytes())
    assert len(filled.get_pipe("catalogue")) == 0
    assert not features(filled("sade paradise")).any()


@pytest.mark.slow
def test_a_batch_and_two_processes_give_what_single_calls_give(filled):
    docs = [filled(text) for text in TEXTS]
    same(docs, list(filled.pipe(TEXTS)))
    same(docs, list(filled.pipe(TEXTS, n_process=2, batch_size=4)))


def flipped(data, bit):
    """RETURNS (bytes): The data, with one of its bits the other way."""
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def test_a_damaged_file_is_refused_and_named(filled, tmp_path):
    kept = filled.get_pipe("catalogue")
    kept.add(artists=[Entry("Korn", id="k1")])
    filled.to_disk(tmp_path / "pipeline")
    before = kept.to_bytes()
    files = sorted((tmp_path / "pipeline" / "catalogue").iterdir())
    assert {file.suffix for file in files} == {".msgpack", ".marisa", ".npy"}
    for path in files:
        saved = path.read_bytes()
        bits = random.Random(0).sample(range(8 * len(saved)), 5)
        for damaged in (
            b"",
            saved[:20],
            saved[:-1],
            saved + b"\0",
            *(flipped(saved, b) for b in bits),
        ):
            path.write_bytes(damaged)
            named = rf"{re.escape(str(path))} is damaged.*install.*again"
            with pytest.raises(ValueError, match=named):
                kept.from_disk(path.parent)
        with pytest.raises(ValueError, match=re.escape(f"{path} is damaged")):
            spacy.load(tmp_path / "pipeline")
        path.unlink()
        with pytest.raises((ValueError, FileNotFoundError), match=path.name):
            kept.from_disk(path.parent)
        path.write_bytes(saved)
    for damaged in (b"", before[:20], before[:-1], before + b"\0", flipped(before, 999)):
        with pytest.raises(ValueError, match=r"catalogue is damaged"):
            kept.from_bytes(damaged)
    assert kept.to_bytes() == before


def test_names_that_another_version_saved_are_refused(filled):
    component = filled.get_pipe("catalogue")
    state = srsly.msgpack_loads(unsealed(component.to_bytes(), "catalogue"))
    for other in (state["format"] + 1, state["format"] - 1, None):
        with pytest.raises(ValueError, match="another version of music-ner"):
            component.from_bytes(sealed(srsly.msgpack_dumps({**state, "format": other})))
    del state["format"]
    for saved in (sealed(srsly.msgpack_dumps(state)), srsly.msgpack_dumps(state)):
        with pytest.raises(ValueError, match="another version of music-ner"):
            component.from_bytes(saved)
    assert features(filled("sade paradise")).any()


def test_spacys_own_update_is_no_way_to_add_names(filled):
    before = filled.get_pipe("catalogue").to_bytes()
    filled.update([Example(filled.make_doc(doc.text), doc) for doc in QUERIES])
    assert filled.get_pipe("catalogue").to_bytes() == before


def test_features_travel_with_a_doc(filled):
    doc = filled("sade's paradise")
    same([doc], [Doc(filled.vocab).from_bytes(doc.to_bytes())])


def test_features_and_matches_can_be_written_as_json(filled):
    docs = [filled(text) for text in ("sade's paradise", "nothing", "")]
    written = [
        json.dumps(doc.to_json(underscore=["catalogue", "catalogue_matches"])) for doc in docs
    ]
    same(docs, [Doc(filled.vocab).from_json(json.loads(text)) for text in written])


def peak_of(work):
    """RETURNS (int): How many bytes some work has in memory at most."""
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_memory_grows_with_the_text_and_not_with_the_pairs_in_it(nlp):
    works = [f"Work {i}" for i in range(9)]
    nlp.get_pipe("catalogue").add(pairs=[("Sade", "Paradise"), *(("Sade", w) for w in works)])
    for text in ("sade paradise ", " ".join(["sade", *works, ""])):
        nlp(text)
        short, long = (peak_of(lambda n=n, text=text: nlp(text * n)) for n in (200, 1600))
        assert long < 12 * short
    doc = nlp("sade paradise " * 500)
    assert [match.partner for match in doc._.catalogue_matches[:3]] == [501] * 3
    assert [match.partner for match in doc._.catalogue_matches[-3:]] == [1] * 3


MILLION = """
import itertools, json, re
from pathlib import Path
import spacy

syllables = [c + v for c in "bcdfghjklmnprstvz" for v in "aeiou"]
words = ["".join(pair) for pair in itertools.product(syllables, repeat=2)]
names = (" ".join(pair) for pair in itertools.product(words, repeat=2))
nlp = spacy.blank("en")
component = nlp.add_pipe("catalogue")
counted = component.add(
    artists=words, pairs=zip(itertools.islice(names, 500_000), itertools.islice(names, 500_000))
)
status = Path("/proc/self/status").read_text()  # getrusage counts the parent's memory too
peak = int(re.search(r"VmHWM:\\s+(\\d+)", status)[1]) * 1024
docs = [nlp.make_doc(" ".join(words[i : i + 10])) for i in range(0, 7000, 7)]
n_matches = sum(len(component.find(doc)) for doc in docs) / len(docs)
print(json.dumps([counted, len(component), peak / 1e9, n_matches, len(component.to_bytes())]))
"""


@pytest.mark.slow
def test_a_million_names_take_little_memory_and_are_found():
    run = subprocess.run(
        [sys.executable, "-c", MILLION], cwd=ROOT, capture_output=True, text=True, check=True
    )
    *_, line = run.stdout.splitlines()
    counted, n_names, peak, n_matches, size = srsly.json_loads(line)
    assert (counted[0], counted[-2]) == (1_000_000 + 7_225, 500_000)
    assert n_names == 1_007_225
    assert peak < 1.5  # GB, of all that the process holds
    assert n_matches > 9
    assert size < 30e6


def test_the_names_of_a_service_are_taken_whole():
    folder = public_data("catalogue")
    artists, works = (
        (folder / f"{kind}.txt").read_text(encoding="utf8").split("\n")
        for kind in ("artists", "works")
    )
    component = Catalogue("catalogue")
    counted = component.add(artists=filter(None, artists), works=filter(None, works))
    assert counted.taken > 94_000
    assert counted.empty + counted.too_long < 10
    assert ("radiohead", "Artist") in found(component, "songs like radiohead")
