import re
import warnings
from html.parser import HTMLParser

import pytest
import spacy
import srsly
from spacy.tokens import Span as SpacySpan

from music_ner.data.query import Query, Span, to_doc
from music_ner.pipeline.labels import COLORS, LABELS
from scripts.visualize import main, render_entities, render_page


def doc(text, *spans):
    query = Query("q", text, tuple(Span(*span) for span in spans))
    return to_doc(query, spacy.blank("en").make_doc)


def page_of(*pairs, title="Title", description="Description"):
    return render_page(pairs, title, description)


class Page(HTMLParser):
    """What a browser would see: element names, attributes, and the text of each cell."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.attributes, self.cells, self.kinds = set(), [], [], []
        self.ids, self.errors, self.n_scripts = [], [], 0
        self.in_cell = False
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes.extend(attrs)
        self.n_scripts += tag == "script"
        if tag == "tr" and attrs:
            self.kinds.append(dict(attrs)["class"])
            self.ids.append(dict(attrs)["id"])
            self.errors.append(dict(attrs)["data-kinds"])
        if tag == "td":
            self.cells.append("")
            self.in_cell = True
        if tag == "mark":
            self.cells[-1] += "["

    def handle_endtag(self, tag):
        if tag == "mark":
            self.cells[-1] += "]"
        self.in_cell = self.in_cell and tag != "td"

    def handle_data(self, data):
        if self.in_cell:
            self.cells[-1] += data

    def rows(self):
        texts = [" ".join(cell.split()) for cell in self.cells]
        return list(zip(texts[::2], texts[1::2], strict=True))


def test_gold_stands_beside_the_prediction():
    gold = doc("play dummy by portishead", (5, 10, "WoA"), (14, 24, "Artist"))
    predicted = doc("play dummy by portishead", (5, 10, "Artist"))
    assert Page(page_of((gold, predicted))).rows() == [
        ("play [ dummy WoA ] by [ portishead Artist ]", "play [ dummy Artist ] by portishead")
    ]


def test_queries_with_errors_come_first():
    first, second, third, fourth = (doc(f"moby {n}", (0, 4, "Artist")) for n in range(1, 5))
    page = Page(
        page_of((first, first), (second, doc("moby 2")), (third, third), (fourth, doc("moby 4")))
    )
    assert [gold[-1] for gold, _ in page.rows()] == ["2", "4", "1", "3"]
    assert page.kinds == ["wrong", "wrong", "right", "right"]


def test_the_page_counts_right_and_wrong_queries_and_says_what_predicted():
    gold = doc("moby", (0, 4, "Artist"))
    page = page_of((gold, gold), (gold, doc("moby")), (gold, gold), description="Encoder: tiny.")
    assert "1 queries with an error" in page
    assert "2 without one" in page
    assert "Encoder: tiny." in page


def test_each_row_has_the_id_of_its_query_and_the_kinds_of_its_errors():
    gold = doc("play dummy by portishead", (5, 10, "WoA"), (14, 24, "Artist"))
    predicted = doc("play dummy by portishead", (0, 10, "WoA"))
    page = Page(page_of((gold, gold), (gold, predicted)))
    assert page.ids == ["q", "q"]
    assert page.errors == ["boundary,missed", "right"]


def test_what_gold_does_not_know_is_no_error():
    gold = doc("weightless", (0, 10, "Artist_or_WoA"))
    page = Page(page_of((gold, doc("weightless", (0, 10, "WoA")))))
    assert page.kinds == ["right"]


def test_the_page_needs_no_other_file():
    gold = doc("play dummy by portishead", (5, 10, "WoA"), (14, 24, "Artist"))
    source = page_of((gold, doc("play dummy by portishead")))
    page = Page(source)
    assert page.tags.isdisjoint({"link", "img", "iframe", "base", "object"})
    assert {name for name, _ in page.attributes}.isdisjoint({"src", "href", "srcset"})
    assert not re.search(r"https?:|//\w|url\(|@import", source)
    assert source.startswith("<!DOCTYPE html>")
    assert ("charset", "utf-8") in page.attributes


HOSTILE = "<script>alert(1)</script> & <b>moby</b>"


@pytest.mark.parametrize("span", [(), ((0, 8, "Artist"),), ((0, len(HOSTILE), "WoA"),)])
def test_html_in_a_query_is_shown_and_not_obeyed(span):
    query = doc(HOSTILE, *span)
    page = Page(page_of((query, query)))
    assert "b" not in page.tags
    assert page.n_scripts == 1
    for cell in page.rows()[0]:
        shown = re.sub(r"\[ | (Artist|WoA) \]|\s", "", cell)
        assert shown == re.sub(r"\s", "", HOSTILE)


def test_html_in_title_and_description_is_shown_and_not_obeyed():
    source = page_of(title="<script>title", description="<script>description")
    assert Page(source).n_scripts == 1
    assert "&lt;script&gt;title" in source
    assert "&lt;script&gt;description" in source


def test_braces_in_a_query_are_shown_as_they_are():
    gold = doc("songs by {title} {0}")
    assert Page(page_of((gold, gold))).rows() == [("songs by {title} {0}",) * 2]


def test_every_label_has_a_colour_of_its_own():
    assert set(COLORS) == set(LABELS)
    assert len(set(COLORS.values())) == len(LABELS)


def test_entities_have_the_colour_of_their_label():
    markup = render_entities(
        doc("dummy dummy moby", (0, 5, "WoA"), (6, 11, "WoA"), (12, 16, "Artist"))
    )
    colours = re.findall(r"<mark[^>]*background: (#\w+)", markup)
    assert colours == [COLORS["WoA"], COLORS["WoA"], COLORS["Artist"]]


@pytest.mark.parametrize("label", ["Genre", "artist", "Artist_or_WoA", "<b>", "{bg}", "GPE"])
def test_a_label_without_a_colour_of_its_own_is_shown(label):
    nlp = spacy.blank("en")
    gold, predicted = nlp("moby in berlin"), nlp("moby in berlin")
    gold.set_ents([SpacySpan(gold, 0, 1, label)])
    spans = [SpacySpan(predicted, 0, 1, "Artist"), SpacySpan(predicted, 2, 3, label)]
    predicted.set_ents(spans)
    page = Page(page_of((gold, predicted), (predicted, gold), (gold, gold)))
    assert page.rows()[0] == (
        f"[ moby {label} ] in berlin",
        f"[ moby Artist ] in [ berlin {label} ]",
    )
    assert page.kinds == ["wrong", "wrong", "right"]
    assert "b" not in page.tags


def test_queries_without_entities_are_on_the_page_and_cause_no_warning():
    plain = doc("rain sounds for sleeping")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        page = Page(page_of((plain, plain)))
    assert page.rows() == [("rain sounds for sleeping",) * 2]


def test_the_command_writes_a_row_for_each_query(tiny_model, tiny_corpus, tmp_path, capsys):
    srsly.write_json(tmp_path / "encoder.json", {"name": "tiny-bert"})
    output = tmp_path / "new" / "page.html"
    main(tiny_model, tiny_corpus / "test.spacy", tmp_path / "encoder.json", output)
    page = Page(output.read_text(encoding="utf8"))
    assert page.kinds == ["right"] * 20
    assert page.rows()[:2] == [
        (
            "songs like [ karma police WoA ] by [ radioheads Artist ]",
            "songs like [ karma police WoA 1.00 ] by [ radioheads Artist 1.00 ]",
        ),
        ("something as calm as [ weightless WoA ]", "something as calm as [ weightless WoA 1.00 ]"),
    ]
    source = output.read_text(encoding="utf8")
    assert "Encoder: tiny-bert." in source
    meta = srsly.read_json(tiny_model / "meta.json")
    scores = "micro F1 1.000, Artist 1.000, WoA 1.000"
    assert f"Predicted by en_{meta['name']} {meta['version']}: {scores}." in source
    assert "20 queries" in capsys.readouterr().out
