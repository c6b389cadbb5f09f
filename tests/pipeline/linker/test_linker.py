"""The component `linker`, in pipelines whose entities are given."""

import pickle

import pytest
import spacy
from hypothesis import given
from hypothesis import strategies as st
from spacy.tokens import Span

from music_ner.pipeline.catalogue.component import Entry
from music_ner.pipeline.labels import LABELS
from music_ner.pipeline.linker.candidates import edited

NIRVANA, OTHER_NIRVANA = Entry("Nirvana", "n1", 900), Entry("Nirvana", "n2", 3)
CASH, NAILS = Entry("Johnny Cash", "c1", 80), Entry("Nine Inch Nails", "i1", 70)
PEPPERS = Entry("Red Hot Chili Peppers", "r1", 90)
ARTISTS = [
    NIRVANA,
    OTHER_NIRVANA,
    CASH,
    NAILS,
    PEPPERS,
    Entry("The Peppers", "r1"),
    Entry("Radiohead", "h1", 95),
    Entry("The Beatles", "b1", 99),
    Entry("A$AP Rocky", "a1", 50),
    Entry("Sade", "s1", 60),
    "Korn",
]
PAIRS = [
    (CASH, Entry("Hurt", "w1", 40)),
    (NAILS, Entry("Hurt", "w2", 50)),
    (OTHER_NIRVANA, Entry("Rainbow Chaser", "w3")),
    ("Korn", Entry("Blind", "w4")),
    (Entry("Radiohead", "h1"), Entry("Karma Police", "w5")),
]


@pytest.fixture(scope="module")
def nlp():
    nlp = spacy.blank("en")
    nlp.add_pipe("catalogue").add(artists=ARTISTS, pairs=PAIRS)
    nlp.add_pipe("linker")
    return nlp


def annotated(nlp, text, **mentions):
    doc = nlp.make_doc(text)
    for label, texts in mentions.items():
        for mention in texts:
            start = text.index(mention)
            doc.ents = [*doc.ents, doc.char_span(start, start + len(mention), label=label)]
    return doc


def ids(nlp, text, **mentions):
    """The ids of the entities, in order of text."""
    return [ent.kb_id_ for ent in nlp.get_pipe("linker")(annotated(nlp, text, **mentions)).ents]


@pytest.mark.parametrize(
    ("mention", "expected"),
    [
        ("johnny cash", "c1"),
        ("Sadé", "s1"),
        ("sades", "s1"),
        ("sade's", "s1"),
        ("the peppers", "r1"),
        ("rhcp", "r1"),
        ("nin", "i1"),
        ("radio head", "h1"),
        ("radioheads", "h1"),
        ("beatels", "b1"),
        ("the beatles", "b1"),
        ("asap rocky", "a1"),
        ("jonny cash", "c1"),
        ("nirvana", "n1"),
        ("korn", ""),
        ("portishead", ""),
        ("???", ""),
        ("xyzzy quux", ""),
    ],
)
def test_an_artist_is_linked_to_its_id(nlp, mention, expected):
    assert ids(nlp, f"songs like {mention} please", Artist=[mention]) == [expected]


@pytest.mark.parametrize(
    ("text", "artist", "work", "expected"),
    [
        ("hurt by johnny cash", "johnny cash", "hurt", ["w1", "c1"]),
        ("hurt by nine inch nails", "nine inch nails", "hurt", ["w2", "i1"]),
        ("hurt by nin", "nin", "hurt", ["w2", "i1"]),
        ("johny cash hrut", "johny cash", "hrut", ["c1", "w1"]),
        ("rainbow chaser by nirvana", "nirvana", "rainbow chaser", ["w3", "n2"]),
        ("karma polcie by radioheads", "radioheads", "karma polcie", ["w5", "h1"]),
        ("hurt by someone unheard of", "someone unheard of", "hurt", ["", ""]),
        ("blind by korn", "korn", "blind", ["w4", ""]),
    ],
)
def test_an_artist_and_a_work_tell_which_of_their_namesakes_are_meant(
    nlp, text, artist, work, expected
):
    assert ids(nlp, text, Artist=[artist], WoA=[work]) == expected


def test_candidates_are_ranked_and_their_scores_are_probabilities(nlp):
    (ent,) = nlp.get_pipe("linker")(annotated(nlp, "play nirvana", Artist=["nirvana"])).ents
    assert [candidate["id"] for candidate in ent._.candidates] == ["n1", "n2"]
    assert [candidate["name"] for candidate in ent._.candidates] == ["Nirvana"] * 2
    first, second = (candidate["score"] for candidate in ent._.candidates)
    assert 0 < second < first < first + second < 1
    assert ent._.link_confidence == first
    (ent,) = nlp.get_pipe("linker")(annotated(nlp, "play korn", Artist=["korn"])).ents
    assert (ent.kb_id_, ent._.link_confidence) == ("", None)


def test_the_number_of_candidates_and_the_threshold_can_be_set():
    nlp = spacy.blank("en")
    nlp.add_pipe("catalogue").add(artists=ARTISTS)
    nlp.add_pipe("linker", config={"n_candidates": 1, "threshold": 0.999})
    (ent,) = nlp.get_pipe("linker")(annotated(nlp, "play nirvana", Artist=["nirvana"])).ents
    assert len(ent._.candidates) == 1
    assert ent.kb_id_ == ""


def test_without_ids_nothing_is_linked(nlp):
    plain = spacy.blank("en")
    plain.add_pipe("catalogue").add(artists=["Sade"])
    plain.add_pipe("linker")
    doc = annotated(plain, "play sade", Artist=["sade"])
    before = doc.to_bytes()
    assert plain.get_pipe("linker")(doc).to_bytes() == before
    assert ids(nlp, "play something") == []


def test_entities_with_other_labels_stay_as_they_are(nlp):
    doc = nlp.make_doc("sade in london")
    doc.ents = [Span(doc, 2, 3, label="GPE", kb_id="Q84"), Span(doc, 0, 1, label="Artist")]
    assert [ent.kb_id_ for ent in nlp.get_pipe("linker")(doc).ents] == ["s1", "Q84"]


def test_a_pipeline_without_a_catalogue_is_told_so():
    nlp = spacy.blank("en")
    nlp.add_pipe("linker")
    with pytest.raises(
        ValueError, match=r"linker: .* no component 'catalogue'.*add one, or remove"
    ):
        nlp("sade")


@pytest.fixture
def with_ruler(nlp):
    ruled = spacy.blank("en")
    ruled.add_pipe("catalogue").add(artists=ARTISTS, pairs=PAIRS)
    patterns = [("Artist", "johnny cash"), ("WoA", "hurt"), ("Artist", "nirvana")]
    ruler = ruled.add_pipe("entity_ruler")
    ruler.add_patterns([{"label": label, "pattern": pattern} for label, pattern in patterns])
    ruled.add_pipe("linker").weights["popularity"] = 0.5
    return ruled


TEXTS = ["hurt by johnny cash", "nirvana", "nothing"] * 4


def answers(docs):
    return [[(ent.kb_id_, ent._.candidates, ent._.link_confidence) for ent in d.ents] for d in docs]


@pytest.mark.slow
def test_a_saved_pipeline_links_as_before_also_in_two_processes(with_ruler, tmp_path):
    expected = answers(map(with_ruler, TEXTS))
    assert expected[0][0][0] == "w1"
    with_ruler.to_disk(tmp_path / "pipeline")
    again = spacy.load(tmp_path / "pipeline")
    assert answers(map(again, TEXTS)) == expected
    assert answers(pickle.loads(pickle.dumps(again)).pipe(TEXTS)) == expected
    assert answers(again.pipe(TEXTS, n_process=2, batch_size=4)) == expected
    with again.select_pipes(disable="linker"):
        assert {ent.kb_id_ for doc in again.pipe(TEXTS) for ent in doc.ents} == {""}


def test_weights_of_other_features_are_refused(nlp):
    with pytest.raises(ValueError, match="another version of music-ner"):
        nlp.get_pipe("linker")._load('{"bias": 1}')


def test_new_names_are_linked_at_once():
    nlp = spacy.blank("en")
    catalogue = nlp.add_pipe("catalogue")
    nlp.add_pipe("linker")
    catalogue.add(artists=[Entry("Sade", "s1")])
    assert ids(nlp, "play sade", Artist=["sade"]) == ["s1"]
    catalogue.replace(artists=[Entry("Sade", "s2"), Entry("Korn", "k1")])
    assert ids(nlp, "sade korn", Artist=["sade", "korn"]) == ["s2", "k1"]


@given(st.text(max_size=30), st.sampled_from(LABELS))
def test_any_text_can_be_linked(nlp, text, label):
    doc = nlp.make_doc(text)
    if len(doc):
        doc.ents = [Span(doc, 0, len(doc), label=label)]
    for ent in nlp.get_pipe("linker")(doc).ents:
        scores = [candidate["score"] for candidate in ent._.candidates]
        assert scores == sorted(scores, reverse=True)
        assert sum(scores) <= 1 + 1e-9


def test_one_typo_is_undone():
    assert {"queen", "qeun", "qen", "quin"} <= edited("quen")
    assert "quen" not in edited("quen")
