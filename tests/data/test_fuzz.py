"""Files of arbitrary bytes: nothing is lost, offsets are true, and no spans overlap.

For many inputs, run it with `--hypothesis-profile thorough`.
"""

import csv
import io
import re

import pytest
import spacy
from hypothesis import event, example, given
from hypothesis import strategies as st

from music_ner.data import corpora
from music_ner.data.bio import read_bio
from music_ner.data.offsets_csv import read_csv
from music_ner.data.query import AMBIGUOUS, to_doc
from music_ner.data.writings import query_key
from music_ner.files import UnreadableFileError
from music_ner.pipeline.labels import LABELS
from music_ner.pipeline.normalization import normalize

NLP = spacy.blank("en")
HEADER = b"id,text,start_offset,end_offset,label\n"
GOOD = HEADER + b"7,song,0,4,WoA\n8,calm song,5,9,WoA\n"
BOM = b"\xef\xbb\xbf"
NAMES = ["sade", "korn", "é", "🎸", "👩\u200d🎤", "a\u200bb"]
SIGNS = ["&", ";", "|", ",", "\\", " ", "  ", "\u2028"]
PIECES = [piece.encode() for piece in (*NAMES, *SIGNS)]
PIECES += [b'"', b'""', b"\n", b"\n\n", b"\r\n", b"\r", b"\t", b"\0", b"\xff", BOM]
CSV_PIECES = [*PIECES, HEADER, b"1", b"2", b"0,4", b"5,9", b",-1,", b"Artist", b"WoA_known", b",,,"]
CSV_PIECES += [b"Artist_or_WoA", b"\n1,sade,0,4,Artist\n", b"\n2,sade&korn,5,9,WoA\n"]
TAGS = [b"O", b"B-Artist", b"I-Artist", b"B-WoA", b"I-WoA", b"B-Artist_or_WoA"]
BIO_PIECES = [*PIECES, *TAGS, *(b"\t" + tag + b"\n" for tag in TAGS), b"# sent_id = a:1\n", b"#"]
BIO_PIECES += [b"\n-DOCSTART-\n"]


def mixed(pieces):
    return st.lists(st.sampled_from(pieces), max_size=60).map(b"".join)


def readable(pieces):
    return mixed([piece for piece in pieces if piece not in (b"\xff", b'"')])


CSV_FILES = st.one_of(
    st.binary(max_size=200),
    mixed(CSV_PIECES),
    *(f(CSV_PIECES).map(GOOD.__add__) for f in (mixed, readable)),
)
BIO_FILES = st.one_of(st.binary(max_size=200), mixed(BIO_PIECES), readable(BIO_PIECES))
READABLE_CSV, READABLE_BIO = readable(CSV_PIECES).map(HEADER.__add__), readable(BIO_PIECES)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder for hypothesis, which runs one test many times."""
    return tmp_path_factory.mktemp("fuzz")


def read(reader, path, content, *arguments):
    """RETURNS (Reading | None): What a file holds; None if it is refused, which is said."""
    path.write_bytes(content)
    try:
        return reader(path, *arguments)
    except UnreadableFileError as error:
        event("refused")
        problem, fix = error.args
        assert problem.startswith(str(path)) and fix
        return None


def check_queries(queries):
    """Check that the spans of queries are whole tokens in order, and what is in their docs."""
    for query in queries:
        assert query.text == normalize(query.text)[0] != ""
        end = 0
        for span in query.spans:
            assert end <= span.start < span.end <= len(query.text)
            assert query.text[span.start : span.end].strip()
            assert span.label in (*LABELS, AMBIGUOUS)
            end = span.end
        doc = to_doc(query, NLP.make_doc)
        assert doc.text == query.text
        assert [(ent.start_char, ent.end_char, ent.label_) for ent in doc.ents] == [
            span[:3] for span in query.spans if span.label != AMBIGUOUS
        ]


def lines_of(content):
    return re.split("\r\n|\r|\n", content.decode("utf-8-sig"))


FIELD = r'(?:"(?:[^"]|"")*"|(?!")[^,\r\n]*)'
RECORD = re.compile(rf"(?P<whole>{FIELD}(?:,{FIELD})*)(?=[\r\n]|\Z)|[^\r\n]*")


def rows_of(text):
    """RETURNS: The records that are not blank, by RFC 4180; a line with a stray quote is one."""
    rows, end = [], 0
    while end < len(text):
        record = RECORD.match(text, end)
        fields = [record[0].replace(",", "")]
        if record["whole"] is not None:
            fields = [f for row in csv.reader(io.StringIO(record[0], newline="")) for f in row]
        if any(map(str.strip, fields)):
            rows.append(fields)
        end = record.end() + 1
    return rows


@given(content=CSV_FILES)
@example(content=GOOD + b'1,"sade,0,4,Artist\n2,korn,0,4,Artist\n')
@example(content=GOOD + b'1,"sade,0,4,Artist\n2,korn",0,4,Artist\n')
@example(content=HEADER + b'"" ')
@example(content=GOOD + b'1,"sade" live,0,4,Artist\n2,korn,0,4,Artist\n')
@example(content=GOOD + rb'1,"\"sade\"",0,4,Artist')
@example(content=GOOD + b"1,sade&korn,0,4,Artist\n1,sade&korn,5,9,Artist\n")
@example(content=GOOD + "1,🎸🎸 sade sade,5,9,Artist\n".encode())
def test_every_row_of_a_csv_file_is_accounted_for(folder, content):
    reading = read(read_csv, folder / "ann.csv", content, NLP.make_doc)
    if reading is None:
        return
    counts = reading.counts
    kinds = ("spans", "without_entities", "duplicates", "rejected")
    assert counts["rows"] == sum(counts[kind] for kind in kinds)
    assert counts["rejected"] == len(reading.rejected)
    assert counts["spans"] == sum(len(query.spans) for query in reading.queries)
    assert counts["without_entities"] == sum(not query.spans for query in reading.queries)
    assert counts["rows"] == len(rows_of(content.decode("utf-8-sig"))) - 1
    check_queries(reading.queries)


ROWS = [
    f"{n},song {n} by sade,{len(f'song {n} by ')},{len(f'song {n} by sade')},Artist"
    for n in range(6)
]


@given(data=st.data())
def test_a_row_is_not_lost_whatever_is_wrong_with_another(folder, data):
    faulty = data.draw(st.lists(st.integers(0, 5), min_size=1, max_size=3, unique=True))
    lines = [line.encode() for line in ROWS]
    for number in faulty:
        start, end = sorted(data.draw(st.integers(0, len(lines[number]))) for _ in range(2))
        new = data.draw(st.lists(st.sampled_from(CSV_PIECES), max_size=3).map(b"".join))
        lines[number] = lines[number][:start] + new + lines[number][end:]
    reading = read(read_csv, folder / "ann.csv", HEADER + b"\n".join(lines), NLP.make_doc)
    if reading is None:
        return
    found = {
        query.text: [query.text[span.start : span.end] for span in query.spans]
        for query in reading.queries
    }
    refused = [
        item["content"].get("text")
        for item in reading.rejected
        if isinstance(item["content"], dict)
    ]
    for number in set(range(6)) - set(faulty):
        text = f"song {number} by sade"
        assert "sade" in found.get(text, []) or text in refused


@given(content=BIO_FILES)
@example(content=b"|\tB-Artist\n\0\tO")
@example(content=b"\xef")
@example(content=b"sade\tB-Artist\rkorn\tI-Artist\r\n\n-DOCSTART-\n# sent_id = a:1\n|\tB-WoA")
def test_every_line_of_a_bio_file_is_accounted_for(folder, content):
    reading = read(read_bio, folder / "gold.bio", content)
    if reading is None:
        with pytest.raises(UnicodeDecodeError):
            content.decode("utf-8-sig")
        return
    blocks, block = [], {}
    for number, line in enumerate([*lines_of(content), ""], start=1):
        if line.strip() and line.split()[0] != "-DOCSTART-":
            is_id = not block and re.match(r"# sent_id = .*\S", line)
            block[number] = None if is_id else line
        elif block:
            blocks.append({n: line for n, line in block.items() if line is not None})
            block = {}
    blocks = [block for block in blocks if block]
    faulty = {item["row"] for item in reading.rejected}
    kept = [block for block in blocks if not faulty & set(block)]
    assert reading.counts["lines"] == sum(map(len, blocks))
    assert reading.counts["words"] == sum(map(len, kept))
    assert reading.counts["rejected_queries"] == len(blocks) - len(kept)
    assert [query.text for query in reading.queries] == [
        normalize(
            " ".join(
                line.strip("\r\n ").split("\t" if "\t" in line else None)[0]
                for line in block.values()
            )
        )[0]
        for block in kept
    ]
    check_queries(reading.queries)


@given(
    csv=READABLE_CSV,
    bio=READABLE_BIO,
    train_bio=READABLE_BIO,
    test_bio=READABLE_BIO,
    gold_csv=READABLE_CSV,
)
def test_every_query_is_in_one_split_or_rejected(folder, csv, bio, train_bio, test_bio, gold_csv):
    kinds = ("csv", "bio", "train_bio", "test_bio")
    paths = {kind: [folder / f"{kind}.{kind[-3:]}"] for kind in kinds}
    for kind, content in zip(kinds, (csv, bio, train_bio, test_bio), strict=True):
        paths[kind][0].write_bytes(content)
    paths["bio"].append(folder / "gold.csv")
    paths["bio"][1].write_bytes(gold_csv)
    try:
        docs, summary, rejected = corpora.convert(**paths, seed=0, make_doc=NLP.make_doc)
    except UnreadableFileError:
        event("refused")
        return
    queries = [
        query
        for kind in kinds
        for path in paths[kind]
        for query in (
            read_csv(path, NLP.make_doc) if path.suffix == ".csv" else read_bio(path)
        ).queries
    ]
    keys = {name: {query_key(doc.text) for doc in split} for name, split in docs.items()}
    assert len(set().union(*keys.values())) == sum(map(len, keys.values()))
    refused = {query_key(item["content"]) for item in rejected if "row" not in item}
    assert {query_key(query.text) for query in queries} == set().union(refused, *keys.values())
    assert all(item["file"] and item["reason"] for item in rejected)
    assert sum(row["queries"] for row in summary["splits"].values()) == sum(map(len, docs.values()))
