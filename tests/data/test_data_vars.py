"""Corpora from `vars.data`: any format, annotators, own labels, and files marked in part."""

import json

import pytest
import spacy
import srsly

from music_ner.data.corpora import convert
from scripts import sources

NLP = spacy.blank("en")
GENRES = [f"some genre{n} please" for n in range(12)]


@pytest.fixture
def converted(tmp_path):
    """Convert files of these records, by kind. RETURNS: docs, summary and what was rejected."""

    def run(labels="", partial=(), **files):
        paths = {kind: [] for kind in ("csv", "bio", "train_bio", "test_bio")}
        for kind, contents in files.items():
            paths[kind] = []
            for name, content in contents.items():
                path = tmp_path / name
                if not isinstance(content, str):
                    content = "".join(json.dumps(record) + "\n" for record in content)
                path.write_text(content, encoding="utf8")
                paths[kind].append(path)
        marked = [tmp_path / name for name in partial]
        return convert(**paths, seed=0, make_doc=NLP.make_doc, labels=labels, partial=marked)

    return run


def record(text, *names):
    """RETURNS: A record of doccano; names are marked texts with their labels."""
    spans = [[text.index(name), text.index(name) + len(name), label] for name, label in names]
    return {"text": text, "label": spans}


ARTISTS = [record(f"by artist{n}", (f"artist{n}", "Artist")) for n in range(12)]
GENRE_RECORDS = [record(text, (text.split()[1], "Genre")) for text in GENRES]


def entities(docs):
    return {doc.text: [(ent.text, ent.label_) for ent in doc.ents] for doc in docs}


def test_queries_of_any_format_are_split_and_counted(converted):
    bio = "".join(f"hit{n}\tB-WoA\n\n" for n in range(12))
    docs, summary, rejected = converted(
        data={"a.jsonl": ARTISTS, "b.jsonl": bio},
        train_data={"more.jsonl": [record("just sade", ("sade", "Artist"))]},
        test_data={"test.jsonl": [record("by artist3", ("artist3", "Artist"))]},
    )
    assert entities(docs["test"]) == {"by artist3": [("artist3", "Artist")]}
    assert sum(map(len, docs.values())) == 25
    assert summary["supplement"] == 1
    assert [item["reason"] for item in rejected] == ["the test set contains this query"]
    assert [summary["data"][path]["queries"] for path in summary["data"] if "a.js" in path] == [12]


def test_a_third_label_is_kept_and_counted(converted):
    _, summary, rejected = converted(data={"a.jsonl": ARTISTS, "b.jsonl": GENRE_RECORDS})
    assert (summary["labels"], rejected) == (["Artist", "Genre"], [])
    assert sum(split["Genre"] for split in summary["splits"].values()) == 12


def test_annotators_who_disagree_leave_it_missing_and_their_agreement_is_reported(converted):
    others = [record("by artist0", ("by artist0", "WoA")), *ARTISTS[1:]]
    docs, summary, _ = converted(data={"ann.jsonl": ARTISTS, "bob.jsonl": others})
    (doc,) = (doc for split in docs.values() for doc in split if doc.text == "by artist0")
    assert [token.ent_iob for token in doc] == [0, 0]
    assert [span.label_ for span in doc.spans["annotator"]] == ["WoA", "Artist"]
    (pair,) = summary["agreement_of_pairs"].items()
    assert pair[0] == "ann and bob"
    assert (pair[1]["queries"], round(pair[1]["f1"], 3)) == (12, 0.917)


def test_gold_decides_over_annotators_in_the_same_variable(converted):
    gold = "by\tO\nartist0\tB-WoA\n"
    docs, summary, _ = converted(data={"ann.jsonl": ARTISTS, "gold": gold})
    of_all = {k: v for split in docs.values() for k, v in entities(split).items()}
    assert of_all["by artist0"] == [("artist0", "WoA")]
    assert summary["agreement"] == {"ann": {"queries": 1, "f1": 0.0}}


def test_labels_are_mapped_and_those_that_are_not_named_become_missing(converted):
    data = {"a.jsonl": [*ARTISTS, record("some xx yy", ("xx", "Track"), ("yy", "Mood"))]}
    docs, summary, rejected = converted(labels="Artist,Track=WoA", data=data)
    (doc,) = (doc for split in docs.values() for doc in split if doc.text == "some xx yy")
    assert [(token.ent_type_, token.ent_iob) for token in doc] == [("", 2), ("WoA", 3), ("", 0)]
    assert summary["spans_of_other_labels"] == 1
    assert rejected[0]["reason"].startswith("'yy' has the label Mood, which vars.labels does not")


def test_outside_the_spans_of_files_marked_in_part_it_is_missing(converted):
    docs, summary, _ = converted(
        data={"a.jsonl": [*ARTISTS, *GENRE_RECORDS]},
        train_data={"old.jsonl": [record("rock by sade", ("sade", "Artist")), record("calm")]},
        partial=["old.jsonl"],
    )
    old = {doc.text: doc for doc in docs["train"] if doc.user_data.get("supplement")}
    assert [token.ent_iob for token in old["rock by sade"]] == [0, 0, 3]
    assert [token.ent_iob for token in old["calm"]] == [0]
    assert summary["splits"]["train"]["missing_tokens"] == 3


@pytest.fixture
def run_convert(tmp_path, run_script):
    """Run the commands on a file of these records. RETURNS: The finished process."""

    def run(records, *options):
        path = tmp_path / "own.jsonl"
        path.write_text("".join(json.dumps(item) + "\n" for item in records), encoding="utf8")
        chosen = dict.fromkeys(("csv", "bio", "train_bio", "test_bio", "catalogue"), "")
        sources.main(tmp_path / "sources.json", **chosen, data=str(path))
        return run_script("convert", tmp_path / "sources.json", tmp_path / "corpus", *options)

    return run


TWENTY = [record(f"by artist{n}", (f"artist{n}", "Artist")) for n in range(40)]


def test_the_command_shows_labels_and_warns_of_look_alikes(run_convert, tmp_path):
    # More than ten copies of each writing, so that dev and test have both.
    odd = [record(f"now artist{n}", (f"artist{n}", "artist")) for n in range(30)]
    done = run_convert([*TWENTY, *odd], "--labels", "")
    assert done.returncode == 0, done.stdout
    said = " ".join(done.stdout.split())
    assert "The label artist is rare, and looks like Artist" in said
    assert "--vars.labels artist=Artist" in said
    assert srsly.read_json(tmp_path / "corpus" / "summary.json")["labels"] == ["Artist", "artist"]


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (["--labels", "a=b=c"], "vars.labels: 'b=c' is no label"),
        (["--partial", "other.jsonl"], "vars.partial: other.jsonl is not read"),
        (["--labels", "Artist=bias,bias"], "'bias' is no label"),
    ],
)
def test_variables_that_cannot_be_read_end_the_command(run_convert, options, problem):
    done = run_convert(TWENTY, *options)
    assert done.returncode == 1
    assert problem in " ".join(done.stdout.split())
