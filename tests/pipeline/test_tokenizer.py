"""The tokenizer that gives a text the tokens of its normalized form."""

import spacy
from hypothesis import example, given, settings
from hypothesis import strategies as st

from music_ner.pipeline.normalization import normalize
from tests.strategies import TEXTS, without_white

NLP = spacy.blank("en", config={"nlp": {"tokenizer": {"@tokenizers": "music_ner.Tokenizer.v1"}}})
STOCK = spacy.blank("en")
PARTS = (
    "sade",
    "don't",
    "r&b",
    "bbno$",
    "(live)",
    "a.b",
    "|",
    "||",
    " ",
    "  ",
    "\t",
    "\n",
    "\u00a0",
)
TEXTS_OF_WORDS = st.lists(st.sampled_from(PARTS), max_size=8).map("".join)


def tokens(doc):
    """The tokens without those of white space, as the transformer and the ner read them."""
    return [token.text.replace("|", ",") for token in doc if not token.is_space]


@settings(deadline=None)
@given(TEXTS | TEXTS_OF_WORDS | st.text(max_size=20))
def test_a_doc_has_the_text_as_given(text):
    assert NLP(text).text == text


@settings(deadline=None)
@given(TEXTS | TEXTS_OF_WORDS)
@example("sade|korn")
@example(" |sade  korn|| halo |")
@example("don't|can't")
def test_tokens_are_those_of_the_normalized_text_and_white_space(text):
    assert tokens(NLP(text)) == [token.text for token in STOCK(normalize(text)[0])]


@settings(deadline=None)
@given(TEXTS | TEXTS_OF_WORDS)
def test_white_space_between_tokens_is_no_part_of_a_word(text):
    for token in NLP(text):
        assert token.is_space or token.text == token.text.strip()
    words = [token.text for token in NLP(text) if not token.is_space]
    assert "".join(words) == without_white(text)


@settings(deadline=None)
@given(TEXTS | TEXTS_OF_WORDS)
def test_a_normal_text_has_the_tokens_that_spacys_tokenizer_gives(text):
    normal, _ = normalize(text)
    doc, stock = NLP(normal), STOCK(normal)
    assert [(t.text, t.whitespace_) for t in doc] == [(t.text, t.whitespace_) for t in stock]


def test_a_separator_is_a_token_of_its_own():
    assert [token.text for token in NLP("sade|korn | halo")] == ["sade", "|", "korn", "|", "halo"]


def test_the_tokenizer_is_saved_with_its_pipeline(tmp_path):
    NLP.to_disk(tmp_path / "pipeline")
    again = spacy.load(tmp_path / "pipeline")
    texts = ["sade|korn", " don't  stop\n", "R.E.M.|bbno$"]
    for doc, other in zip(map(NLP, texts), map(again, texts), strict=True):
        assert [token.text for token in doc] == [token.text for token in other]
    copy = spacy.blank("en", config=NLP.config).from_bytes(NLP.to_bytes())
    assert [token.text for token in copy("sade|korn")] == ["sade", "|", "korn"]


def test_a_rule_of_the_pipeline_is_kept():
    nlp = spacy.blank("en", config=NLP.config)
    nlp.tokenizer.add_special_case("hiphop", [{"ORTH": "hip"}, {"ORTH": "hop"}])
    assert [token.text for token in nlp("sade|hiphop")] == ["sade", "|", "hip", "hop"]


def test_pipe_gives_what_single_calls_give():
    texts = ["sade|korn", "", "  ", "a | b"]
    for doc, text in zip(NLP.tokenizer.pipe(texts), texts, strict=True):
        assert [token.text for token in doc] == [token.text for token in NLP(text)]


def test_norms_of_special_cases_do_not_depend_on_white_space():
    norms = [token.norm_ for token in NLP.make_doc("i can't wait")]
    assert [t.norm_ for t in NLP.make_doc("i  can't\twait |") if not t.is_space][:-1] == norms


def test_explain_gives_the_tokens_of_the_normalized_text():
    assert [text for _, text in NLP.tokenizer.explain("a|b")] == ["a", ",", "b"]


def test_long_runs_of_white_space_do_not_slow_it_down():
    doc = NLP.make_doc("a" + " \t" * 200_000 + "b")
    assert [token.text for token in doc if not token.is_space] == ["a", "b"]
