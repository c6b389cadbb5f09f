"""Predictions in the formats of annotation tools, read back as annotations."""

import json

import pytest
import spacy
from hypothesis import given
from hypothesis import strategies as st

from music_ner.data.formats import read, recognize
from music_ner.data.predictions import FORMATS
from music_ner.data.query import Query, Span, normalize_query
from tests.strategies import TEXTS, fuzz, without_white

NLP = spacy.blank("en")
LABELS = st.sampled_from(["Artist", "WoA", "Genre", "Work of Art"])


@st.composite
def results(draw):
    """A result of `predict`: a text, and entities of whole tokens that do not overlap."""
    text = draw(TEXTS.filter(str.strip))
    normalized = normalize_query(Query("", text)).text
    entities, end = [], 0
    for token in NLP.make_doc(text):
        start, stop = token.idx, token.idx + len(token)
        if token.is_space or start < end or not draw(st.booleans()):
            continue
        name = text[start:stop]
        # `|` stands for a comma, and white space that spaCy keeps in a token for one space.
        if name.strip() != name or "|" in name or name not in normalized:
            continue
        end = stop
        entity = {"start": start, "end": stop, "label": draw(LABELS), "text": name}
        entities.append(entity | {"confidence": draw(st.sampled_from([None, 0.5]))})
    return {"text": text, "entities": entities}


def accepted(content):
    """RETURNS: Tasks of Label Studio whose predictions somebody accepted."""
    tasks = json.loads(content)
    return json.dumps(
        [
            {"id": n, "data": task["data"], "predictions": []}
            | {"annotations": [{"completed_by": 1, "result": task["predictions"][0]["result"]}]}
            for n, task in enumerate(tasks)
        ]
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder for hypothesis, which runs one test many times."""
    return tmp_path_factory.mktemp("predictions")


def written(name, found, folder):
    """RETURNS: The queries that are read from results written in a format."""
    content = "".join(FORMATS[name](found))
    path = folder / "predictions"
    path.write_text(accepted(content) if name == "label-studio" else content, encoding="utf8")
    assert recognize(path) == {"jsonl": "doccano"}.get(name, name)
    return read(path, NLP.make_doc)


def aligned(query):
    """RETURNS: Whether the tokenizer cuts a normalized text where its spans begin and end, and
    cuts no two of them out of one token."""
    doc = NLP.make_doc(query.text)
    return all(doc.char_span(*span[:2]) is not None for span in query.spans)


@pytest.mark.parametrize("name", ["jsonl", "doccano", "label-studio", "prodigy", "csv"])
@fuzz
@given(result=results())
def test_a_round_trip_loses_nothing(folder, name, result):
    spans = tuple(Span(e["start"], e["end"], e["label"]) for e in result["entities"])
    expected = normalize_query(Query("", result["text"], spans))
    reading = written(name, [result], folder)
    if not aligned(expected):
        return
    (query,) = reading.queries
    assert query.text == expected.text
    assert [span[:3] for span in query.spans] == [span[:3] for span in expected.spans]
    assert query.complete
    assert reading.rejected == []


@fuzz
@given(found=st.lists(results(), min_size=1, max_size=3))
def test_a_round_trip_through_words_keeps_the_entities(folder, found):
    reading = written("bio", found, folder)
    assert len(reading.queries) == len(found)
    for result, query in zip(found, reading.queries, strict=True):
        assert without_white(query.text) == without_white(result["text"].replace("|", ","))
        assert [(query.text[s.start : s.end], s.label) for s in query.spans] == [
            (entity["text"], entity["label"]) for entity in result["entities"]
        ]


RESULT = {
    "id": "a",
    "text": "🎸 by sade",
    "entities": [{"start": 5, "end": 9, "label": "Artist", "text": "sade", "confidence": 0.9}],
}


def test_confidences_are_written():
    written = {name: "".join(FORMATS[name]([RESULT])) for name in FORMATS}
    del written["bio"]
    assert all("0.9" in content for content in written.values())


def test_tools_of_javascript_are_given_its_offsets():
    (doccano,) = map(json.loads, FORMATS["doccano"]([RESULT]))
    assert doccano["label"] == [[6, 10, "Artist"]]
    ((task,),) = [json.loads("".join(FORMATS["label-studio"]([RESULT])))]
    value = task["predictions"][0]["result"][0]["value"]
    assert (value["start"], value["end"], value["text"]) == (6, 10, "sade")
    assert task["data"]["id"] == "a"


@pytest.mark.parametrize(("name", "content"), [("label-studio", "[]\n"), ("bio", "")])
def test_no_results_make_an_empty_file(name, content):
    assert "".join(FORMATS[name]([])) == content
