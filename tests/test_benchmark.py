import pytest
import spacy
import srsly
from spacy import util
from spacy.tokens import DocBin
from transformers import AutoTokenizer

from scripts import benchmark, sample
from scripts.annotations import AMBIGUOUS, Query, Span, normalize_query, to_doc
from scripts.benchmark import (
    IGNORED,
    PEER,
    PIPELINE,
    TAGS,
    _encode,
    main,
    run_peer,
    run_pipeline,
    summarize,
    to_markdown,
)
from scripts.formats import write_bio
from tests.conftest import QUERIES, ROOT

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


@pytest.fixture(scope="module")
def run_main(tiny_config, tiny_bert, tmp_path_factory):
    """Compare both systems on one seed, with little training, into the same folder each time."""
    tmp_path = tmp_path_factory.mktemp("project")
    config = util.load_config(tiny_config, interpolate=False, overrides={"schedule.epochs": 1})
    config.to_disk(tmp_path / "config.cfg", interpolate=False)
    queries = [sample.parse(f"{line} {n}", str(n)) for n in range(4) for line in QUERIES]
    write_bio(tmp_path / "gold.bio", map(normalize_query, queries))
    encoder = {"name": "tiny-bert", "path": str(tiny_bert), "version": "1"}
    srsly.write_json(tmp_path / "encoder.json", encoder)
    files = [{"path": str(tmp_path / "gold.bio"), "sha256": "1"}]
    srsly.write_json(tmp_path / "sources.json", {"csv": [], "bio": files, "test_bio": []})

    def run():
        known, found = ROOT / "configs" / "encoders.json", tmp_path / "encoder.json"
        output = tmp_path / "metrics"
        main(tmp_path / "config.cfg", known, found, tmp_path / "sources.json", output, seeds=1)
        return output

    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(benchmark, "PEER_LEARNING_RATES", (1e-3,))
        monkeypatch.setattr(benchmark, "PEER_EPOCHS", 1)
        yield run


def run_of(rate: float, micro: float, macro: float, **labels: float):
    """A run as it is stored, with only what is averaged."""
    f1 = {"micro avg": micro, "macro avg": macro, **labels}
    return {
        "learning_rate": rate,
        "test": {"default": {name: {"f1-score": value} for name, value in f1.items()}},
    }


def f1_of(result, split: str) -> float:
    return result[split]["default"]["micro avg"]["f1-score"]


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


def test_the_peer_learns_and_is_scored_at_the_learning_rate_best_on_dev(
    splits, tiny_bert, monkeypatch
):
    monkeypatch.setattr(benchmark, "PEER_LEARNING_RATES", (1e-9, 1e-2))
    monkeypatch.setattr(benchmark, "PEER_EPOCHS", 25)
    # On test both rates score 0, so only dev can tell them apart.
    splits["test"] = [doc for doc in splits["test"] if not doc.ents]
    result = run_peer(splits, 0, {"path": str(tiny_bert)})
    assert result["learning_rate"] == 1e-2
    assert f1_of(result, "dev") > 0.9
    assert f1_of(result, "test") == 0
    assert (result["dev"]["queries"], result["test"]["queries"]) == (20, 8)


def test_the_peer_does_the_same_with_the_same_seed(splits, tiny_bert, monkeypatch):
    monkeypatch.setattr(benchmark, "PEER_LEARNING_RATES", (5e-3,))
    monkeypatch.setattr(benchmark, "PEER_EPOCHS", 4)
    first, second = (run_peer(splits, 3, {"path": str(tiny_bert)}) for _ in range(2))
    assert first == second


def test_a_word_that_the_encoder_drops_is_read_as_no_entity(splits, tiny_bert, monkeypatch):
    monkeypatch.setattr(benchmark, "PEER_LEARNING_RATES", (1e-2,))
    monkeypatch.setattr(benchmark, "PEER_EPOCHS", 1)
    query = sample.parse("like \u200b [korn](Artist)", "1")
    splits["test"] = [to_doc(query, spacy.blank("en").make_doc)]
    result = run_peer(splits, 0, {"path": str(tiny_bert)})
    assert result["test"]["queries"] == 1


def test_the_pipeline_learns_and_is_scored(splits, tiny_config, tiny_bert):
    config = util.load_config(tiny_config, interpolate=False)
    rate = {"training.optimizer.learn_rate.initial_rate": 0.004}
    result = run_pipeline(splits, 0, {"path": str(tiny_bert)}, config, rate)
    assert result["learning_rate"] == 0.004
    assert f1_of(result, "dev") == f1_of(result, "test") > 0.9
    assert result["test"]["queries"] == 20


def test_both_systems_are_run_stored_and_compared(run_main):
    output = run_main()
    document = srsly.read_json(output / "benchmark.json")
    assert [row["system"] for row in document["systems"]] == [PIPELINE, PEER]
    assert document["systems"][1]["learning_rates"] == [1e-3]
    stored = {path.name for path in output.glob("runs/*/*.json")}
    assert stored == {"en_music_ner-0.json", "token_classification-0.json"}
    table = (output / "benchmark.md").read_text(encoding="utf8")
    assert "encoder tiny-bert" in table
    assert "| token classification |" in table


def test_a_finished_run_is_not_run_again_but_with_another_recipe(run_main, monkeypatch):
    output = run_main()
    for path in output.glob("runs/*/*.json"):
        srsly.write_json(path, {**srsly.read_json(path), "learning_rate": 42})
    run_main()
    rows = srsly.read_json(output / "benchmark.json")["systems"]
    assert [row["learning_rates"] for row in rows] == [[42], [42]]
    monkeypatch.setattr(benchmark, "PEER_LEARNING_RATES", (2e-3,))
    run_main()
    rows = srsly.read_json(output / "benchmark.json")["systems"]
    assert [row["learning_rates"] for row in rows] == [[0.005], [2e-3]]


def test_scores_are_averaged_over_the_seeds_with_their_sample_deviation():
    runs = [
        run_of(2e-5, 0.5, 0.4, Artist=0.7, WoA=0.1),
        run_of(5e-5, 0.7, 0.4, Artist=0.7, WoA=0.4),
        run_of(2e-5, 0.6, 0.4, Artist=0.7, WoA=0.1),
    ]
    (row,) = summarize({"one": runs})
    assert (row["system"], row["seeds"], row["learning_rates"]) == ("one", 3, [2e-5, 5e-5])
    # Deviations of micro F1 from 0.6 are 0.1, 0.1 and 0; of WoA from 0.2: 0.1, 0.2 and 0.1.
    assert row["micro avg"]["mean"] == pytest.approx(0.6)
    assert row["micro avg"]["sd"] == pytest.approx(0.1)
    assert row["micro avg"]["values"] == [0.5, 0.7, 0.6]
    assert row["macro avg"]["sd"] == pytest.approx(0)
    assert row["WoA"]["mean"] == pytest.approx(0.2)
    assert row["WoA"]["sd"] == pytest.approx(0.03**0.5)


def test_a_single_seed_has_no_deviation_and_a_label_not_in_test_scores_zero():
    (row,) = summarize({"one": [run_of(1e-4, 0.5, 0.5, Artist=0.5)]})
    assert row["micro avg"] == {"mean": 0.5, "sd": 0.0, "values": [0.5]}
    assert row["WoA"]["values"] == [0.0]


def test_the_table_has_a_line_for_each_system():
    runs = [run_of(2e-5, 0.5, 0.4, Artist=0.7, WoA=0.1), run_of(5e-5, 0.7, 0.4, Artist=0.7, WoA=0)]
    lines = to_markdown(summarize({"one": runs, "two": runs[:1]}), "What this is.").splitlines()
    assert lines[0] == "What this is."
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines if "|" in line]
    assert rows[0] == ["system", "learning rate", "micro F1", "macro F1", "Artist F1", "WoA F1"]
    assert rows[2:] == [
        ["one", "2e-05, 5e-05", "0.600 ± 0.141", "0.400 ± 0.000", "0.700 ± 0.000", "0.050 ± 0.071"],
        ["two", "2e-05", "0.500 ± 0.000", "0.400 ± 0.000", "0.700 ± 0.000", "0.100 ± 0.000"],
    ]
