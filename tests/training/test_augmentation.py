import random
import re
from collections import Counter
from pathlib import Path

import pytest
import spacy
import srsly
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from spacy import registry
from spacy.tokens import DocBin
from spacy.training import Example

from music_ner.data.marked import parse
from music_ner.data.query import AMBIGUOUS, Query, Span, normalize_query, to_doc
from music_ner.data.writings import query_key
from music_ner.pipeline.catalogue.files import NameRecord
from music_ner.pipeline.catalogue.names import spell
from music_ner.training.augmentation import (
    EMOJI,
    Piece,
    add_emoji,
    add_typo,
    create_mention_augmenter,
    from_pieces,
    is_plain,
    read_alternatives,
    read_mentions,
    replace_mentions,
    swap_alternatives,
    to_pieces,
    write_in_capitals,
    write_naturally,
    write_plainly,
    write_title_case,
)
from tests.conftest import ROOT

NLP = spacy.blank("en")

RECORDS = (
    NameRecord("Guns N' Roses", ("Don't Cry", "Sweet Child o' Mine")),
    NameRecord("Björk", ("Jóga", "Hyperballad")),
    NameRecord("AC/DC", ("T.N.T.", "Back in Black")),
)

SIGUR_ROS = (NameRecord("Sigur Rós", ("Don't (Live)",)),)
PLAIN_NAMES = "[sigur ros](Artist) songs like [dont live](WoA)"
NAMES_WITH_SIGNS = "[sigur rós](Artist) songs like [don't (live)](WoA)"

LINES = (
    "im into [karma police](WoA) by [radiohead](Artist)",
    "more like [sade](Artist), less like [korn](Artist)",
    "[radiohead](Artist) [creep](WoA) and [coldplay](Artist) [yellow](WoA)",
    "i dont like [weightless](WoA)",
    "dark ambient for the attic",
)
LINE_WITH_ALTERNATIVES = "best songs on youtube music by [sade](Artist), from [1989](WoA) or 1990"
NATURAL_LINE = "I love [Don't Cry](WoA)! Is it [Guns N' Roses](Artist)'s best?"

GROUPS = {
    "service": ["Spotify", "YouTube", "YouTube Music"],
    "year": ["1977", "1989", "2001"],
    "items": ["songs", "hits"],
    "genre": ["pop", "R&B", "post rock"],
}
SERVICES = ("spotify", "youtube", "youtube music")
YEARS = GROUPS["year"]
ALTERNATIVES_PATH = ROOT / "assets" / "alternatives.json"
ALTERNATIVES = read_alternatives(ALTERNATIVES_PATH)

REWRITINGS = {
    "replace_mentions": lambda pieces, rng: replace_mentions(pieces, RECORDS, SIGNS, rng),
    "swap_alternatives": lambda pieces, rng: swap_alternatives(pieces, ALTERNATIVES, rng),
    "add_typo": add_typo,
    "write_naturally": lambda pieces, rng: write_naturally(pieces, CAPITALS, rng),
    "write_plainly": write_plainly,
    "add_emoji": add_emoji,
    "write_title_case": lambda pieces, rng: write_title_case(pieces),
    "write_in_capitals": lambda pieces, rng: write_in_capitals(pieces),
}

CAPITALS = SIGNS = 0.5
NO_NOISE = dict.fromkeys(
    ("typos", "natural", "plain", "capitalized", "titled", "shouted", "emoji"), 0.0
)
SEEDS = range(100)

RNGS = st.integers(0, 2**32).map(random.Random)
LABELS = st.sampled_from(("Artist", "WoA"))
# A lone s is left to a test of its own.
WORDS = st.text("aeirstyB7éñß!'&$", min_size=1, max_size=6).filter(lambda word: word != "s")
NAMES = st.lists(WORDS, min_size=1, max_size=3).map(" ".join)
# Swapping a letter with its double is left to a test of its own.
UNDOUBLED = st.lists(st.sampled_from("aeirsty"), min_size=4, unique=True).map("".join)
SPACED_GAPS = st.sampled_from(
    (" ", " by ", " and ", " & ", " - ", ", ", " , ", " live ", ", but like ", " im into ", ". ")
)
NATURAL_GAPS = st.sampled_from(
    ("'s ", "’S best, ", '", by “', "? And ", "! I don't like ", "... ", " (R&B) – ", ": ")
)
GAPS = SPACED_GAPS | NATURAL_GAPS | st.sampled_from(("", "/", "'", "("))
EDGES = st.sampled_from(
    ("", "songs like ", "im into ", ", ", " by ", " please", "?", " or pop, rock", "I like ", "'s")
)
RECORD_LISTS = st.lists(
    st.builds(NameRecord, NAMES, st.lists(NAMES, min_size=1, max_size=3).map(tuple)),
    min_size=1,
    max_size=4,
)


@st.composite
def queries_in_pieces(draw, gaps=GAPS, names=NAMES):
    """Entities and what stands between them, by turns, as `to_pieces` gives them."""
    pieces = [Piece(draw(EDGES))]
    for n in range(draw(st.integers(0, 4))):
        pieces += [Piece(draw(gaps))] if n else []
        pieces.append(Piece(draw(names), draw(LABELS)))
    return [*pieces, Piece(draw(EDGES))] if len(pieces) > 1 else pieces


@st.composite
def queries(draw):
    """Any text with any spans that do not overlap."""
    text = draw(st.text(max_size=25))
    edges = sorted(draw(st.lists(st.integers(0, len(text)), max_size=8)))
    pairs = zip(edges[::2], edges[1::2], strict=False)
    return Query("", text, tuple(Span(*pair, draw(LABELS)) for pair in pairs))


def pieces_of(line: str) -> list[Piece]:
    return to_pieces(parse(line, ""))


def text_of(pieces: list[Piece]) -> str:
    return "".join(piece.text for piece in pieces)


def marked(pieces: list[Piece]) -> str:
    """Write pieces in the form that `parse` reads."""
    return "".join(f"[{p.text}]({p.label})" if p.label else p.text for p in pieces)


def entities(pieces: list[Piece]) -> list[tuple[str, str]]:
    return [(piece.text, piece.label) for piece in pieces if piece.label]


def labels(pieces: list[Piece]) -> list[str]:
    return [piece.label for piece in pieces if piece.label]


def between(pieces: list[Piece]) -> list[str]:
    return [piece.text for piece in pieces if not piece.label]


def naturally(line: str) -> list[list[Piece]]:
    """Write a query naturally many times."""
    return [write_naturally(pieces_of(line), CAPITALS, random.Random(seed)) for seed in SEEDS]


def misspelt(word: str) -> set[str]:
    """Every word that differs by a letter left out, doubled, or swapped with the next."""
    cuts = [(word[:i], word[i:]) for i in range(len(word))]
    left_out = {a + b[1:] for a, b in cuts}
    doubled = {a + b[0] + b for a, b in cuts}
    swapped = {a + b[1] + b[0] + b[2:] for a, b in cuts[:-1]}
    return left_out | doubled | swapped


def as_example(query: Query) -> Example:
    normal = normalize_query(query)
    return Example(NLP.make_doc(normal.text), to_doc(normal, NLP.make_doc))


def example_of(line: str) -> Example:
    return as_example(parse(line, ""))


def marked_reference(example: Example) -> str:
    """Write an example's gold query in the form that `parse` reads."""
    gold = example.reference
    spans = tuple(Span(ent.start_char, ent.end_char, ent.label_) for ent in gold.ents)
    return marked(to_pieces(Query("", gold.text, spans)))


def augment(augmenter, line: str) -> str:
    """Augment a marked query, and mark the one query that comes of it."""
    (new,) = augmenter(NLP, example_of(line))
    return marked_reference(new)


def augment_all(augmenter, seed: int) -> list[str]:
    """Augment LINES some times over, from one seed."""
    random.seed(seed)
    return [augment(augmenter, line) for line in LINES * 5]


def noise(capitals: float = CAPITALS, **levels: float):
    augmenter = registry.augmenters.get("music_ner.noise.v3")
    return augmenter(**{**NO_NOISE, **levels}, capitals=capitals)


def mentions(names, corpus=None, level=1.0, share_of_names=1.0, signs=0.0):
    augmenter = registry.augmenters.get("music_ner.mentions.v2")
    return augmenter(names, corpus, level, share_of_names, signs)


def alternatives(path=ALTERNATIVES_PATH, level=1.0):
    return registry.augmenters.get("music_ner.alternatives.v1")(str(path), level)


def chain(*augmenters):
    return registry.augmenters.get("music_ner.chain.v1")(*augmenters)


def write_names(path: Path, *records: NameRecord) -> str:
    srsly.write_jsonl(path, [record._asdict() for record in records])
    return str(path)


@pytest.fixture(scope="module")
def names(tmp_path_factory) -> list[str]:
    """A file of RECORDS, as the config names it."""
    return [write_names(tmp_path_factory.mktemp("names") / "names.jsonl", *RECORDS)]


@pytest.fixture(scope="module")
def groups(tmp_path_factory) -> Path:
    """A file of GROUPS."""
    path = tmp_path_factory.mktemp("alternatives") / "alternatives.json"
    srsly.write_json(path, GROUPS)
    return path


@pytest.fixture
def corpus(tmp_path) -> Path:
    """A training corpus in which only Sade and Adele stand with works."""
    lines = (
        "[smooth operator](WoA) or [by your side](WoA) by [sade](Artist)",
        "more like [korn](Artist)",
        "[adele](Artist) [hello](WoA)",
        "songs like [weightless](WoA)",
    )
    path = tmp_path / "train.spacy"
    DocBin(docs=[example_of(line).reference for line in lines]).to_disk(path)
    return path


def test_a_query_is_cut_into_entities_and_what_stands_between_them():
    assert pieces_of("more like [sade](Artist), [halo](WoA)") == [
        Piece("more like "),
        Piece("sade", "Artist"),
        Piece(", "),
        Piece("halo", "WoA"),
        Piece(""),
    ]


@given(queries())
@settings(deadline=None)
def test_pieces_make_up_the_query_that_was_cut(query):
    assert from_pieces(to_pieces(query)) == query


@given(queries_in_pieces())
@settings(deadline=None)
def test_a_query_that_was_put_together_is_cut_into_the_same_pieces(pieces):
    assert to_pieces(from_pieces(pieces)) == pieces


@pytest.mark.parametrize(
    "text", ["more like sade, less like korn", "r&b for bbno$ fans", "24-7", ""]
)
def test_a_query_of_small_letters_and_commas_is_plain(text):
    assert is_plain(text)


@pytest.mark.parametrize("text", ["like Sade", "calm piano.", "i don't know", "calm (no vocals)"])
def test_a_query_with_capitals_or_punctuation_is_not_plain(text):
    assert not is_plain(text)


@pytest.mark.parametrize("name", REWRITINGS)
@given(pieces=queries_in_pieces(), rng=RNGS)
@settings(deadline=None)
def test_a_rewriting_keeps_number_order_and_labels_of_entities(name, pieces, rng):
    assert labels(REWRITINGS[name](pieces, rng)) == labels(pieces)


@pytest.mark.parametrize("name", REWRITINGS)
@given(pieces=queries_in_pieces(), rng=RNGS)
@settings(deadline=None)
def test_a_rewriting_makes_no_entity_empty_or_with_white_space_at_its_edge(name, pieces, rng):
    for text, _ in entities(REWRITINGS[name](pieces, rng)):
        assert text and text == text.strip()


@given(queries_in_pieces(), RECORD_LISTS, RNGS)
@settings(deadline=None)
def test_names_of_any_records_make_no_entity_empty_or_with_white_space_at_its_edge(
    pieces, records, rng
):
    for text, _ in entities(replace_mentions(pieces, records, SIGNS, rng)):
        assert text and text == text.strip()


@given(RNGS)
@settings(deadline=None)
def test_an_artist_is_replaced_together_with_their_work(rng):
    pieces = replace_mentions(pieces_of("[creep](WoA) by [radiohead](Artist)"), RECORDS, 0.0, rng)
    (work, _), (artist, _) = entities(pieces)
    assert (artist, work) in {(spell(r.artist), spell(w)) for r in RECORDS for w in r.works}


@given(RNGS)
@settings(deadline=None)
def test_a_work_goes_with_the_nearest_artist(rng):
    line = (
        "[creep](WoA) by [radiohead](Artist), like [halo](WoA) or [hello](WoA) by [adele](Artist)"
    )
    texts = [text for text, _ in entities(replace_mentions(pieces_of(line), RECORDS, 0.0, rng))]
    works = {spell(r.artist): {spell(work) for work in r.works} for r in RECORDS}
    assert texts[0] in works[texts[1]]
    assert texts[3] in works[texts[4]]


def test_every_artist_and_every_work_is_drawn():
    pieces = pieces_of("[creep](WoA) by [radiohead](Artist)")
    drawn = [
        entities(replace_mentions(pieces, RECORDS, 0.0, random.Random(seed))) for seed in SEEDS
    ]
    assert {artist for _, (artist, _) in drawn} == {spell(record.artist) for record in RECORDS}
    assert {work for (work, _), _ in drawn} == {
        spell(w) for record in RECORDS for w in record.works
    }


@given(RNGS)
@settings(deadline=None)
def test_a_work_without_an_artist_becomes_any_work(rng):
    pieces = replace_mentions(pieces_of("songs like [creep](WoA)"), RECORDS, 0.0, rng)
    ((text, label),) = entities(pieces)
    assert label == "WoA"
    assert text in {spell(work) for record in RECORDS for work in record.works}


@pytest.mark.parametrize(
    ("signs", "written"),
    [
        (0.0, {PLAIN_NAMES}),
        (0.5, {PLAIN_NAMES, NAMES_WITH_SIGNS}),
        (1.0, {NAMES_WITH_SIGNS}),
    ],
)
def test_names_in_a_plain_query_are_in_lower_case_and_all_keep_their_signs_or_none(signs, written):
    pieces = pieces_of("[radiohead](Artist) songs like [creep](WoA)")
    rngs = map(random.Random, SEEDS)
    assert {marked(replace_mentions(pieces, SIGUR_ROS, signs, rng)) for rng in rngs} == written


def test_signs_is_the_probability_that_names_keep_their_signs():
    pieces = pieces_of("[radiohead](Artist) songs like [creep](WoA)")
    lines = [
        marked(replace_mentions(pieces, SIGUR_ROS, 0.25, random.Random(seed)))
        for seed in range(400)
    ]
    assert 70 < lines.count(NAMES_WITH_SIGNS) < 130


@pytest.mark.parametrize("signs", [0.0, 1.0])
def test_names_are_written_as_listed_in_a_natural_query(signs):
    pieces = pieces_of('Songs by [Radiohead](Artist), like "[Creep](WoA)"?')
    replaced = replace_mentions(pieces, SIGUR_ROS, signs, random.Random(0))
    assert marked(replaced) == 'Songs by [Sigur Rós](Artist), like "[Don\'t (Live)](WoA)"?'


@given(queries_in_pieces(), RECORD_LISTS, st.integers(0, 2**32))
@settings(deadline=None)
def test_the_same_names_are_drawn_with_their_signs_and_without(pieces, records, seed):
    with_signs, without = (
        entities(replace_mentions(pieces, records, signs, random.Random(seed)))
        for signs in (1.0, 0.0)
    )
    if is_plain(text_of(pieces)):
        assert all(text == text.lower() for text, _ in with_signs)
        assert without == [(spell(text), label) for text, label in with_signs]
    else:
        assert without == with_signs


@given(queries_in_pieces(), RECORD_LISTS, RNGS)
@settings(deadline=None)
def test_other_names_leave_the_words_between_entities_alone(pieces, records, rng):
    assert between(replace_mentions(pieces, records, SIGNS, rng)) == between(pieces)


@given(queries_in_pieces(SPACED_GAPS, UNDOUBLED), RNGS)
@settings(deadline=None)
def test_a_typo_changes_one_word_by_one_letter(pieces, rng):
    text = text_of(pieces)
    assume(re.search(r"[a-z]{4}", text))
    words, new = text.split(), text_of(add_typo(pieces, rng)).split()
    changed = [pair for pair in zip(words, new, strict=True) if pair[0] != pair[1]]
    assert len(changed) == 1
    assert changed[0][1] in misspelt(changed[0][0])


@given(st.lists(st.text("abc7", max_size=3), max_size=5).map(" ".join), RNGS)
@settings(deadline=None)
def test_words_of_three_letters_are_not_misspelt(text, rng):
    assert add_typo([Piece(text)], rng) == [Piece(text)]


def test_any_letter_but_the_first_and_the_last_is_left_out_doubled_or_swapped_with_the_next():
    typos = {text_of(add_typo([Piece("sade")], random.Random(seed))) for seed in SEEDS}
    assert typos == {"sde", "sae", "saade", "sadde", "sdae", "saed"}


def test_a_typo_is_made_in_an_entity_or_beside_one():
    pieces = pieces_of("songs by [sade](Artist)")
    typos = [add_typo(pieces, random.Random(seed)) for seed in SEEDS]
    assert {entities(typo) == entities(pieces) for typo in typos} == {True, False}
    assert all(text_of(typo) != text_of(pieces) for typo in typos)


def test_a_word_with_a_double_letter_is_misspelt_too():
    typos = [text_of(add_typo([Piece("queen")], random.Random(seed))) for seed in SEEDS]
    assert "queen" not in typos


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("i think im sure", "I think I'm sure"),
        ("you know i dont mind", "ou know I don't mind"),
        ("so whats this", "o what's this"),
        ("but id skip what isnt", "ut I'd skip what isn't"),
        ("fat idols in images", "at idols in images"),
    ],
)
def test_apostrophes_and_the_capital_i_are_restored(text, written):
    assert all(written in text_of(pieces) for pieces in naturally(f"{text} [sade](Artist)"))


def test_apostrophes_of_names_are_not_restored():
    for pieces in naturally("songs like [dont cry](WoA) please"):
        assert entities(pieces)[0][0].lower() == "dont cry"


def test_names_and_the_beginning_of_a_query_get_capitals_or_neither_does():
    texts = {text_of(pieces)[:17] for pieces in naturally("songs by [sade adu](Artist)")}
    assert texts == {"Songs by Sade Adu", "songs by sade adu"}


def test_a_new_sentence_before_the_first_entity_begins_with_a_capital():
    texts = [text_of(pieces) for pieces in naturally("calm piano, like [weightless](WoA)")]
    assert any("Calm piano. Like " in text for text in texts)
    assert not any("Calm piano. like " in text for text in texts)


def test_works_stand_in_quotes_of_one_kind_or_in_none():
    texts = [text_of(pieces).lower() for pieces in naturally("like [halo](WoA) a lot")]
    found = {re.search(r"like (\W?)halo(\W?) a lot", text).groups() for text in texts}
    assert found == {('"', '"'), ("'", "'"), ("“", "”"), ("", "")}


def test_artists_stand_in_no_quotes():
    texts = [text_of(pieces).lower() for pieces in naturally("like [sade](Artist) a lot")]
    assert all("like sade a lot" in text for text in texts)


def test_a_query_ends_in_some_sign_or_in_none():
    texts = [text_of(pieces) for pieces in naturally("calm [sade](Artist) please")]
    assert {text.lower().removeprefix("calm sade please") for text in texts} == {
        ".",
        "?",
        "!",
        "...",
        "??",
        "",
    }


def test_the_comma_between_two_parts_becomes_another_sign():
    texts = [text_of(p) for p in naturally("more like [sade](Artist), less like [korn](Artist)")]
    found = {re.search(r"sade(\W+)less like", text, re.I)[1] for text in texts}
    assert found == {". ", "? ", "! ", "... ", " - "}


def test_a_parenthesis_is_closed():
    texts = [text_of(p) for p in naturally("more like [sade](Artist), less like [korn](Artist)")]
    assert all(text.count("(") == text.count(")") for text in texts)


def test_a_sign_comes_between_two_artists_that_stood_side_by_side():
    texts = [text_of(pieces) for pieces in naturally("[sade](Artist) [korn](Artist)")]
    assert {re.search(r"sade(.+)korn", text, re.I)[1] for text in texts} == {
        ", ",
        " and ",
        " / ",
        " & ",
    }


def test_a_work_and_its_artist_that_stood_side_by_side_are_linked():
    texts = [text_of(pieces).lower() for pieces in naturally("[halo](WoA) [sade](Artist)")]
    assert {re.search(r"halo[\"'”]?(.+)sade", text)[1] for text in texts} == {
        " - ",
        " – ",
        " by ",
        ", ",
        " ",
    }


def test_an_artist_is_not_by_their_work():
    texts = [text_of(pieces).lower() for pieces in naturally("[radiohead](Artist) [creep](WoA)")]
    assert not any("radiohead by" in text for text in texts)


@pytest.mark.parametrize("gap", [" by ", " and ", ", ", " or "])
def test_separators_that_are_written_stay_in_natural_writing(gap):
    texts = [text_of(p).lower() for p in naturally(f"[sade](Artist){gap}[korn](Artist)")]
    assert all(text.startswith(f"sade{gap}korn") for text in texts)


@given(queries_in_pieces(SPACED_GAPS.filter(lambda gap: gap != " ")), RNGS)
@settings(deadline=None)
def test_natural_writing_changes_no_letters_but_the_words_between_neighbours(pieces, rng):
    text = text_of(pieces)
    assume(re.search(r"\w", text))
    assert query_key(text_of(write_naturally(pieces, CAPITALS, rng))) == query_key(text)


def test_a_possessive_s_written_naturally_is_outside_of_the_name():
    found = {marked(pieces) for pieces in naturally("[radiohead](Artist) [creep](WoA)")}
    assert any(line.startswith("[Radiohead](Artist)'s ") for line in found)


@pytest.mark.parametrize(
    ("line", "plain"),
    [
        ("I love [Halo](WoA) by [Beyoncé](Artist)!", "i love [halo](WoA) by [beyonce](Artist)"),
        ('Songs like "[Don\'t Cry](WoA)", please.', "songs like [dont cry](WoA) please"),
        ("What's the best (live) record?", "whats the best live record"),
        ("[Sade](Artist)'s best", "[sades](Artist) best"),
        ("[SADE](Artist)’S [PARADISE](WoA)", "[sades](Artist) [paradise](WoA)"),
        ("Is it [Sade](Artist)'s?", "is it [sades](Artist)"),
        ("[Sade](Artist)/[Korn](Artist)...", "[sade](Artist) [korn](Artist)"),
        ("More R&B, less $$", "more r&b, less $$"),
        ("[!!!](Artist) rock!!!", "[!!!](Artist) rock"),
    ],
)
def test_a_query_written_plainly_has_no_capitals_and_signs(line, plain):
    found = {marked(write_plainly(pieces_of(line), random.Random(seed))) for seed in SEEDS}
    assert found == {plain}


def test_the_end_of_a_sentence_is_left_out_or_becomes_a_comma():
    pieces = pieces_of("Calm piano! Like [Halo](WoA). Thanks.")
    assert {marked(write_plainly(pieces, random.Random(seed))) for seed in SEEDS} == {
        "calm piano like [halo](WoA) thanks",
        "calm piano , like [halo](WoA) , thanks",
    }


@given(queries_in_pieces(), RNGS)
@settings(deadline=None)
def test_a_query_written_plainly_is_plain(pieces, rng):
    assume(all(re.search(r"\w", text) for text, _ in entities(pieces)))
    text = text_of(write_plainly(pieces, rng))
    assert is_plain(text)
    assert text == " ".join(text.split())


@given(queries_in_pieces(), RNGS)
@settings(deadline=None)
def test_plain_writing_changes_no_letters(pieces, rng):
    text = text_of(pieces)
    assume(re.search(r"\w", text))
    assert query_key(text_of(write_plainly(pieces, rng))) == query_key(text)


@given(queries_in_pieces(), RNGS)
@settings(deadline=None)
def test_a_few_emoji_stand_together_between_words_and_outside_of_entities(pieces, rng):
    rewritten = add_emoji(pieces, rng)
    assert entities(rewritten) == entities(pieces)
    text = text_of(rewritten)
    (added,) = re.findall(f"[{EMOJI}]+", text)
    assert 1 <= len(added) <= 3
    assert text.replace(added, " ").split() == text_of(pieces).split()


def test_emoji_come_at_any_place_with_or_without_a_space():
    pieces = pieces_of("[sade](Artist) [halo](WoA) please")
    found = {text_of(add_emoji(pieces, random.Random(seed))) for seed in range(300)}
    assert {re.sub(f"[{EMOJI}]+", "*", text) for text in found} == {
        "*sade halo please",
        "* sade halo please",
        "sade* halo please",
        "sade * halo please",
        "sade halo* please",
        "sade halo * please",
        "sade halo please*",
        "sade halo please *",
    }


@given(queries_in_pieces())
@settings(deadline=None)
def test_a_query_in_capitals_has_no_small_letters(pieces):
    text = text_of(write_in_capitals(pieces))
    assert text == text_of(pieces).upper()
    assert not re.search("[a-zéñß]", text)


@given(queries_in_pieces())
@settings(deadline=None)
def test_a_query_in_title_case_has_no_small_letter_at_the_beginning_of_a_word(pieces):
    text = text_of(write_title_case(pieces))
    assert text.casefold() == text_of(pieces).casefold()
    assert not any(word[0].islower() for word in text.split())


@pytest.mark.parametrize(
    ("line", "titled"),
    [
        ("play [the gate](WoA) by [björk](Artist)", "Play [The Gate](WoA) By [Björk](Artist)"),
        ("i don't like r&b, é 80s", "I Don't Like R&b, É 80s"),
        ('is  "[halo](WoA)"[ac/dc](Artist)\'s?', 'Is  "[Halo](WoA)"[Ac/dc](Artist)\'s?'),
        ("[AC/DC](Artist) on iTunes", "[AC/DC](Artist) On ITunes"),
        ("[sade](Artist)s songs", "[Sade](Artist)s Songs"),
        ("", ""),
    ],
)
def test_title_case_changes_the_first_letters_of_words_alone(line, titled):
    assert marked(write_title_case(pieces_of(line))) == titled


@pytest.mark.parametrize(
    ("text", "capitalized"),
    [
        ("the gate", "The Gate"),
        ("don't\tstop  'til 1999", "Don't\tStop  'til 1999"),
        (" émile ÉMILE", " Émile ÉMILE"),
        ("", ""),
    ],
)
def test_words_between_white_space_get_capitals(text, capitalized):
    assert text_of(write_title_case([Piece(text)])) == capitalized


@given(queries_in_pieces(), RNGS)
@settings(deadline=None)
def test_a_swap_changes_expressions_outside_of_entities_within_their_groups(pieces, rng):
    swapped = swap_alternatives(pieces, ALTERNATIVES, rng)
    assert entities(swapped) == entities(pieces)
    for old, new in zip(between(pieces), between(swapped), strict=True):
        assert ALTERNATIVES.pattern.split(new) == ALTERNATIVES.pattern.split(old)
        olds, news = map(ALTERNATIVES.pattern.findall, (old, new))
        for one, other in zip(olds, news, strict=True):
            assert ALTERNATIVES.groups[one.lower()] is ALTERNATIVES.groups[other.lower()]


@given(queries_in_pieces(), RNGS)
@settings(deadline=None)
def test_a_query_in_lower_case_stays_so_with_other_expressions(pieces, rng):
    lower = [piece._replace(text=piece.text.lower()) for piece in pieces]
    text = text_of(swap_alternatives(lower, ALTERNATIVES, rng))
    assert text == text.lower()


@pytest.mark.parametrize(
    ("line", "swapped"),
    [
        ("more pop", {"more pop", "more r&b", "more post rock"}),
        ("Hits?", {"songs?", "hits?"}),
        ("on Spotify.", {"on Spotify.", "on YouTube.", "on YouTube Music."}),
        ("on SPOTIFY", {"on Spotify", "on YouTube", "on YouTube Music"}),
        ("on youtube music", {"on spotify", "on youtube", "on youtube music"}),
        ("1977's", {f"{year}'s" for year in YEARS}),
        ("2001/1989", {f"{one}/{other}" for one in YEARS for other in YEARS}),
        ("(r&b)", {"(pop)", "(r&b)", "(post rock)"}),
        ("[songs](WoA) on [1989](WoA)", {"[songs](WoA) on [1989](WoA)"}),
        ("popular rock hitss, k-pops of the 1977s", {"popular rock hitss, k-pops of the 1977s"}),
    ],
)
def test_whole_expressions_outside_of_entities_are_swapped(groups, line, swapped):
    expressions = read_alternatives(groups)
    pieces = pieces_of(line)
    found = {marked(swap_alternatives(pieces, expressions, random.Random(s))) for s in SEEDS}
    assert found == swapped


@pytest.mark.parametrize("text", ["ſongs", "hİts", "hıts", "SPOTİFY"])
def test_letters_that_only_resemble_those_of_an_expression_do_no_harm(groups, text):
    (piece,) = swap_alternatives([Piece(text)], read_alternatives(groups), random.Random(0))
    assert piece.text


def test_expressions_are_read_with_those_of_their_group(groups):
    read = read_alternatives(groups)
    assert read.groups == {e.lower(): group for group in GROUPS.values() for e in group}
    assert all(read.pattern.fullmatch(e) for group in GROUPS.values() for e in group)


@pytest.mark.parametrize(
    "content",
    [
        *([], ["pop", "rock"], {}, {"genre": []}, {"genre": "pop"}, {"genre": [""]}),
        *({"genre": ["pop"], "year": [1989]}, {"genre": {"pop": "rock"}}, None, "pop"),
    ],
)
def test_a_file_that_holds_no_groups_of_expressions_is_refused_and_named(tmp_path, content):
    path = tmp_path / "alternatives.json"
    srsly.write_json(path, content)
    with pytest.raises(ValueError, match=r"alternatives\.json: write a JSON object"):
        alternatives(path)


def test_a_file_of_alternatives_that_is_no_json_is_refused(tmp_path):
    path = tmp_path / "alternatives.json"
    path.write_text('{"genre": ["pop"', encoding="utf8")
    with pytest.raises(ValueError):
        alternatives(path)


def test_the_projects_alternatives_are_groups_of_expressions_without_white_space_at_the_edges():
    for group in srsly.read_json(ALTERNATIVES_PATH).values():
        assert len(group) > 1
        assert [e for e in group if not e or e != " ".join(e.split())] == []


def test_no_expression_of_the_projects_alternatives_is_listed_twice():
    lists = srsly.read_json(ALTERNATIVES_PATH).values()
    counts = Counter(expression.lower() for group in lists for expression in group)
    assert [expression for expression, count in counts.items() if count > 1] == []
    assert set(ALTERNATIVES.groups) == set(counts)


def test_the_artists_of_a_corpus_are_read_with_the_works_beside_them(corpus):
    assert read_mentions(corpus) == [
        NameRecord("sade", ("smooth operator", "by your side")),
        NameRecord("adele", ("hello",)),
    ]


def test_a_query_is_rewritten_with_names_from_the_file(tmp_path):
    names = [
        write_names(tmp_path / "names.jsonl", NameRecord("Sigur Rós", ("( )", "Ágætis Byrjun")))
    ]
    augmenter = mentions(names)
    random.seed(0)
    assert {augment(augmenter, "[creep](WoA) by [radiohead](Artist)") for _ in range(20)} == {
        "[( )](WoA) by [sigur ros](Artist)",
        "[agaetis byrjun](WoA) by [sigur ros](Artist)",
    }


def test_names_come_from_the_files_from_the_corpus_or_from_both(names, corpus):
    def artists(**settings) -> set[str]:
        random.seed(0)
        augmenter = mentions(names, **settings)
        return {augment(augmenter, "like [korn](Artist)")[6:-9] for _ in range(100)}

    listed = {spell(record.artist) for record in RECORDS}
    assert artists(corpus=corpus, share_of_names=1.0) == listed
    assert artists(corpus=corpus, share_of_names=0.0) == {"sade", "adele"}
    assert artists(corpus=corpus, share_of_names=0.5) == {*listed, "sade", "adele"}
    assert artists(corpus=None, share_of_names=0.0) == listed


def test_the_corpus_is_enough_where_no_files_are_named(corpus):
    random.seed(0)
    new = augment(mentions([], corpus, share_of_names=0.0), "like [korn](Artist)")
    assert new in {"like [sade](Artist)", "like [adele](Artist)"}


def test_the_level_is_the_probability_that_names_are_replaced(names):
    augmenter = mentions(names, level=0.25)
    random.seed(0)
    lines = [augment(augmenter, "like [korn](Artist)") for _ in range(400)]
    assert 70 < sum(line != "like [korn](Artist)" for line in lines) < 130


@pytest.mark.parametrize(
    ("signs", "artists"),
    [(0.0, {"guns n roses", "bjork", "ac dc"}), (1.0, {"guns n' roses", "björk", "ac/dc"})],
)
def test_names_keep_their_signs_as_often_as_the_config_says(names, signs, artists):
    random.seed(0)
    augmenter = mentions(names, signs=signs)
    assert {augment(augmenter, "like [korn](Artist)")[6:-9] for _ in range(30)} == artists


@pytest.mark.parametrize("line", LINES)
def test_level_0_passes_queries_unchanged(names, line):
    example = example_of(line)
    assert list(mentions(names, level=0.0)(NLP, example)) == [example]


def test_a_query_without_entities_has_no_names_to_replace(names):
    example = example_of("dark ambient for the attic")
    assert list(mentions(names)(NLP, example)) == [example]


def test_expressions_outside_of_entities_are_swapped_for_others_of_the_file(groups):
    random.seed(0)
    found = {augment(alternatives(groups), "hits by [pop](Artist) on youtube") for _ in range(50)}
    assert found == {
        f"{item} by [pop](Artist) on {service}" for item in GROUPS["items"] for service in SERVICES
    }


def test_the_level_is_the_probability_that_expressions_are_swapped():
    augmenter = alternatives(level=0.25)
    random.seed(0)
    lines = [augment(augmenter, LINE_WITH_ALTERNATIVES) for _ in range(400)]
    assert 70 < sum(line != LINE_WITH_ALTERNATIVES for line in lines) < 130


@pytest.mark.parametrize("line", [*LINES, NATURAL_LINE, LINE_WITH_ALTERNATIVES])
def test_level_0_swaps_no_expressions(line):
    example = example_of(line)
    assert list(alternatives(level=0.0)(NLP, example)) == [example]


def test_a_query_without_alternatives_passes_unchanged():
    assert augment(alternatives(), LINES[0]) == LINES[0]


@pytest.mark.parametrize("line", [*LINES, NATURAL_LINE])
def test_no_noise_passes_queries_unchanged(line):
    assert augment(noise(), line) == line


@pytest.mark.parametrize(
    ("kind", "line", "noisy"),
    [
        ("typos", "[sade](Artist) 77", {f"[{t}](Artist) 77" for t in misspelt("sade")}),
        (
            "natural",
            "im [sade](Artist)",
            {
                f"I'm [{name}](Artist){end}"
                for name in ("Sade", "sade")
                for end in ("", ".", "?", "!", "...", "??")
            },
        ),
        ("plain", "I'm into [Sade](Artist)!", {"im into [sade](Artist)"}),
        (
            "capitalized",
            "On [out of the blue](WoA) by [AC/DC](Artist)!",
            {"On [Out Of The Blue](WoA) by [AC/DC](Artist)!"},
        ),
        ("capitalized", "on [out of the blue](WoA)", {"on [out of the blue](WoA)"}),
        ("titled", "I'm into [Sade](Artist)!", {"I'm Into [Sade](Artist)!"}),
        ("titled", "im into [sade adu](Artist)", {"Im Into [Sade Adu](Artist)"}),
        ("shouted", "I'm into [Sade](Artist)!", {"I'M INTO [SADE](Artist)!"}),
        ("shouted", "im into [sade](Artist)", {"IM INTO [SADE](Artist)"}),
    ],
)
def test_each_noise_rewrites_as_its_name_says(kind, line, noisy):
    random.seed(0)
    augmenter = noise(**{kind: 1.0})
    assert all(augment(augmenter, line) in noisy for _ in range(50))


@pytest.mark.parametrize("line", [*LINES, NATURAL_LINE])
def test_emoji_are_added_to_any_query(line):
    random.seed(0)
    augmenter = noise(emoji=1.0)
    assert all(re.search(f"[{EMOJI}]", augment(augmenter, line)) for _ in range(20))


@pytest.mark.parametrize(
    ("kind", "line"),
    [
        ("typos", LINES[0]),
        ("natural", LINES[0]),
        ("plain", NATURAL_LINE),
        ("capitalized", "I love [one of us](WoA)!"),
        ("titled", LINES[0]),
        ("titled", NATURAL_LINE),
        ("shouted", LINES[0]),
        ("shouted", NATURAL_LINE),
        ("emoji", LINES[0]),
        ("emoji", NATURAL_LINE),
    ],
)
def test_a_noise_hits_as_many_queries_as_its_level_says(kind, line):
    random.seed(0)
    lines = [augment(noise(**{kind: 0.25}), line) for _ in range(400)]
    assert 70 < sum(new != line for new in lines) < 130


@pytest.mark.parametrize(
    ("kind", "line"), [("typos", NATURAL_LINE), ("natural", NATURAL_LINE), ("plain", LINES[0])]
)
def test_plain_and_natural_queries_have_noises_of_their_own(kind, line):
    random.seed(0)
    augmenter = noise(**{kind: 1.0})
    assert {augment(augmenter, line) for _ in range(20)} == {line}


@pytest.fixture(scope="module")
def by_halves(names):
    """Every augmenter, at level 0.5."""
    levels = dict.fromkeys(NO_NOISE, 0.5)
    return chain(mentions(names, level=0.5), alternatives(level=0.5), noise(**levels))


@pytest.mark.parametrize("seed", [0, 7])
def test_augmenters_are_deterministic_under_one_seed(by_halves, seed):
    assert augment_all(by_halves, seed) == augment_all(by_halves, seed)


def test_another_seed_makes_other_queries(by_halves):
    assert augment_all(by_halves, 0) != augment_all(by_halves, 7)


@pytest.mark.parametrize(
    "query",
    [
        pytest.param(
            Query("", "like sade or halo, rock", (Span(5, 9, "Artist"), Span(13, 17, AMBIGUOUS))),
            id="ambiguous",
        ),
        pytest.param(
            Query("", "like sade or halo, rock", (Span(5, 9, "Artist"),), complete=False),
            id="incomplete",
        ),
    ],
)
def test_queries_with_missing_tokens_pass_unchanged(names, query):
    example = as_example(query)
    noisy = noise(**dict.fromkeys(NO_NOISE, 1.0))
    for augmenter in (mentions(names), alternatives(), noisy):
        (new,) = augmenter(NLP, example)
        assert new is example


def test_a_query_passes_unchanged_where_two_new_names_would_share_a_token(tmp_path):
    names = [write_names(tmp_path / "names.jsonl", NameRecord("+44", ("1989",)))]
    line = "[sade](Artist)/[halo](WoA)"
    assert augment(mentions(names), line) == line


def test_a_chain_applies_augmenters_in_order(tmp_path):
    names = [write_names(tmp_path / "names.jsonl", NameRecord("Guns N' Roses", ("Don't Cry",)))]
    line = "im into [korn](Artist)"
    natural = noise(natural=1.0)
    random.seed(0)
    for _ in range(20):
        first_names = augment(chain(mentions(names), natural), line)
        assert "[guns n roses](artist)" in first_names.lower()
        assert "[Guns N' Roses](Artist)" in augment(chain(natural, mentions(names)), line)


def test_a_chain_hands_on_every_query_that_an_augmenter_yields(tmp_path):
    names = [write_names(tmp_path / "names.jsonl", NameRecord("korn", ("blind",)))]

    def twice(nlp, example):
        yield example
        yield example

    new = list(chain(twice, mentions(names), twice)(NLP, example_of(LINES[0])))
    expected = "im into [blind](WoA) by [korn](Artist)"
    assert [marked_reference(example) for example in new] == [expected] * 4


def test_an_empty_chain_passes_queries_unchanged():
    example = example_of(LINES[0])
    assert list(chain()(NLP, example)) == [example]


def test_a_chain_is_made_of_the_augmenters_that_a_config_lists(names, groups):
    mentions_block = {
        "@augmenters": "music_ner.mentions.v2",
        "names": names,
        "corpus": None,
        "level": 1.0,
        "share_of_names": 1.0,
        "signs": 0.0,
    }
    noise_block = {"@augmenters": "music_ner.noise.v3", **NO_NOISE, "typos": 1.0, "capitals": 0.8}
    alternatives_block = {
        "@augmenters": "music_ner.alternatives.v1",
        "path": str(groups),
        "level": 1.0,
    }
    blocks = {
        "*": {
            "mentions": mentions_block,
            "alternatives": alternatives_block,
            "noise": noise_block,
        }
    }
    config = {"augmenter": {"@augmenters": "music_ner.chain.v1", **blocks}}
    random.seed(0)
    new = augment(registry.resolve(config)["augmenter"], "[halo](WoA) by [sade](Artist) 1989")
    without_noise = (
        f"[{spell(work)}](WoA) by [{spell(record.artist)}](Artist) {year}"
        for record in RECORDS
        for work in record.works
        for year in YEARS
    )
    assert new in set().union(*map(misspelt, without_noise))


def test_entities_of_the_new_query_are_the_names_that_were_put_there(tmp_path):
    record = NameRecord("The xx", ("On Hold", "Say Something Loving"))
    names = [write_names(tmp_path / "names.jsonl", record)]
    (new,) = mentions(names)(NLP, example_of('Is "[Creep](WoA)" by [Radiohead](Artist)?'))
    work, artist = new.reference.ents
    assert work.text in record.works
    assert artist.text == record.artist
    assert new.reference.text == f'Is "{work.text}" by The xx?'


def test_entities_in_quotes_are_tagged_without_them():
    random.seed(0)
    augmenter = noise(natural=1.0)
    for _ in range(50):
        (new,) = augmenter(NLP, example_of("more like [karma police](WoA)"))
        assert [ent.text.lower() for ent in new.reference.ents] == ["karma police"]


def test_a_bar_in_a_name_becomes_a_comma_as_in_all_queries(tmp_path):
    names = [write_names(tmp_path / "names.jsonl", NameRecord("Eros|Anteros", ("Mirror",)))]
    line = "Songs by [Radiohead](Artist)?"
    assert augment(mentions(names), line) == "Songs by [Eros, Anteros](Artist)?"


def test_every_token_of_a_new_query_has_a_tag(names):
    (new,) = chain(mentions(names), noise(natural=1.0))(NLP, example_of(LINES[0]))
    assert not {"-", None} & set(new.get_aligned_ner())


@pytest.fixture(scope="module")
def everything(names):
    return chain(mentions(names), alternatives(), noise(**dict.fromkeys(NO_NOISE, 0.5)))


@given(pieces=queries_in_pieces(SPACED_GAPS | NATURAL_GAPS), seed=st.integers(0, 2**32))
@settings(deadline=None)
def test_a_new_query_is_one_text_with_entities_of_the_same_labels(everything, pieces, seed):
    random.seed(seed)
    example = as_example(from_pieces(pieces))
    (new,) = everything(NLP, example)
    assert new.predicted.text == new.reference.text
    assert not new.predicted.ents
    ents = new.reference.ents
    assert [ent.label_ for ent in ents] == [ent.label_ for ent in example.reference.ents]
    assert all(ent.text and ent.text == ent.text.strip() for ent in ents)


def test_a_faulty_line_of_names_is_refused_and_named(tmp_path):
    path = tmp_path / "names.jsonl"
    path.write_text('{"artist": "Korn", "works": ["Blind"]}\n["Sade"]\n', encoding="utf8")
    with pytest.raises(ValueError, match=r"names\.jsonl, line 2:"):
        mentions([str(path)])


def test_an_artist_without_works_replaces_an_artist_but_gives_no_work(tmp_path):
    records = [NameRecord("Korn", ()), NameRecord("Sade", ("Paradise",))]
    augmenter = mentions([write_names(tmp_path / "names.jsonl", *records)])
    random.seed(0)
    alone = {augment(augmenter, "like [adele](Artist)") for _ in range(30)}
    assert alone == {"like [korn](Artist)", "like [sade](Artist)"}
    with_work = {augment(augmenter, "[hello](WoA) by [adele](Artist)") for _ in range(30)}
    assert with_work == {"[paradise](WoA) by [sade](Artist)"}


def test_a_query_with_a_work_passes_unchanged_if_no_artist_has_works(tmp_path):
    augmenter = mentions([write_names(tmp_path / "names.jsonl", NameRecord("Korn", ()))])
    assert (
        augment(augmenter, "[hello](WoA) by [adele](Artist)") == "[hello](WoA) by [adele](Artist)"
    )


@pytest.mark.parametrize(("capitals", "names"), [(0.0, {"sade"}), (1.0, {"Sade"})])
def test_capitals_are_as_probable_as_the_config_says(capitals, names):
    random.seed(0)
    augmenter = noise(capitals, natural=1.0)
    found = {augment(augmenter, "like [sade](Artist)").partition("]")[0] for _ in range(30)}
    assert {line.partition("[")[2] for line in found} == names


def test_without_any_name_there_is_nothing_to_put_in():
    with pytest.raises(ValueError, match="no names"):
        create_mention_augmenter(names=[], corpus=None, level=0.5, share_of_names=0.5, signs=0.5)
