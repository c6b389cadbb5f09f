import json
import math
import re
from collections import Counter
from dataclasses import replace

import pytest
import spacy
import srsly
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.tokens import DocBin

from music_ner.data import corpora
from music_ner.data.bio import write_bio
from music_ner.data.marked import parse, read
from music_ner.data.offsets_csv import write_csv
from music_ner.data.query import AMBIGUOUS, Query, Span, to_doc
from music_ner.data.writings import place, query_key
from scripts import convert, sample, sources
from tests.conftest import ROOT

NLP = spacy.blank("en")
OUTPUTS = {"train.spacy", "dev.spacy", "test.spacy", "summary.json", "rejected.jsonl"}


def gold(line, query_id="gold"):
    """A gold query of a marked line."""
    query = parse(line, query_id)
    return replace(query, spans=tuple(span._replace(certainty="") for span in query.spans))


def annotated(line, annotator="ann", query_id="1"):
    """A query of a marked line, as `read_csv` reads it."""
    query = parse(line, query_id)
    spans = tuple(span._replace(annotator=annotator) for span in query.spans)
    return replace(query, spans=spans, annotations=spans, annotators=(annotator,))


def layer(query):
    """RETURNS: Text, label and annotator of the annotators' spans."""
    return [(query.text[s.start : s.end], s.label, s.annotator) for s in query.annotations]


def texts(docs_or_queries):
    return [item.text for item in docs_or_queries]


@pytest.fixture
def converted(tmp_path):
    """Convert files of these names and contents, from memory to memory.

    Names that start with "test_", "train_" or "gold" are chosen as that, other CSV files as
    annotators'; those that end in .csv hold the rows below the header. RETURNS: The docs of each
    split, the summary and what was rejected.
    """

    def run(files, seed=0):
        paths = {"csv": [], "bio": [], "train_bio": [], "test_bio": []}
        for name, content in files.items():
            path = tmp_path / name
            header = "id,text,start_offset,end_offset,label\n" if path.suffix == ".csv" else ""
            path.write_text(header + content, encoding="utf8")
            kind = re.match("(test_|train_)?(gold)?", name)
            is_annotators = path.suffix == ".csv" and not any(kind.groups())
            paths["csv" if is_annotators else f"{kind[1] or ''}bio"].append(path)
        return corpora.convert(**paths, seed=seed, make_doc=NLP.make_doc)

    return run


def bio(*lines):
    """RETURNS: A BIO file's content, of lines with words and tags such as `by sade/Artist`."""
    blocks = []
    for line in lines:
        pairs = [word.partition("/") for word in line.split()]
        blocks.append("".join(f"{w}\t{'B-' + label if label else 'O'}\n" for w, _, label in pairs))
    return "\n".join(blocks)


GOLD = bio(*[f"number {n} by artist{n}/Artist" for n in range(12)])


# place


@pytest.mark.parametrize(
    ("line", "text", "placed"),
    [
        ("like [sade](Artist)", "like sade", "sade"),
        ("LIKE [SADE](Artist) MORE", "like sade more", "sade"),
        ("like  [sade](Artist),more", "like sade, more", "sade"),
        ("songs like [p!nk](Artist)", "songs like pnk", "pnk"),
        ("by [acdc](Artist) please", "by a.c.d.c please", "a.c.d.c"),
        ("by [beyonce](Artist)", "by beyoncé", "beyoncé"),
        ("HIP HOP [LIKE](WoA) ADELE", "hip-hop like adele", "like"),
        ("one two three [one two](WoA)", "one two-three: one-two", "one-two"),
        ("a b c a [bc](WoA)", "a bc a b c", "b c"),
    ],
)
def test_a_span_is_placed_on_another_writing_of_its_query(line, text, placed):
    query = annotated(line)
    spans, lost = place(query, Query("gold", text))
    assert [text[span.start : span.end] for span in spans] == [placed]
    assert [span[2:] for span in spans] == [span[2:] for span in query.spans]
    assert lost == []


def test_a_span_of_which_nothing_is_left_in_the_other_writing_is_lost():
    query = annotated("songs like [!!!](Artist) and [sade](Artist)")
    spans, lost = place(query, Query("gold", "songs like and sade"))
    assert [span[:2] for span in spans] == [(15, 19)]
    assert lost == [query.spans[0]]


# join


def test_gold_decides_and_the_annotators_spans_are_kept_beside_it():
    joined, others, lost = corpora.join(
        [gold("[halo](WoA) by sade")], [annotated("halo by [sade](Artist)")]
    )
    assert joined[0].spans == (Span(0, 4, "WoA"),)
    assert layer(joined[0]) == [("sade", "Artist", "ann")]
    assert others == lost == []


@pytest.mark.parametrize("text", ["HALO BY SADE", "halo, by sade!", "halo  bysade", "hálo by sade"])
def test_writings_of_one_query_join(text):
    joined, others, _ = corpora.join([gold("[halo](WoA) by sade")], [Query("1", text)])
    assert texts(joined) == ["halo by sade"]
    assert others == []


def test_other_queries_do_not_join():
    joined, others, _ = corpora.join([gold("[halo](WoA)")], [annotated("[halo 2](WoA)")])
    assert layer(joined[0]) == []
    assert texts(others) == ["halo 2"]


def test_spans_are_placed_on_each_writing_of_a_gold_query():
    joined, _, _ = corpora.join(
        [gold("songs, like halo"), gold("songs like halo"), gold("songs like: halo!")],
        [annotated("songs - like [halo](WoA)")],
    )
    assert [layer(query) for query in joined] == [[("halo", "WoA", "ann")]] * 3


def test_a_span_that_no_gold_writing_holds_is_lost_once():
    query = annotated("by [!!!](Artist) please")
    joined, _, lost = corpora.join([gold("by, please"), gold("by please")], [query])
    assert [layer(query) for query in joined] == [[], []]
    assert lost == [(query, query.spans[0])]


def test_the_annotator_named_first_decides_where_there_is_no_gold():
    first, second = annotated("halo by [sade](Artist)"), annotated("[halo](WoA) by sade", "bea")
    for order, entity in (([first, second], "Artist"), ([second, first], "WoA")):
        _, (query,), _ = corpora.join([], order)
        assert [span.label for span in query.spans] == [entity]
        assert layer(query) == [("halo", "WoA", "bea"), ("sade", "Artist", "ann")]


def test_several_annotators_spans_are_all_kept_beside_gold():
    (query,), _, _ = corpora.join(
        [gold("halo by [sade](Artist)")],
        [annotated("halo by [sade](Artist)"), annotated("HALO BY [SADE](WoA)", "bea")],
    )
    assert layer(query) == [("sade", "Artist", "ann"), ("sade", "WoA", "bea")]


# agreement


def test_an_annotator_who_marks_what_gold_marks_agrees():
    joined, _, _ = corpora.join(
        [gold("halo by [sade](Artist)"), gold("calm")], [annotated("halo by [sade](Artist)")]
    )
    assert corpora.agreement(joined) == {"ann": {"queries": 1, "f1": 1.0}}


def test_agreement_is_the_f1_of_each_annotators_spans_against_gold():
    joined, _, _ = corpora.join(
        [gold("[halo](WoA) by [sade adu](Artist)"), gold("more [korn](Artist)")],
        [
            annotated("[halo](WoA) by [sade](Artist) adu"),
            annotated("more [korn](Artist)"),
            annotated("more [korn](WoA)", "bea"),
        ],
    )
    # ann: 2 of 3 spans are right, of 3 gold ones; bea: the wrong label
    assert corpora.agreement(joined) == {
        "ann": {"queries": 2, "f1": pytest.approx(2 / 3)},
        "bea": {"queries": 1, "f1": 0.0},
    }


def test_an_annotator_who_marks_nothing_misses_what_gold_marks():
    joined, _, _ = corpora.join(
        [gold("halo by [sade](Artist)"), gold("[korn](Artist)"), gold("calm")],
        [annotated("halo by sade"), annotated("[korn](Artist)"), annotated("calm")],
    )
    assert corpora.agreement(joined) == {"ann": {"queries": 3, "f1": pytest.approx(2 / 3)}}


def test_an_ambiguous_span_agrees_with_no_gold_entity():
    span = Span(8, 12, AMBIGUOUS, "", "ann")
    query = Query("1", "halo by sade", (span,), (span,), annotators=("ann",))
    joined, _, _ = corpora.join([gold("halo by [sade](Artist)")], [query])
    assert corpora.agreement(joined) == {"ann": {"queries": 1, "f1": 0.0}}


# split

WRITINGS = (str, str.upper, str.title, "{} !".format, "- {}".format, lambda s: s.replace(" ", "  "))


@st.composite
def query_lists(draw):
    """Queries of two sources, some several times in other case, with other spaces and signs."""
    words = st.lists(st.sampled_from(["slow", "funk", "for", "rain"]), min_size=1, max_size=3)
    queries = []
    for text in draw(st.lists(words.map(" ".join), min_size=1, max_size=30)):
        text = draw(st.sampled_from(WRITINGS))(text)
        spans = draw(st.sampled_from([(), (Span(0, 4, "WoA"),), (Span(0, 4, "Artist"),)]))
        source = draw(st.sampled_from(["posts", "searches"]))
        queries.append(Query(f"{source}:{len(queries)}", text, spans))
    return queries


def stratum(query):
    return query.source, *(span.label for span in query.spans)


def keys(queries):
    return {query_key(query.text) for query in queries}


@given(queries=query_lists(), seed=st.integers(0, 99))
def test_no_query_is_in_two_splits_and_each_is_in_one(queries, seed):
    splits = corpora.split(queries, [], seed)
    assert Counter(q.id for split in splits.values() for q in split) == Counter(
        q.id for q in queries
    )
    assert sum(len(keys(split)) for split in splits.values()) == len(keys(queries))


@given(queries=query_lists(), seed=st.integers(0, 99), share=st.sampled_from([0.1, 0.3, 0.5]))
def test_each_stratum_is_held_out_by_its_share(queries, seed, share):
    distinct = list({query_key(query.text): query for query in reversed(queries)}.values())
    kept, held_out = corpora.hold_out(distinct, share, seed)
    count = len(held_out)
    assert count - 1 < share * len(distinct) <= count
    strata, held = Counter(map(stratum, distinct)), Counter(map(stratum, held_out))
    for of_stratum, size in strata.items():
        assert abs(held[of_stratum] - size * count / len(distinct)) < 1
    assert len(kept) + count == len(distinct)


@pytest.mark.parametrize(
    ("size", "train", "dev", "test"),
    [(100, 81, 9, 10), (599, 485, 54, 60), (12, 9, 1, 2), (3, 1, 1, 1), (2, 0, 1, 1), (0, 0, 0, 0)],
)
def test_a_tenth_is_test_and_a_tenth_of_the_rest_dev(size, train, dev, test):
    queries = [Query(str(n), f"number {n}") for n in range(size)]
    splits = corpora.split(queries, [], seed=0)
    assert {name: len(split) for name, split in splits.items()} == {
        "train": train,
        "dev": dev,
        "test": test,
    }


def test_labels_are_spread_evenly_over_the_splits():
    queries = [gold(f"[a{n}](Artist)") for n in range(50)] + [gold(f"b{n}") for n in range(50)]
    test = corpora.split(queries, [], seed=3)["test"]
    assert [bool(query.spans) for query in test] == [True] * 5 + [False] * 5


def test_sources_are_spread_evenly_over_the_splits():
    sources = ["posts"] * 40 + ["searches"] * 40 + ["questions"] * 20
    queries = [Query(f"{source}:{n}", f"number {n}") for n, source in enumerate(sources)]
    splits = corpora.split(queries, [], seed=3)
    shares = {
        name: Counter(query.source for query in splits[name]) for name in ("train", "dev", "test")
    }
    assert shares["test"] == {"posts": 4, "searches": 4, "questions": 2}
    assert 3 <= shares["dev"]["posts"] <= 4
    assert 1 <= shares["dev"]["questions"] <= 2


def test_labels_are_spread_evenly_within_a_source():
    queries = [
        replace(gold(line.format(n=f"{kind}{n}")), id=f"{kind}:{n}")
        for kind in ("posts", "searches")
        for n in range(20)
        for line in ("[a{n}](Artist)", "b{n}", "[c{n}](WoA)")
    ]
    test = corpora.split(queries, [], seed=3)["test"]
    assert Counter(map(stratum, test)) == {
        (source, *labels): 2
        for source in ("posts", "searches")
        for labels in ((), ("Artist",), ("WoA",))
    }


def test_the_split_follows_the_seed_and_not_the_order_of_queries():
    queries = [Query(str(n), f"number {n}") for n in range(100)]
    first = keys(corpora.split(queries, [], seed=0)["test"])
    assert keys(corpora.split(queries[::-1], [], seed=0)["test"]) == first
    assert keys(corpora.split(queries, [], seed=1)["test"]) != first


def test_a_fixed_test_set_is_taken_as_it_is():
    queries = [Query(str(n), f"number {n}") for n in range(20)]
    fixed = [Query("t", "calm piano")]
    splits = corpora.split(queries, fixed, seed=0)
    assert [len(splits[name]) for name in ("train", "dev", "test")] == [18, 2, 1]
    assert splits["test"] == fixed


# convert


def test_docs_hold_gold_entities_and_the_annotators_layer(converted):
    docs, *_ = converted({"gold.bio": GOLD, "ann.csv": "7,Number 3 by Artist3,0,8,WoA_deduced\n"})
    (doc,) = (d for split in docs.values() for d in split if d.text == "number 3 by artist3")
    assert [(ent.text, ent.label_) for ent in doc.ents] == [("artist3", "Artist")]
    assert [(span.text, span.label_) for span in doc.spans["annotator"]] == [("number 3", "WoA")]
    assert doc.spans["annotator"].attrs == {"annotator": ["ann"], "certainty": ["deduced"]}


@pytest.mark.parametrize("name", ["ann.csv", "gold.csv"])
def test_queries_of_all_files_are_split(converted, name):
    rows = "".join(f"{n},halo by artist {n},0,4,WoA\n" for n in range(40))
    negatives = bio(*[f"calm piano {n}" for n in range(40)])
    docs, summary, _ = converted({name: rows, "gold.bio": negatives})
    assert [len(docs[name]) for name in ("train", "dev", "test")] == [64, 8, 8]
    assert [summary["splits"][name]["WoA"] for name in ("train", "dev", "test")] == [32, 4, 4]


def test_gold_is_known_where_the_annotator_was_unsure(converted):
    files = {"gold.bio": GOLD, "ann.csv": "7,number 3 by artist3,0,8,Artist_or_WoA\n"}
    docs, summary, _ = converted(files)
    assert all(token.ent_iob for split in docs.values() for doc in split for token in doc)
    assert all(split["missing_tokens"] == 0 for split in summary["splits"].values())


def test_an_ambiguous_span_without_gold_becomes_missing_tokens(converted):
    docs, summary, _ = converted(
        {"gold.bio": GOLD, "ann.csv": "7,more halo by sade,5,9,Artist_or_WoA\n"}
    )
    (doc,) = (d for split in docs.values() for d in split if d.text == "more halo by sade")
    assert [token.ent_iob for token in doc] == [2, 0, 2, 2]
    assert [span.label_ for span in doc.spans["annotator"]] == [AMBIGUOUS]
    assert sum(split["missing_tokens"] for split in summary["splits"].values()) == 1


def test_all_outside_the_spans_of_a_query_with_a_rejected_row_is_missing(converted):
    rows = "7,more halo by sade,5,9,WoA\n7,more halo by sade,13,99,Artist\n"
    docs, _, rejected = converted({"gold.bio": GOLD, "ann.csv": rows})
    (doc,) = (d for split in docs.values() for d in split if d.text == "more halo by sade")
    assert [token.ent_iob for token in doc] == [0, 3, 0, 0]
    assert [item["row"] for item in rejected] == [3]


def test_queries_for_train_alone_are_in_no_other_split(converted):
    more = bio("one more halo/WoA", "and another")
    without, *_ = converted({"gold.bio": GOLD})
    docs, summary, _ = converted({"gold.bio": GOLD, "train_more.bio": more})
    assert texts(docs["train"]) == [*texts(without["train"]), "one more halo", "and another"]
    assert texts(docs["dev"] + docs["test"]) == texts(without["dev"] + without["test"])
    marked = [doc.text for doc in docs["train"] if doc.user_data.get("supplement")]
    assert marked == ["one more halo", "and another"]
    assert not any("supplement" in doc.user_data for doc in without["train"])
    assert summary["supplement"] == 2
    (counts,) = summary["train_bio"].values()
    assert counts["words"] == 5
    more = bio("Number 3, by artist3!", "calm, piano", "one more")
    files = {"gold.bio": GOLD, "train_more.bio": more, "test_gold.bio": bio("calm piano")}
    docs, _, rejected = converted(files)
    assert sum(text == "one more" for text in texts(docs["train"])) == 1
    assert [item["content"] for item in rejected] == ["Number 3, by artist3!", "calm, piano"]
    assert all("another file" in item["reason"] for item in rejected)


def test_queries_that_the_fixed_test_set_holds_are_left_out_and_rejected(converted):
    test = bio("Number 3, by artist3!/Artist", "calm piano")
    docs, summary, rejected = converted({"gold.bio": GOLD, "test_gold.bio": test})
    assert texts(docs["test"]) == ["Number 3, by artist3!", "calm piano"]
    assert len(docs["train"]) + len(docs["dev"]) == 11
    assert summary["left_out_for_the_test_set"] == 1
    ((file, reason, content),) = (item.values() for item in rejected)
    assert (file, content) == ("gold.bio:16", "number 3 by artist3")
    assert "test set" in reason


def test_an_annotated_query_that_the_fixed_test_set_holds_is_not_trained_on(converted):
    rows = "".join(f"{n},other {n},0,5,WoA\n" for n in range(10)) + "10,calm piano,0,4,WoA\n"
    docs, summary, _ = converted({"ann.csv": rows, "test_gold.bio": bio("Calm piano/Artist")})
    assert texts(docs["test"]) == ["Calm piano"]
    assert [span.text for span in docs["test"][0].spans["annotator"]] == ["Calm"]
    assert "calm piano" not in texts(docs["train"] + docs["dev"])
    assert summary["joined_queries"] == 1


def bio_of(*copies):
    return bio(*copies, *[f"number {n} by artist{n}/Artist" for n in range(12)])


RIGHT, WRONG, OTHER = "play halo/WoA", "play halo/Artist", "Play, halo"


@pytest.mark.parametrize(
    ("copies", "kept"),
    [
        ([RIGHT, WRONG], []),
        ([RIGHT, OTHER], []),
        ([RIGHT, WRONG, OTHER], []),
        ([RIGHT, WRONG, RIGHT, WRONG], []),
        ([RIGHT, RIGHT, WRONG, OTHER], []),
        ([RIGHT, WRONG, RIGHT], [RIGHT, RIGHT]),
        ([WRONG, RIGHT, "PLAY HALO!/WoA", OTHER, RIGHT], [RIGHT, "PLAY HALO!/WoA", RIGHT]),
        (["play, halo/WoA", RIGHT], ["play, halo/WoA", RIGHT]),
        (["- halo/WoA !", "halo/WoA"], ["- halo/WoA !", "halo/WoA"]),
        (["play !!!/Artist", "play !!!/Artist", "play !!!"], ["play !!!/Artist"] * 2),
        (["halo/WoA halo", "halo halo/WoA"], []),
    ],
)
@pytest.mark.parametrize("kind", ["", "train_", "test_"])
@pytest.mark.parametrize("several_files", [True, False])
def test_of_gold_that_contradicts_itself_the_majority_is_kept(
    converted, copies, kept, kind, several_files
):
    if several_files:
        files = {f"{kind}{n}.bio": bio(copy) for n, copy in enumerate(copies)}
    else:
        files = {f"{kind}all.bio": bio(*copies)}
    docs, summary, rejected = converted({"gold.bio": GOLD, **files})
    marked = [
        (doc.text, [(ent.text, ent.label_) for ent in doc.ents])
        for split in docs.values()
        for doc in split
        if "number" not in doc.text
    ]
    expected = [
        (re.sub("/(WoA|Artist)", "", line), re.findall(r"(\S+)/(WoA|Artist)", line))
        for line in kept
    ]
    assert sorted(marked) == sorted(expected)
    assert len(rejected) == len(copies) - len(kept)
    assert all(re.search("gold copies .*: correct", item["reason"]) for item in rejected)
    assert sum(bool(item["entities"]) for item in rejected) == sum(
        "/" in line for line in copies
    ) - sum("/" in line for line in kept)
    text = re.sub("/(WoA|Artist)", "", copies[0])
    contradiction = {"text": text, "copies": len(copies), "kept": len(kept)}
    assert summary["contradictions"] == ([] if len(kept) == len(copies) else [contradiction])


def test_a_query_on_which_gold_is_undecided_is_taken_from_no_other_file(converted):
    rows = "7,Play halo,5,9,WoA\n8,calm halo,5,9,WoA\n"
    more = bio("play halo/WoA", "one more")
    for kind in ("", "test_"):
        files = {"gold.bio": GOLD, f"{kind}more.bio": bio(RIGHT, WRONG)}
        docs, summary, rejected = converted({**files, "ann.csv": rows, "train_more.bio": more})
        found = [text for split in docs.values() for text in texts(split)]
        assert not [text for text in found if "play" in text.lower()]
        assert {"calm halo", "one more"} < set(found)
        assert [item["content"] for item in rejected] == ["play halo"] * 2 + [
            "Play halo",
            "play halo",
        ]
        assert summary["queries_without_gold"] == 1


def test_gold_that_the_test_set_holds_too_does_not_contradict_it(converted):
    files = {"gold.bio": bio_of(WRONG, WRONG), "test_gold.bio": bio(RIGHT)}
    docs, summary, _ = converted(files)
    assert [(ent.text, ent.label_) for ent in docs["test"][0].ents] == [("halo", "WoA")]
    assert summary["contradictions"] == []
    assert summary["left_out_for_the_test_set"] == 2


OFFSETS = """\
1,"Sleepwalk? By Santo",0,9,WoA_known
1,"Sleepwalk? By Santo",14,19,Artist
2,"Calm, piano!",,,
3,"More (Sade)",6,10,Artist_or_WoA
4,"Like R.E.M.?",5,11,Artist
4,"Like R.E.M.?",11,99,Artist
"""


@pytest.mark.parametrize("kind", ["gold", "train_gold", "test_gold"])
def test_gold_may_be_a_csv_with_offsets(converted, kind):
    files = {"gold.bio": GOLD, f"{kind}_offsets.csv": OFFSETS}
    docs, summary, rejected = converted(files)
    of_file = {
        doc.text: doc
        for split in docs.values()
        for doc in split
        if doc.user_data["id"].startswith(f"{kind}_offsets.csv:")
    }
    assert {
        text: [(ent.text, ent.label_) for ent in doc.ents] for text, doc in of_file.items()
    } == {
        "Sleepwalk? By Santo": [("Sleepwalk", "WoA"), ("Santo", "Artist")],
        "Calm, piano!": [],
        "More (Sade)": [],
        "Like R.E.M.?": [("R.E.M.", "Artist")],
    }
    assert [token.ent_iob_ for token in of_file["Calm, piano!"]] == ["O"] * 4
    assert [token.ent_iob_ for token in of_file["More (Sade)"]] == ["O", "O", "", "O"]
    assert [token.ent_iob_ for token in of_file["Like R.E.M.?"]] == ["", "B", ""]
    assert all(len(doc.spans["annotator"]) == 0 for doc in of_file.values())
    (counts,) = (
        counts
        for name in ("bio", "train_bio", "test_bio")
        for path, counts in summary[name].items()
        if path.endswith(".csv")
    )
    assert (counts["rows"], counts["spans"], counts["without_entities"]) == (6, 4, 1)
    assert [item["row"] for item in rejected] == [7]
    assert summary["queries_without_gold"] == 0
    if kind == "test_gold":
        assert sorted(texts(docs["test"])) == sorted(of_file)


def test_a_span_that_the_gold_text_does_not_hold_is_rejected_with_its_reason(converted):
    rows = "7,number 3 (!!!) by artist3,10,13,WoA\n"
    _, summary, rejected = converted({"gold.bio": GOLD, "ann.csv": rows})
    assert summary["spans_not_placed"] == 1
    ((file, reason, content),) = (item.values() for item in rejected)
    assert (file, content) == ("ann.csv:7", "number 3 (!!!) by artist3")
    assert "'!!!'" in reason


def test_the_summary_says_what_joined_and_what_did_not(converted):
    rows = "7,number 3 by artist3,0,8,WoA\n8,calm halo,5,9,WoA\n"
    _, summary, _ = converted({"gold.bio": GOLD, "ann.csv": rows, "bea.csv": rows})
    assert summary["joined_queries"] == 2
    assert summary["queries_without_gold"] == 1
    assert summary["not_joined"] == [{"id": "ann.csv:8", "text": "calm halo"}]
    assert set(summary["agreement"]) == {"ann", "bea"}


def test_the_summary_counts_what_each_split_holds(converted):
    _, summary, _ = converted({"gold.bio": GOLD + "\n" + bio("calm piano")})
    splits = summary["splits"]
    assert sum(split["queries"] for split in splits.values()) == 13
    assert sum(split["with_entities"] for split in splits.values()) == 12
    assert sum(split["without_entities"] for split in splits.values()) == 1
    assert sum(split["Artist"] for split in splits.values()) == 12
    assert summary["labels"] == ["Artist"]
    assert sum(split["tokens"] for split in splits.values()) == 12 * 4 + 2


def test_nothing_has_joined_where_there_is_no_gold(converted):
    rows = "".join(f"{n},other {n},0,5,WoA\n" for n in range(10))
    _, summary, _ = converted({"ann.csv": rows})
    assert summary["joined_queries"] == 0
    assert summary["not_joined"] == []
    assert summary["agreement"] == {}


@settings(deadline=None)
@given(data=st.data())
def test_a_layer_is_placed_on_every_writing_of_a_query(data):
    words = data.draw(st.lists(st.sampled_from(["sade", "r&b", "halo"]), min_size=1, max_size=4))
    written = []
    for _ in range(3):
        separator = st.sampled_from([" ", ", ", "-", "! ", ""])
        text = "".join(word + data.draw(separator) for word in words).strip()
        written.append(data.draw(st.sampled_from([str.lower, str.upper]))(text))
    *golds, other = written
    start = other.lower().rindex(words[-1])
    span = Span(start, start + len(words[-1]), "WoA", "", "ann")
    joined, _, lost = corpora.join(
        [Query("g", text) for text in golds], [Query("1", other, (span,), (span,))]
    )
    assert lost == []
    for query in joined:
        ((marked, *_),) = layer(query)
        assert marked.lower() == words[-1]
        doc = to_doc(query, NLP.make_doc)
        assert [span.text for span in doc.spans["annotator"]] != []


# main


@pytest.fixture(scope="module")
def noted(tmp_path_factory):
    """A sources.json of a BIO and a CSV file: 100 gold queries, 30 annotated, some rows faulty."""
    folder = tmp_path_factory.mktemp("data")
    queries = [gold(f"number {n} by [artist{n}](Artist)", str(n)) for n in range(100)]
    write_bio(folder / "gold.bio", queries)
    spans = (Span(0, 6, AMBIGUOUS, "deduced"), Span(7, 999, "WoA", "known"))
    write_csv(
        folder / "ann.csv", [Query(str(n), f"Number {n}", spans[: 1 + n % 2]) for n in range(30)]
    )
    csv, bio = str(folder / "ann.csv"), str(folder / "gold.bio")
    chosen = {"csv": csv, "bio": bio, "train_bio": "", "test_bio": "", "catalogue": ""}
    sources.main(folder / "sources.json", **chosen)
    return folder / "sources.json"


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_one_seed_gives_the_same_bytes_and_another_seed_another_split(noted, tmp_path):
    for name, seed in (("a", 7), ("b", 7), ("c", 8)):
        convert.main(noted, tmp_path / name, seed=seed)
    first = contents(tmp_path / "a")
    assert set(first) == OUTPUTS
    assert contents(tmp_path / "b") == first
    assert contents(tmp_path / "c")["test.spacy"] != first["test.spacy"]


def test_one_seed_gives_the_same_bytes_in_another_process(noted, tmp_path, run_script):
    # where strings have other hashes
    convert.main(noted, tmp_path / "a", seed=7)
    assert run_script("convert", noted, tmp_path / "b", "--seed", 7).returncode == 0
    assert contents(tmp_path / "b") == contents(tmp_path / "a")


def test_what_is_written_is_what_was_converted(noted, tmp_path):
    convert.main(noted, tmp_path, seed=0)
    summary = json.loads((tmp_path / "summary.json").read_text())
    for name in ("train", "dev", "test"):
        docs = list(DocBin().from_disk(tmp_path / f"{name}.spacy").get_docs(NLP.vocab))
        assert corpora.describe(docs, summary["labels"]) == summary["splits"][name]
        assert all("annotator" in doc.spans and doc.user_data["id"] for doc in docs)
    assert summary["seed"] == 0
    assert [summary["splits"][name]["queries"] for name in convert.SPLITS] == [105, 12, 13]
    rejected = list(srsly.read_jsonl(tmp_path / "rejected.jsonl"))
    assert len(rejected) == 15
    assert all(re.match("the span 7 to 999 .*text", item["reason"]) for item in rejected)


def test_contradictions_are_counted(tmp_path, capsys):
    lines = [f"number {n} by artist{n}/Artist" for n in range(30)]
    undecided = ["play halo/Artist", "play/Artist halo"]
    decided = ["one/Artist", "one/Artist", "one"]
    (tmp_path / "gold.bio").write_text(bio(*lines, *undecided, *decided))
    gold = str(tmp_path / "gold.bio")
    chosen = {"csv": "", "bio": gold, "train_bio": "", "test_bio": "", "catalogue": ""}
    sources.main(tmp_path / "sources.json", **chosen)
    convert.main(tmp_path / "sources.json", tmp_path / "corpus", seed=0)
    said = " ".join(capsys.readouterr().out.split())
    assert "2 queries have contradictory gold: 1 with a majority" in said
    assert "3 rejected" in said


def test_tables_of_the_counts_and_splits_are_shown(noted, tmp_path, capsys):
    convert.main(noted, tmp_path, seed=0)
    said = "".join(capsys.readouterr().out.split())
    assert "45rows,30spans,0without_entities,0duplicates,15rejected" in said
    assert "30annotatedquerieshavenogold:thefirstannotatordecides" in said
    assert "queries1051213" in said
    assert "15rejected:" in said


def test_too_few_queries_end_the_command_and_what_was_rejected_is_written(tmp_path, run_script):
    (tmp_path / "gold.bio").write_text(
        bio("more sade/Artist", "calm/Song").replace("B-Song", "Song")
    )
    gold = str(tmp_path / "gold.bio")
    chosen = {"csv": "", "bio": gold, "train_bio": "", "test_bio": "", "catalogue": ""}
    sources.main(tmp_path / "sources.json", **chosen)
    done = run_script("convert", tmp_path / "sources.json", tmp_path / "corpus")
    assert done.returncode == 1
    assert "Noqueryisleftfortrain" in "".join(done.stdout.split())
    assert list(contents(tmp_path / "corpus")) == ["rejected.jsonl"]
    (item,) = srsly.read_jsonl(tmp_path / "corpus" / "rejected.jsonl")
    assert (item["row"], item["query"]) == (4, "calm")


@pytest.fixture
def run_main(tmp_path, capsys):
    """Run the command on files of these names and contents (see `converted`), by kind.

    RETURNS: The exit code and what was printed, without white space.
    """

    def run(**files):
        chosen = dict.fromkeys(("csv", "bio", "train_bio", "test_bio", "catalogue"), "")
        for kind, content in files.items():
            chosen[kind] = str(tmp_path / f"{kind}.{kind[-3:]}")
            header = "id,text,start_offset,end_offset,label\n" if kind == "csv" else ""
            (tmp_path / f"{kind}.{kind[-3:]}").write_text(header + content)
        sources.main(tmp_path / "sources.json", **chosen)
        try:
            convert.main(tmp_path / "sources.json", tmp_path / "corpus", seed=0)
            code = 0
        except SystemExit as stop:
            code = stop.code
        return code, "".join(capsys.readouterr().out.split())

    return run


ARTISTS = [f"number {n} by artist{n}/Artist" for n in range(40)]
WORKS = [f"halo{n}/WoA please" for n in range(20)]
POSITIVES = "".join(f"{n},number {n} by artist,0,6,WoA\n" for n in range(20))
NEGATIVES = [f"calm piano {n}" for n in range(40)]


@pytest.mark.parametrize(
    "files",
    [
        {"csv": POSITIVES, "bio": bio(*NEGATIVES)},
        {"bio": bio(*ARTISTS, *WORKS)},
        {"bio": bio(*ARTISTS, *WORKS), "test_bio": bio("a/WoA b", "c/Artist")},
        {"bio": bio(*ARTISTS), "test_bio": bio("a/WoA b", "c/Artist")},
    ],
)
def test_corpora_are_written_where_dev_and_test_have_the_labels_of_train(run_main, tmp_path, files):
    code, said = run_main(**files)
    assert code == 0, said
    assert set(contents(tmp_path / "corpus")) == OUTPUTS


@pytest.mark.parametrize(
    ("files", "message", "fix"),
    [
        ({"bio": bio(*ARTISTS, *WORKS[:3])}, "test has no WoA", "at least 20 queries"),
        (
            {"bio": bio(*ARTISTS, *WORKS), "test_bio": bio(*NEGATIVES)},
            "test has no Artist",
            "If vars.test_bio or vars.test_data is set",
        ),
        (
            {"bio": bio(*ARTISTS, *WORKS[:3]), "test_bio": bio("a/WoA b/Artist")},
            "dev has no WoA",
            "at least 20 queries",
        ),
        (
            {"bio": bio(*ARTISTS), "train_bio": bio(*WORKS)},
            "test has no WoA",
            "at least 20 queries",
        ),
        ({"bio": bio(*NEGATIVES)}, "train has no entities", "Annotate"),
    ],
)
def test_a_label_that_dev_or_test_lacks_ends_the_command(run_main, tmp_path, files, message, fix):
    code, said = run_main(**files)
    assert code == 1
    assert "".join(message.split()) in said
    assert "".join(fix.split()) in said
    assert list(contents(tmp_path / "corpus")) == ["rejected.jsonl"]


def test_a_file_that_cannot_be_read_ends_the_command(tmp_path, capsys):
    (tmp_path / "gold.bio").write_bytes("beyoncé\tB-Artist\n".encode("latin1"))
    gold = str(tmp_path / "gold.bio")
    chosen = {"csv": "", "bio": gold, "train_bio": "", "test_bio": "", "catalogue": ""}
    sources.main(tmp_path / "sources.json", **chosen)
    with pytest.raises(SystemExit) as stop:
        convert.main(tmp_path / "sources.json", tmp_path / "corpus", seed=0)
    assert stop.value.code == 1
    assert "gold.bio:" in "".join(capsys.readouterr().out.split())
    assert not (tmp_path / "corpus").exists()


def test_the_sample_data_converts_without_rejections(tmp_path):
    sample.main(ROOT / "assets" / "sample", tmp_path / "queries.csv", tmp_path / "queries.bio")
    docs, summary, rejected = corpora.convert(
        [tmp_path / "queries.csv"], [tmp_path / "queries.bio"], [], [], 0, NLP.make_doc
    )
    assert rejected == []
    queries = read(sorted((ROOT / "assets" / "sample").glob("*.txt")))
    assert sum(map(len, docs.values())) == len(queries)
    n_test = math.ceil(len(keys(queries)) / 10)
    n_dev = math.ceil((len(keys(queries)) - n_test) / 10)
    assert {name: len(keys(split)) for name, split in docs.items()} == {
        "train": len(keys(queries)) - n_test - n_dev,
        "dev": n_dev,
        "test": n_test,
    }
    assert summary["queries_without_gold"] == 0
    assert summary["agreement"]["queries"]["f1"] == 1.0


def test_the_cookbooks_files_convert_to_the_known_numbers(cookbook):
    docs, summary, rejected = corpora.convert(
        [cookbook / "music_ner.csv"], [cookbook / "music_ner_bio.bio"], [], [], 0, NLP.make_doc
    )
    (counts,) = summary["csv"].values()
    assert counts["rows"] == 427 == counts["spans"] + counts["duplicates"] + counts["rejected"]
    assert counts["trimmed"] == 17
    assert summary["joined_queries"] == 223
    assert summary["queries_without_gold"] == len(summary["not_joined"]) == 3
    assert {name: len(split) for name, split in docs.items()} == {
        "train": 486,
        "dev": 55,
        "test": 61,
    }
    assert all(item["reason"] for item in rejected)
    split_keys = [{query_key(doc.text) for doc in docs[name]} for name in docs]
    assert len(set.union(*split_keys)) == sum(map(len, split_keys))
    assert {q["text"] for q in summary["not_joined"]} <= {
        text for split in docs.values() for text in texts(split)
    }
    assert 0.5 < summary["agreement"]["music_ner"]["f1"] < 1


def test_a_docbin_gives_back_texts_entities_spans_and_user_data():
    docs = [NLP("like sade"), NLP("korn"), NLP("something slow")]
    docs[0].ents = [docs[0].char_span(5, 9, "Artist")]
    docs[0].spans["annotators"] = [docs[0].char_span(0, 9, "WoA")]
    docs[1].user_data["id"] = "posts:1"
    docbin = DocBin().from_bytes(corpora.to_docbin(docs).to_bytes())
    for written, stored in zip(docs, docbin.get_docs(spacy.blank("en").vocab), strict=True):
        assert stored.to_json() == written.to_json()
        assert stored.user_data == written.user_data
