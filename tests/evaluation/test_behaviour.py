"""Behaviour tests of pipelines whose behaviour is known."""

import pytest
import spacy
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.language import Language
from spacy.tokens import Span as SpacySpan

from music_ner.data.marked import parse
from music_ner.data.query import Query
from music_ner.evaluation.behaviour import (
    DIRECTIONAL,
    INVARIANCE,
    MINIMUM,
    in_other_case,
    invariants,
    names_of,
    pass_rates,
    read_capabilities,
    relative,
    run,
    with_other_end,
    with_other_names,
)
from music_ner.files import UnreadableFileError
from music_ner.pipeline import entity_confidence  # noqa: F401  (it registers span._.confidence)

NAMES = {"Artist": ["Sade", "Korn"], "WoA": ["Halo", "Yellow"]}


def marked(query: Query) -> str:
    """Write a query in the form that `parse` reads."""
    text, end = "", 0
    for span in query.spans:
        text += f"{query.text[end : span.start]}[{query.text[span.start : span.end]}]({span.label})"
        end = span.end
    return text + query.text[end:]


def variant(change, line: str, *arguments) -> str | None:
    changed = change(parse(line, ""), *arguments)
    return marked(changed) if changed else None


@pytest.mark.parametrize(
    ("line", "changed"),
    [
        ("Play [Halo](WoA)!", "play [halo](WoA)!"),
        ("play [halo](WoA)", "PLAY [HALO](WoA)"),
        ("音楽 123", None),
        ("weiß", None),  # it becomes WEISS, which has more letters
    ],
)
def test_the_case_of_a_query_is_changed(line, changed):
    assert variant(in_other_case, line) == changed


@pytest.mark.parametrize(
    ("line", "changed"),
    [
        ("play [halo](WoA)", "play [halo](WoA)."),
        ("who is [sade](Artist)?!", "who is [sade](Artist)"),
        ("play [Wham!](Artist)", None),
    ],
)
def test_the_end_mark_of_a_query_is_changed(line, changed):
    assert variant(with_other_end, line) == changed


@pytest.mark.parametrize(
    ("line", "changed"),
    [
        ("Play [One](WoA) by [U2](Artist) now", "Play [Yellow](WoA) by [Sade](Artist) now"),
        ("play [one](WoA) by [u2](Artist) now", "play [yellow](WoA) by [sade](Artist) now"),
        ("calm piano", None),
    ],
)
def test_the_names_of_a_query_are_changed(line, changed):
    assert variant(with_other_names, line, NAMES, 0) == changed


def test_each_query_takes_names_of_the_others():
    queries = [parse(f"play [{name}](WoA)", "") for name in ("one", "halo", "yellow")]
    variants = {marked(v) for _, v in invariants(queries) if not v.text.endswith(".")}
    assert {"play [halo](WoA)", "play [yellow](WoA)", "play [one](WoA)"} <= variants


NAME = st.text("aböß", min_size=1, max_size=5)
GAP = st.text("xy .,?", min_size=1, max_size=5)


@given(st.lists(st.tuples(GAP, NAME, st.sampled_from(["Artist", "WoA"])), max_size=3), GAP)
@settings(deadline=None)
def test_variants_have_the_same_labels_in_the_same_order(pieces, end):
    line = "".join(f"{gap}[{name}]({label})" for gap, name, label in pieces) + end
    query = parse(line, "")
    for _, changed in invariants([query]):
        assert [span.label for span in changed.spans] == [span.label for span in query.spans]
        assert relative(changed.spans, changed) == relative(query.spans, query)


def test_what_was_found_compares_with_what_was_found_in_a_variant():
    query, changed = parse("play [halo](WoA) now", ""), parse("play [smooth operator](WoA) now", "")
    whole, part, other = (5, 9, "WoA"), (5, 8, "WoA"), (10, 13, "WoA")
    assert relative([whole], query) == relative([(5, 20, "WoA")], changed)
    assert relative([part], query) == relative([(5, 11, "WoA")], changed)
    assert relative([other], query) == relative([(21, 24, "WoA")], changed)
    assert relative([whole], query) != relative([part], query)
    assert relative([whole], query) != relative([(5, 9, "Artist")], query)
    assert relative([other], query) != relative([(0, 4, "WoA")], query)
    assert relative([], query) != relative([whole], query)


@Language.factory("finds_known_names", default_config={"is_cased": False})
class FindsKnownNames:
    """Finds `halo` and `sade`, more surely if the catalogue lists them."""

    def __init__(self, nlp, name, is_cased):
        self.is_cased = is_cased

    def __call__(self, doc):
        spans = []
        for token in doc:
            text = token.text if self.is_cased else token.lower_
            if text in ("halo", "sade"):
                label = {"halo": "WoA", "sade": "Artist"}[text]
                spans.append(SpacySpan(doc, token.i, token.i + 1, label))
                confidence = 0.9 if doc._.catalogue_matches else 0.6
                spans[-1]._.labelled_with_confidence = (label, confidence)
        doc.ents = spans
        return doc


@Language.component("distrusts_listed_names")
def distrust_listed_names(doc):
    for ent in doc.ents:
        confidence = 0.2 if doc._.catalogue_matches else 0.6
        ent._.labelled_with_confidence = (ent.label_, confidence)
    return doc


@pytest.fixture
def nlp():
    pipeline = spacy.blank("en")
    pipeline.add_pipe("catalogue")
    pipeline.add_pipe("finds_known_names")
    return pipeline


def outcomes_of(nlp, *lines) -> dict[str, list[bool]]:
    outcomes = run(nlp, {"capability": [parse(line, "") for line in lines]})
    return {
        kind: [outcome.passed for outcome in outcomes if outcome.kind == kind]
        for kind in (MINIMUM, INVARIANCE, DIRECTIONAL)
    }


def test_a_pipeline_passes_what_it_can(nlp):
    passed = outcomes_of(nlp, "play [halo](WoA)", "play [yellow](WoA)", "calm piano", "so sade")
    assert passed[MINIMUM] == [True, False, True, False]


def test_a_pipeline_that_depends_on_case_is_not_invariant(nlp):
    assert outcomes_of(nlp, "play [halo](WoA)")[INVARIANCE] == [True, True, True]
    nlp.replace_pipe("finds_known_names", "finds_known_names", config={"is_cased": True})
    assert outcomes_of(nlp, "play [halo](WoA)")[INVARIANCE] == [False, True, True]


def test_a_pipeline_that_depends_on_names_is_not_invariant(nlp):
    passed = outcomes_of(nlp, "play [halo](WoA)", "play [yellow](WoA)")[INVARIANCE]
    assert passed == [True, True, False, True, True, False]


def test_the_directional_test_passes_if_the_catalogue_helps(nlp):
    passed = outcomes_of(nlp, "play [halo](WoA)", "play [yellow](WoA)")
    assert passed[DIRECTIONAL] == [True]


def test_the_directional_test_fails_if_the_catalogue_misleads(nlp):
    nlp.add_pipe("distrusts_listed_names")
    assert outcomes_of(nlp, "play [halo](WoA)")[DIRECTIONAL] == [False]


def test_the_catalogue_is_as_before_after_the_tests(nlp):
    catalogue = nlp.get_pipe("catalogue")
    catalogue.add(artists=["Korn"])
    before = catalogue.to_bytes()
    outcomes_of(nlp, "play [halo](WoA) by [sade](Artist)")
    assert catalogue.to_bytes() == before


def test_a_pipeline_without_a_catalogue_has_no_directional_tests(nlp):
    nlp.remove_pipe("catalogue")
    nlp.replace_pipe("finds_known_names", "sentencizer")
    assert outcomes_of(nlp, "play [halo](WoA)")[DIRECTIONAL] == []


def test_pass_rates_are_shares_of_each_capability_and_of_all(nlp):
    capabilities = {
        "song": [parse("play [halo](WoA)", ""), parse("play [yellow](WoA)", "")],
        "nothing": [parse("calm piano", "")],
    }
    rates = pass_rates(run(nlp, capabilities))
    assert list(rates) == ["song", "nothing", "all"]
    assert rates["song"][MINIMUM] == 0.5
    assert rates["nothing"] == {
        "tests": 3,
        "passed": 1.0,
        MINIMUM: 1.0,
        INVARIANCE: 1.0,
        DIRECTIONAL: None,
    }
    assert rates["all"]["tests"] == rates["song"]["tests"] + 3


def test_capabilities_are_files_of_marked_queries(tmp_path):
    (tmp_path / "one_song.txt").write_text("play [halo](WoA)\n")
    (tmp_path / "nothing.txt").write_text("calm piano\n\nloud drums\n")
    capabilities = read_capabilities(tmp_path)
    assert {name: len(queries) for name, queries in capabilities.items()} == {
        "nothing": 2,
        "one_song": 1,
    }
    assert names_of(capabilities["one_song"]) == {"Artist": [], "WoA": ["halo"]}


def test_a_faulty_mark_is_an_error_that_names_the_line(tmp_path):
    (tmp_path / "song.txt").write_text("play [halo](Song)\n")
    with pytest.raises(UnreadableFileError, match=r"song\.txt, line 1"):
        read_capabilities(tmp_path)
