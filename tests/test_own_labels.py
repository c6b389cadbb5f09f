"""A pipeline with a third label: it trains, loads, scores, is calibrated and is shown in colour."""

import random

import pytest
import spacy
from spacy import displacy, util
from spacy.cli.train import train
from spacy.tokens import DocBin
from spacy.vocab import Vocab

from music_ner.data.query import Query, Span, to_doc
from music_ner.evaluation.calibration import calibrate
from music_ner.evaluation.pipeline import evaluate
from music_ner.pipeline.catalogue.component import Catalogue, Entry
from music_ner.pipeline.catalogue.files import NameRecord
from music_ner.pipeline.labels import COLORS
from music_ner.training.augmentation import replace_mentions, to_pieces
from music_ner.training.config import configure
from tests.fixtures import NO_AUGMENTATION, ROOT

LABELS = ["Artist", "WoA", "Genre"]
QUERIES = [
    ("some shoegaze please", [(5, 13, "Genre")]),
    ("more like sade", [(10, 14, "Artist")]),
    ("play halo", [(5, 9, "WoA")]),
    ("calm piano for work", []),
]


@pytest.fixture(scope="module")
def own_model(tiny_bert, tmp_path_factory):
    """A folder with a tiny pipeline that has learnt three labels by heart, of which the third is
    not among the first hundred queries of training."""
    folder = tmp_path_factory.mktemp("own")
    make_doc = spacy.blank("en").make_doc
    docs = [
        to_doc(Query(f"q:{n}", text, tuple(Span(*span) for span in spans)), make_doc)
        for n, (text, spans) in enumerate([*QUERIES[1:] * 35, *QUERIES[:1] * 15])
    ]
    for name in ("train", "dev"):
        DocBin(docs=docs, store_user_data=True).to_disk(folder / f"{name}.spacy")
    config = util.load_config(ROOT / "configs" / "config.cfg", interpolate=False)
    settings = {
        "schedule.epochs": 24,
        "training.batcher.size": 100,
        "training.optimizer.encoder_scale": 1.0,
        "training.optimizer.learn_rate.initial_rate": 0.005,
        "initialize.components.catalogue.names": [],
        **NO_AUGMENTATION,
    }
    corpora = {name: folder / f"{name}.spacy" for name in ("train", "dev")}
    read = list(DocBin().from_disk(corpora["train"]).get_docs(Vocab()))
    config = configure(config, {"path": str(tiny_bert)}, settings, corpora, read, 0, LABELS)
    config.to_disk(folder / "config.cfg", interpolate=False)
    train(folder / "config.cfg", folder)
    return folder


def test_a_third_label_is_found_scored_calibrated_and_coloured(own_model):
    nlp = spacy.load(own_model / "model-best")
    assert set(nlp.get_pipe("ner").labels) == {*LABELS}
    assert [(ent.text, ent.label_) for ent in nlp("some shoegaze please").ents] == [
        ("shoegaze", "Genre")
    ]
    gold = list(DocBin().from_disk(own_model / "dev.spacy").get_docs(nlp.vocab))
    assert calibrate(nlp, gold[-60:], seed=0)["entities"] > 30
    scores = evaluate(nlp, gold[-60:], seed=0)
    assert scores["default"]["Genre"]["f1-score"] > 0.9
    assert scores["confidence"]["Genre"]["entities"] >= 14
    assert COLORS["Genre"] not in (COLORS["Artist"], COLORS["WoA"])
    page = displacy.render(nlp("some shoegaze please"), style="ent", jupyter=False)
    assert COLORS["Genre"] in page


def test_its_catalogue_takes_names_of_the_label(own_model):
    nlp = spacy.load(own_model / "model-best")
    catalogue = nlp.get_pipe("catalogue")
    catalogue.add(label="Genre", names=["Post-Rock"])
    again = spacy.blank("en").add_pipe("catalogue").from_bytes(catalogue.to_bytes())
    doc = again(nlp.make_doc("more post rock"))
    assert [(m.start, m.end, m.label) for m in doc._.catalogue_matches] == [(1, 3, "Genre")]
    assert doc._.catalogue_without({1}).shape == (3, len(doc._.catalogue[0]))
    assert not doc._.catalogue_without({1}).any()
    assert nlp("more post rock").has_annotation("ENT_IOB")


# the catalogue


@pytest.fixture
def catalogue():
    return Catalogue("catalogue", LABELS)


def labelled(catalogue, text):
    doc = catalogue(spacy.blank("en").make_doc(text))
    return [(doc[m.start : m.end].text, m.label) for m in doc._.catalogue_matches]


def test_names_of_each_label_are_found_as_that(catalogue):
    catalogue.add(label="Genre", names=["jazz"])
    catalogue.add(label="Artist", names=["sade"])
    catalogue.add(label="WoA", names=[Entry("Halo", "w1")])
    assert {entry.id for entry in catalogue.entries()} == {"", "w1"}
    assert labelled(catalogue, "jazz halo by sade") == [
        ("sade", "Artist"),
        ("halo", "WoA"),
        ("jazz", "Genre"),
    ]
    assert len(catalogue) == 3
    catalogue.clear()
    assert labelled(catalogue, "jazz halo by sade") == []


def test_a_label_that_the_pipeline_does_not_have_is_refused(catalogue):
    with pytest.raises(ValueError, match="not Mood: train the pipeline"):
        catalogue.add(label="Mood", names=["calm"])
    with pytest.raises(ValueError, match=r"names: 'jazz' is not a list"):
        catalogue.add(label="Genre", names="jazz")
    with pytest.raises(ValueError, match="'Jazz' has an id: only artists and works"):
        catalogue.add(label="Genre", names=["Soul", Entry("Jazz", "g1")])
    assert len(catalogue) == 0
    with pytest.raises(ValueError, match="begin with Artist, WoA"):
        Catalogue("catalogue", ["Genre"])


def test_a_csv_file_may_hold_names_of_any_label(catalogue, tmp_path):
    path = tmp_path / "names.csv"
    path.write_text("label,name\nGenre,jazz\nArtist,Sade\n", encoding="utf8")
    counted = catalogue.from_csv(path)
    assert (counted.taken, counted.artists) == (2, 1)
    assert labelled(catalogue, "jazz like sade") == [("sade", "Artist"), ("jazz", "Genre")]
    path.write_text("label,name\nMood,calm\n", encoding="utf8")
    with pytest.raises(ValueError, match="the label Mood is none of"):
        catalogue.from_csv(path)
    path.write_text("label,name\nGenre,\n", encoding="utf8")
    with pytest.raises(ValueError, match="row 2: not a label and a name"):
        catalogue.from_csv(path)


def test_files_of_names_for_training_may_hold_other_labels(catalogue, tmp_path):
    path = tmp_path / "names.jsonl"
    path.write_text('{"artist": "Sade", "works": []}\n{"label": "Genre", "names": ["jazz"]}\n')
    catalogue.initialize(lambda: [], names=[str(path)])
    assert labelled(catalogue, "jazz like sade") == [("sade", "Artist"), ("jazz", "Genre")]


# augmentation


@pytest.mark.parametrize("others", [{}, {"Genre": ["post rock", "jazz"]}])
def test_no_name_stands_in_the_place_of_another_label(others):
    names = {"Artist": {"korn"}, "WoA": {"blind"}, "Genre": {*others.get("Genre", ["funk"])}}
    query = Query(
        "q:1",
        "funk like halo by sade",
        (Span(0, 4, "Genre"), Span(10, 14, "WoA"), Span(18, 22, "Artist")),
    )
    records = [NameRecord("korn", ("blind",))]
    for seed in range(20):
        pieces = replace_mentions(to_pieces(query), records, 0.0, random.Random(seed), others)
        assert all(piece.text in names[piece.label] for piece in pieces if piece.label)
