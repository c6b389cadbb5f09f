import pytest
import spacy
from spacy import util
from spacy.tokens import DocBin
from transformers import AutoTokenizer

from scripts import sample, systems
from scripts.annotations import AMBIGUOUS, TAGS, Query, Span, to_doc
from scripts.metrics import entity_spans
from scripts.systems import IGNORED, _encode, pipeline, span_marker, token_classification

O, B_ARTIST, I_ARTIST, B_WOA, I_WOA = range(5)  # noqa: E741
CLS = SEP = IGNORED


@pytest.fixture
def splits(tiny_corpus):
    """The small corpus as train, dev and test."""
    vocab = spacy.blank("en").vocab
    names = ("train", "dev", "test")
    return {
        name: [*DocBin().from_disk(tiny_corpus / f"{name}.spacy").get_docs(vocab)] for name in names
    }


@pytest.fixture
def encode(tiny_bert):
    """Encode one marked query for the peer; RETURNS the word pieces and their labels."""
    tokenizer = AutoTokenizer.from_pretrained(tiny_bert)

    def run(query: Query | str):
        query = sample.parse(query, "1") if isinstance(query, str) else query
        (encoded,) = _encode([to_doc(query, spacy.blank("en").make_doc)], tokenizer)
        return tokenizer.convert_ids_to_tokens(encoded["input_ids"]), encoded["labels"]

    return run


def test_tags_are_counted_from_o():
    assert TAGS == ("O", "B-Artist", "I-Artist", "B-WoA", "I-WoA")


def test_every_word_piece_has_its_words_tag_and_special_tokens_none(encode):
    pieces, labels = encode("like [karma police](WoA) by [abc](Artist)")
    assert pieces == ["[CLS]", "like", "karma", "police", "by", "a", "##b", "##c", "[SEP]"]
    assert labels == [CLS, O, B_WOA, I_WOA, O, B_ARTIST, B_ARTIST, B_ARTIST, SEP]


@pytest.mark.parametrize(
    ("query", "pieces", "labels"),
    [
        ("by [bbno$](Artist)", "by b ##b ##n ##o $", [O, *[B_ARTIST] * 5]),
        ("[karma bbno$](Artist)", "karma b ##b ##n ##o $", [B_ARTIST, *[I_ARTIST] * 5]),
        ("r&b by [sade](Artist)", "r & b by sade", [O, O, O, O, B_ARTIST]),
        ("[r&b funk](WoA) by korn", "r & b funk by korn", [*[B_WOA] * 3, I_WOA, O, O]),
        ("by [sade](Artist), funk", "by sade , funk", [O, B_ARTIST, B_ARTIST, O]),
    ],
)
def test_words_that_the_encoder_splits_stay_aligned(encode, query, pieces, labels):
    encoded, encoded_labels = encode(query)
    assert encoded == ["[CLS]", *pieces.split(), "[SEP]"]
    assert encoded_labels == [CLS, *labels, SEP]


def test_words_of_unknown_tag_are_not_trained_on(encode):
    spans = (Span(0, 4, "Artist"), Span(10, 14, AMBIGUOUS))
    _, labels = encode(Query("1", "sade like korn", spans))
    assert labels == [CLS, B_ARTIST, O, IGNORED, SEP]


def test_of_an_incomplete_query_only_the_entities_are_trained_on(encode):
    _, labels = encode(Query("1", "sade like korn", (Span(0, 4, "Artist"),), complete=False))
    assert labels == [CLS, B_ARTIST, IGNORED, IGNORED, SEP]


def test_a_word_unknown_in_part_is_not_trained_on(encode):
    pieces, labels = encode(Query("1", "like korn, funk", (Span(5, 9, AMBIGUOUS),)))
    assert pieces[2:4] == ["korn", ","]
    assert labels == [CLS, O, IGNORED, IGNORED, O, SEP]


@pytest.fixture
def peer(tiny_bert, monkeypatch):
    """The peer at one learning rate: `peer(1e-2, epochs=25)`."""

    def make(rate: float, epochs: int):
        monkeypatch.setattr(systems, "PEER_LEARNING_RATES", (rate,))
        monkeypatch.setattr(systems, "PEER_EPOCHS", epochs)
        (system,) = token_classification({"path": str(tiny_bert)})
        return system

    return make


@pytest.fixture
def found_by(tmp_path):
    """Train a system and have it predict test: `found_by(system, splits, seed)`."""

    def find(system, splits, seed=0):
        trained = system.train(splits, seed, tmp_path / "model")
        return trained.predict(texts_of(splits["test"]))

    return find


def texts_of(docs):
    return [doc.text for doc in docs]


def gold(splits):
    return [entity_spans(doc) for doc in splits["test"]]


def test_the_peer_is_tried_at_four_learning_rates(tiny_bert):
    recipes = [system.recipe for system in token_classification({"path": str(tiny_bert)})]
    assert [recipe["learning_rate"] for recipe in recipes] == [2e-5, 5e-5, 1e-4, 2e-4]


def test_the_peer_learns(splits, peer, found_by):
    assert found_by(peer(1e-2, 25), splits) == gold(splits)
    assert found_by(peer(1e-9, 1), splits) != gold(splits)


def test_the_peer_does_the_same_with_the_same_seed(splits, peer, found_by):
    first, second = (found_by(peer(5e-3, 4), splits, seed=3) for _ in range(2))
    assert first == second


def test_a_word_that_the_encoder_drops_is_read_as_no_entity(splits, peer, found_by):
    query = sample.parse("like \u200b [korn](Artist)", "1")
    splits["test"] = [to_doc(query, spacy.blank("en").make_doc)]
    (found,) = found_by(peer(1e-2, 25), splits)
    assert all(label != "Artist" or start >= 7 for start, _, label in found)


def test_the_pipeline_learns(splits, tiny_config, tiny_bert, found_by):
    config = util.load_config(tiny_config, interpolate=False)
    system = pipeline("ours", {"path": str(tiny_bert)}, config, {}, {})
    assert found_by(system, splits) == gold(splits)


def test_the_pipelines_recipe_tells_settings_apart(tiny_config, tiny_bert):
    config = util.load_config(tiny_config, interpolate=False)
    one, other = (
        pipeline("ours", {"path": str(tiny_bert)}, config, {"schedule.epochs": epochs}, {})
        for epochs in (1, 2)
    )
    assert one.recipe != other.recipe


def test_span_marker_learns(splits, tiny_bert, monkeypatch, found_by):
    pytest.importorskip("span_marker", reason="requirements-benchmark.txt is not installed")
    monkeypatch.setattr(systems, "SPAN_MARKER_RATE", 1e-2)
    monkeypatch.setattr(systems, "SPAN_MARKER_EPOCHS", 30)
    found = found_by(span_marker({"path": str(tiny_bert)}), splits)
    right = [one == other for one, other in zip(found, gold(splits), strict=True)]
    assert sum(right) >= 0.75 * len(right)


def as_dict(scored):
    return [{tuple(span[:3]): span[3] for span in query} for query in scored]


def test_the_pipelines_entities_have_the_ners_own_probabilities(
    splits, tiny_config, tiny_bert, tmp_path
):
    config = util.load_config(tiny_config, interpolate=False)
    system = pipeline("ours", {"path": str(tiny_bert)}, config, {}, {})
    trained = system.train(splits, 0, tmp_path / "model")
    texts = texts_of(splits["test"])
    (way,) = trained.score
    scored = as_dict(trained.score[way](texts))
    assert way == "uncalibrated"
    assert [list(query) for query in scored] == trained.predict(texts)


def test_a_pipeline_that_decodes_as_spacy_does_has_no_probabilities(
    splits, tiny_config, tiny_bert, tmp_path
):
    config = util.load_config(tiny_config, interpolate=False)
    settings = {"components.ner.threshold": None, "schedule.epochs": 1}
    system = pipeline("ours", {"path": str(tiny_bert)}, config, settings, {})
    assert system.train(splits, 0, tmp_path / "model").score == {}


def test_the_peers_confidences_are_hugging_faces(splits, peer, tmp_path):
    trained = peer(1e-2, 25).train(splits, 0, tmp_path / "model")
    texts = texts_of(splits["test"])
    assert set(trained.score) == {"aggregation simple", "aggregation first"}
    first = trained.score["aggregation first"](texts)
    assert [list(query) for query in as_dict(first)] == trained.predict(texts)
    assert all(0.5 < score <= 1 for query in first for *_, score in query)
