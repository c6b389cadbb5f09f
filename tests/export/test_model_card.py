"""The meta and the model card of a package."""

import srsly

from music_ner.export.model_card import describe, kinds_table
from tests.packages import CARD, FALLBACK, RATES


def test_the_meta_says_what_the_pipeline_is_and_where_it_comes_from(meta):
    assert meta["description"].startswith("Entities in requests for music: Artist, WoA")
    assert meta["license"] == "MIT"
    assert meta["author"] == "The en_music_ner authors"
    assert meta["sources"] == [
        {"name": "all-MiniLM-L6-v2 (encoder, Apache-2.0)"},
        {"name": "marked.csv"},
        {"name": "gold.bio"},
    ]
    assert meta["encoder"]["version"] == "abc123"
    assert meta["data"]["csv"][0]["sha256"] == "11"


def test_the_meta_keeps_what_spacy_wrote(meta, tiny_model):
    trained = srsly.read_json(tiny_model / "meta.json")
    assert meta["labels"] == trained["labels"]
    assert meta["labels"]["ner"] == ["Artist", "WoA"]
    assert meta["spacy_version"] == trained["spacy_version"]


def test_the_meta_performance_is_that_on_test(meta):
    assert meta["performance"]["ents_f"] == 1.0
    assert set(meta["performance"]["ents_per_type"]) == {"Artist", "WoA"}
    assert None not in meta["performance"].values()


def test_the_notes_give_scores_data_encoder_and_the_reason_of_the_fallback(meta):
    notes = " ".join(meta["notes"].split())
    assert 'spacy.load("en_tiny_packaged")' in notes
    assert "Trained on marked.csv, gold.bio (seed 5)" in notes
    assert "the encoder all-MiniLM-L6-v2 (bundled, version abc123)" in notes
    assert f"It is a fallback: {FALLBACK}." in notes
    assert "On the 20 test queries of test.bio, seqeval" in notes
    assert "micro F1 1.000 (95 % bootstrap interval 1.000 to 1.000), macro F1 1.000" in notes


def test_the_notes_say_why_scores_by_word_and_by_token_differ(meta):
    notes = " ".join(meta["notes"].split())
    assert "by token, micro F1 is 1.000" in notes
    assert "`sleepwalk` is right by word and wrong by token" in notes


def test_the_notes_give_scores_by_source_of_the_test_queries(meta):
    lines = meta["notes"].splitlines()
    header = lines.index("| source | queries | micro F1 | macro F1 | calibration error | AUROC |")
    assert lines[header - 1] == ""
    assert lines[header + 1] == "| --- | --- | --- | --- | --- | --- |"
    assert [line[:33] for line in lines[header + 2 : header + 4]] == [
        "| posts | 10 | 1.000 | 1.000 | 0.",
        "| searches | 10 | 1.000 | 1.000 |",
    ]
    assert lines[header + 2].endswith(" | – |")
    assert lines[header + 4] == ""


def test_scores_of_a_source_without_entities_are_dashes():
    unknown = {"queries": 3, "micro_f1": 0.5, "macro_f1": 0.25, "ece": None, "auroc": None}
    assert kinds_table({"posts": unknown}).splitlines()[2:] == [
        "| posts | 3 | 0.500 | 0.250 | – | – |"
    ]


def test_notes_and_meta_give_the_pass_rates_of_behaviour_tests(meta):
    assert "Behaviour tests (12, in the style of CheckList):\n\n| capability |" in meta["notes"]
    assert meta["notes"].splitlines()[-3:] == [
        "| typed search | 8 | 88% |",
        "| possessive | 4 | 100% |",
        "| all | 12 | 92% |",
    ]
    assert meta["behaviour"] == {"typed_search": 0.875, "possessive": 1.0, "all": 11 / 12}


def test_the_notes_name_no_file_of_test_queries_that_were_held_out(meta, metrics):
    held_out = {**metrics, "data": {**metrics["data"], "test_bio": []}}
    notes = " ".join(describe(meta, held_out, RATES, "Apache-2.0", CARD)["notes"].split())
    assert "On the 20 test queries, seqeval" in notes


def test_the_notes_speak_of_no_fallback_where_there_was_none(meta, metrics):
    preferred = {**metrics, "encoder": {**metrics["encoder"], "fallback": None}}
    assert "fallback" not in describe(meta, preferred, RATES, "Apache-2.0", CARD)["notes"]


def test_the_notes_of_a_fast_package_say_what_it_was_made_from(meta, metrics):
    fast = {"precision": "int8", "agreement": 0.975, "queries": 40}
    notes = describe(
        {**meta, "name": "tiny_fast", "fast": fast}, metrics, RATES, "Apache-2.0", CARD
    )["notes"]
    sentence = "that it was converted from finds the same entities in 97.5% of 40 queries."
    assert "runs in ONNX Runtime in int8" in notes
    assert sentence in " ".join(notes.split())
    assert "ONNX" not in meta["notes"]


def test_a_pipeline_without_scores_by_label_is_described_too(meta, metrics):
    nothing = {**metrics["test"]["spacy"], "ents_per_type": None}
    unscored = {**metrics, "test": {**metrics["test"], "spacy": nothing}}
    assert "ents_per_type" not in describe(meta, unscored, RATES, "Apache-2.0", CARD)["performance"]
