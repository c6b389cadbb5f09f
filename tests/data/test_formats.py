"""Annotated queries in the formats of tools, recognized by what files hold."""

import json

import pyarrow as pa
import pytest
import spacy
from pyarrow import parquet
from spacy.tokens import DocBin

from music_ner.data.formats import read, recognize
from music_ner.files import UnreadableFileError
from tests.data.readings import marked

NLP = spacy.blank("en")
SADE = ("more like sade", [("sade", "Artist")])


@pytest.fixture
def read_file(tmp_path):
    """Read a file of this content, with a name that says nothing of its format."""

    def run(content, name="queries"):
        path = tmp_path / name
        if isinstance(content, bytes):
            path.write_bytes(content)
        elif isinstance(content, str):
            path.write_bytes(content.encode())
        elif isinstance(content, tuple):  # a JSON array
            path.write_text(json.dumps(content), encoding="utf8")
        else:
            lines = (json.dumps(record, ensure_ascii=False) + "\n" for record in content)
            path.write_text("".join(lines), encoding="utf8")
        return read(path, NLP.make_doc)

    return run


def doccano(text, *spans, **more):
    return {"id": 1, "text": text, "label": [list(span) for span in spans], **more}


def task(text, *annotations, **more):
    """RETURNS: A task of Label Studio; annotations are lists of regions, or whole ones."""
    made = [a if isinstance(a, dict) else annotation(*a) for a in annotations]
    return {"id": 7, "data": {"text": text}, "annotations": made, "predictions": [], **more}


def annotation(*regions, by=1, **more):
    return {"completed_by": by, "was_cancelled": False, "result": [*regions], **more}


def region(start, end, text, *labels):
    value = {"start": start, "end": end, "text": text, "labels": [*labels]}
    return {"from_name": "label", "to_name": "text", "type": "labels", "id": "x", "value": value}


def reasons(reading):
    return [item["reason"] for item in reading.rejected]


# what each tool writes


@pytest.mark.parametrize(
    "content",
    [
        pytest.param([doccano(SADE[0], (10, 14, "Artist"))], id="doccano"),
        pytest.param((doccano(SADE[0], (10, 14, "Artist")),), id="doccano, an array"),
        pytest.param([{"text": SADE[0], "labels": [[10, 14, "Artist"]]}], id="doccano, labels"),
        pytest.param(
            [
                {"id": 3, "text": SADE[0], "Comments": [], "relations": []}
                | {"entities": [{"id": 1, "start_offset": 10, "end_offset": 14, "label": "Artist"}]}
            ],
            id="doccano, with relations",
        ),
        pytest.param(
            [{"text": SADE[0], "entities": [{"start": 10, "end": 14, "label": "Artist"}]}],
            id="predict",
        ),
        pytest.param((task(SADE[0], [region(10, 14, "sade", "Artist")]),), id="Label Studio"),
        pytest.param([task(SADE[0], [region(10, 14, "sade", "Artist")])], id="LS, lines"),
        pytest.param(
            (
                {"id": 1, "annotator": 1, "annotation_id": 4, "text": SADE[0]}
                | {"label": [{"start": 10, "end": 14, "text": "sade", "labels": ["Artist"]}]},
            ),
            id="LS, JSON_MIN",
        ),
        pytest.param(
            [
                {"text": SADE[0], "answer": "accept", "_view_id": "ner_manual"}
                | {"spans": [{"start": 10, "end": 14, "label": "Artist", "token_end": 2}]}
            ],
            id="Prodigy",
        ),
        pytest.param(
            [
                {
                    "text": SADE[0],
                    "tokens": [
                        {"text": "more", "start": 0, "end": 4, "id": 0, "ws": True},
                        {"text": "like", "start": 5, "end": 9, "id": 1, "ws": True},
                        {"text": "sade", "start": 10, "end": 14, "id": 2, "ws": False},
                    ],
                    "spans": [{"token_start": 2, "token_end": 2, "label": "Artist"}],
                }
            ],
            id="Prodigy, tokens",
        ),
        pytest.param("more\tO\nlike\tO\nsade\tB-Artist\n", id="BIO"),
        pytest.param(
            "-DOCSTART- -X- -X- O\n\nmore JJ B-NP O\nlike IN I-NP O\nsade NNP I-NP I-Artist\n",
            id="CoNLL-2003, IOB1",
        ),
        pytest.param(
            "-DOCSTART- -X- O\nmore -X- _ O\nlike -X- _ O\nsade -X- _ B-Artist\n", id="LS, CoNLL"
        ),
        pytest.param("more\tO\nlike\tO\nsade\tS-Artist\n", id="BIOES"),
        pytest.param("more\tO\nlike\tO\nsade\tU-Artist\n", id="BILUO"),
        pytest.param(
            "id,text,start_offset,end_offset,label\n1,more like sade,10,14,Artist\n", id="CSV"
        ),
    ],
)
def test_the_files_of_each_tool_are_recognized_and_read(read_file, content):
    reading = read_file(content)
    assert marked(reading) == [SADE]
    assert reading.rejected == []
    assert reading.queries[0].complete


def test_docs_of_spacy_are_read_with_their_missing_tags(read_file):
    docs = [NLP.make_doc("more like sade"), NLP.make_doc("calm"), NLP.make_doc("by korn")]
    sade = docs[0].char_span(10, 14, "Artist")
    docs[0].set_ents([sade], missing=[docs[0][0:1]], default="outside")
    docs[2].set_ents([docs[2].char_span(3, 7, "Artist")], default="missing")
    reading = read_file(DocBin(docs=docs).to_bytes())
    assert marked(reading) == [
        ("more like sade", [("more", "Artist_or_WoA"), ("sade", "Artist")]),
        ("by korn", [("korn", "Artist")]),
    ]
    assert [query.complete for query in reading.queries] == [True, False]
    assert reasons(reading) == ["its entities are not set: set doc.ents, also where there are none"]
    assert reading.counts == {"docs": 3, "queries": 2, "rejected": 1, "spans": 2}


NAMES = ["O", "B-Artist", "I-Artist"]


def table(tags, metadata=None):
    made = pa.table({"tokens": [["by", "sade", "adu"]], "ner_tags": [tags]})
    return made.replace_schema_metadata(metadata)


FEATURES = {"ner_tags": {"feature": {"names": NAMES, "_type": "ClassLabel"}, "_type": "Sequence"}}


@pytest.mark.parametrize("kind", ["parquet", "parquet with numbers", "arrow", "names as text"])
def test_data_sets_of_hugging_face_are_read(tmp_path, kind):
    path = tmp_path / "data"
    described = {"huggingface": json.dumps({"info": {"features": FEATURES}})}
    if kind == "arrow":
        (path / "train").mkdir(parents=True)
        made = table([0, 1, 2])
        file = str(path / "train" / "data-00000-of-00001.arrow")
        with pa.OSFile(file, "wb") as sink, pa.ipc.new_stream(sink, made.schema) as writer:
            writer.write_table(made)
        info = {"features": {"ner_tags": [{"names": NAMES}]}}
        (path / "train" / "dataset_info.json").write_text(json.dumps(info))
    elif kind == "parquet with numbers":
        parquet.write_table(table([0, 1, 2], described), path)
    elif kind == "parquet":
        path.mkdir()
        parquet.write_table(table([0, 1, 2], described), path / "test-00000-of-00001.parquet")
    else:
        parquet.write_table(table(["O", "B-Artist", "L-Artist"]), path)
    reading = read(path, NLP.make_doc)
    assert marked(reading) == [("by sade adu", [("sade adu", "Artist")])]
    assert reading.counts["rows"] == 1


def test_numbers_without_names_end_with_a_message(tmp_path):
    parquet.write_table(table([0, 1, 2]), tmp_path / "data")
    with pytest.raises(UnreadableFileError, match="their names are unknown"):
        read(tmp_path / "data", NLP.make_doc)


def test_a_row_with_another_number_of_tags_is_rejected(tmp_path):
    parquet.write_table(table(["O", "O"]), tmp_path / "data")
    reading = read(tmp_path / "data", NLP.make_doc)
    assert reasons(reading) == ["not as many tags as tokens: give each token one"]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ('{"text": "no spans"}\n', "no record of doccano, Label Studio or Prodigy"),
        ("[1, 2", "not JSON"),
        (b"\x78\x9c\xff\xff", "not a DocBin"),
        (b"PAR1 no table", "Parquet"),
        ("a\tO\n".encode("utf-16"), "utf-8"),
    ],
)
def test_a_file_that_cannot_be_read_ends_with_its_name(read_file, content, problem):
    with pytest.raises(UnreadableFileError, match=problem) as caught:
        read_file(content)
    assert "queries" in str(caught.value)


def test_a_folder_without_tables_ends_with_a_message(tmp_path):
    assert recognize(tmp_path) == "datasets"
    with pytest.raises(UnreadableFileError, match="no Parquet or Arrow file"):
        read(tmp_path, NLP.make_doc)


# known traps


def test_offsets_of_javascript_are_converted(read_file):
    reading = read_file([doccano("🎸🎸 by sade now", (8, 12, "Artist")), doccano("calm")])
    assert marked(reading)[0] == ("🎸🎸 by sade now", [("sade", "Artist")])
    assert reading.counts["converted"] == 1


def test_an_offset_inside_a_character_is_rejected(read_file):
    queries = [doccano("🎸 by sade now", (6, 10, "Artist")), doccano("🎸🎸 sade", (1, 4, "Artist"))]
    assert reasons(read_file(queries)) == [
        "the offsets are not between characters: mark the span again"
    ]


def test_offsets_in_characters_stay_where_more_are_right(read_file):
    queries = [doccano(f"🎸 by sade {n}", (5, 9, "Artist")) for n in range(3)]
    reading = read_file([*queries, doccano("🎸 by korn", (6, 10, "Artist"))])
    assert [spans for _, spans in marked(reading)] == [[("sade", "Artist")]] * 3 + [[]]
    assert reasons(reading) == ["the offsets count UTF-16 code units: count characters"]
    assert not reading.queries[-1].complete


def test_the_text_of_a_region_tells_what_offsets_count(read_file):
    # In characters, this is a whole token too, but another one.
    reading = read_file((task("🎸 a b c", [region(5, 6, "b", "Artist")]),))
    assert marked(reading) == [("🎸 a b c", [("b", "Artist")])]
    assert reading.counts["converted"] == 1


def test_a_line_break_of_two_characters_may_count_as_one(read_file):
    reading = read_file((task("calm\r\nby sade", [region(8, 12, "sade", "Artist")]),))
    assert marked(reading) == [("calm by sade", [("sade", "Artist")])]


def test_inclusive_ends_are_found_by_the_tokens_that_they_cut(read_file):
    queries = [doccano("part 2 please", (0, 5, "WoA")), doccano("by sade now", (3, 6, "Artist"))]
    reading = read_file(queries)
    assert marked(reading) == [
        ("part 2 please", [("part 2", "WoA")]),
        ("by sade now", [("sade", "Artist")]),
    ]
    assert reading.counts["converted"] == 2


def test_a_region_whose_text_is_elsewhere_is_rejected(read_file):
    reading = read_file((task("by sade now", [region(0, 4, "sade", "Artist")]),))
    assert marked(reading) == [("by sade now", [])]
    assert not reading.queries[0].complete
    assert reasons(reading) == ["the span 0 to 4 holds 'by s', not 'sade': correct its offsets"]


@pytest.mark.parametrize("end", [12, 13])
def test_an_end_past_the_text_is_trimmed_or_rejected(read_file, end):
    reading = read_file([doccano("by sade adu", (3, end + (end > 12) * 9, "Artist"))])
    is_near = end == 12
    assert marked(reading) == [("by sade adu", [("sade adu", "Artist")] if is_near else [])]
    assert (reading.counts["trimmed"], len(reading.rejected)) == (is_near, not is_near)


@pytest.mark.parametrize("mark", ["\ufeff", ""])
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_marks_of_byte_order_and_line_ends_of_windows_are_no_content(read_file, mark, ending):
    line = json.dumps(doccano("by sade", (3, 7, "Artist")))
    assert marked(read_file(mark + line + ending + ending)) == [("by sade", [("sade", "Artist")])]


def test_texts_of_one_id_are_told_apart_and_repeated_records_left_out(read_file):
    queries = [doccano("by sade", (3, 7, "Artist")), doccano("by korn", (3, 7, "Artist"))]
    reading = read_file([*queries, queries[0]])
    assert [query.id for query in reading.queries] == ["queries:1", "queries:1.2"]
    assert [reading.counts[name] for name in ("records", "queries", "duplicates")] == [3, 2, 1]


def test_of_overlapping_spans_the_first_is_kept(read_file):
    reading = read_file([doccano("by sade adu", (3, 7, "Artist"), (3, 11, "WoA"))])
    assert marked(reading) == [("by sade adu", [("sade", "Artist")])]
    assert not reading.queries[0].complete
    assert reasons(reading) == ["the span overlaps that of row 1, span 1: keep one of them"]


def test_two_entities_in_one_token_are_rejected(read_file):
    reading = read_file([doccano("by sade&korn", (3, 7, "Artist"), (8, 12, "Artist"))])
    assert marked(reading) == [("by sade&korn", [])]
    assert "shares the token 'sade&korn' with that of row 1, span 2" in reasons(reading)[0]
    assert reading.counts["rejected_spans"] == 2


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ({"text": None, "label": []}, "no text"),
        ({"text": "half \ud83c", "label": []}, "half of a character"),
        ({"text": "a", "label": None, "labels": []}, None),
        ({"text": "by sade", "id": 4}, "no list under label or entities"),
        (doccano("by sade", (3.5, 7, "Artist")), "the start 3.5 is not a whole number"),
        (doccano("by sade", (3, None, "Artist")), "the end None is not a whole number"),
        (doccano("by sade", (3, 7, "A,B")), "'A,B' is no label"),
        (doccano("by sade", (3, 7)), "the start None"),
        (doccano("by sade", (-4, -1, "Artist")), "is not within the text"),
        (doccano("by sade", (3, 10**400, "Artist")), "is not within the text"),
    ],
)
def test_a_record_that_cannot_be_used_is_rejected_with_its_row(read_file, record, reason):
    lines = [json.dumps(item) for item in (doccano("calm"), record)]
    reading = read_file("\n".join([*lines, "{", "[]"]))
    assert [item["row"] for item in reading.rejected] == [2, 3, 4][reason is None :]
    assert reason is None or any(reason in given for given in reasons(reading))
    counts = reading.counts
    assert counts["records"] == counts["queries"] + counts["duplicates"] + counts["rejected"] == 4


def test_cancelled_annotations_and_predictions_are_no_gold(read_file):
    sade = region(3, 7, "sade", "Artist")
    choice = {"type": "choices", "value": {"choices": ["music"]}}
    reading = read_file(
        (
            task("by sade", annotation(was_cancelled=True), annotation(sade, choice, by=2)),
            task("by korn", predictions=[{"result": [region(3, 7, "korn", "Artist")]}]),
            task("calm", annotation(by={"id": 3, "email": "ann@example.com"})),
        )
    )
    assert marked(reading) == [("by sade", [("sade", "Artist")]), ("calm", [])]
    assert [query.annotators for query in reading.queries] == [("2",), ("ann@example.com",)]
    assert reasons(reading) == [
        "1 cancelled the task: annotate it",
        "nobody annotated the task, and its predictions are no gold: annotate it",
    ]


def test_rejected_and_ignored_examples_of_prodigy_are_left_out(read_file):
    spans = [{"start": 3, "end": 7, "label": "Artist"}]
    examples = [
        {"text": f"by sade {answer}", "spans": spans, "answer": answer, "_view_id": view}
        for answer, view in (
            ("accept", "ner_manual"),
            ("reject", "ner_manual"),
            ("ignore", "ner_manual"),
            ("accept", "ner"),
        )
    ]
    reading = read_file(examples)
    assert [query.text for query in reading.queries] == ["by sade accept"] * 2
    # Of the rest of the text, the answer to a question on one span says nothing.
    assert [query.complete for query in reading.queries] == [True, False]
    assert reasons(reading) == [
        "answered with reject: annotate it again",
        "answered with ignore: annotate it again",
    ]
