"""The normal form of names, in which they are listed and looked up."""

import re
import unicodedata
from bisect import bisect_right
from itertools import accumulate
from typing import NamedTuple

from spacy.tokens import Doc

APOSTROPHES = "'’‘‛`´′ʹʻʼʽ"
POSSESSIVES = tuple(f"{apostrophe}s" for apostrophe in APOSTROPHES)
INNER_SIGNS = '.!?*"“”'
"""Signs that are removed next to a single letter, as in `R.E.M.`, `P!nk` and `B*Witched`."""
INNER_SIGN = "\0"
_AFTER_LETTER = r"(?<=(?<![^\W_])[^\W\d_])\0(?!\0)"
_BEFORE_LETTER = r"(?<!\0)\0(?=[^\W\d_](?![^\W_]))"
SEPARATING_SIGN = re.compile(rf"(?!{_AFTER_LETTER}|{_BEFORE_LETTER})\0")
# Letters that Unicode does not decompose into a plain letter and an accent.
PLAIN_LETTERS = {"ø": "o", "ł": "l", "đ": "d", "ð": "d", "ħ": "h", "ı": "i", "æ": "ae", "œ": "oe"}
SPELLED_SIGNS = {"$": "$", "&": "&", "+": "+"}
FOLDED_SIGNS = {"$": "$", "&": " and ", "+": " and "}
WORD = re.compile(r"[^ ]+")
THE = "the"


def _is_accent(character: str) -> bool:
    # The marks of kana make another letter, and those of other scripts may be its vowels.
    name = unicodedata.name(character, "")
    return name.startswith(("COMBINING", "VARIATION SELECTOR")) and "KATAKANA" not in name


class CharacterTable(dict[int, str]):
    """What each character becomes, for `str.translate`; filled as characters turn up.

    signs (dict[str, str]): Signs that are kept or written out. Others separate words.
    """

    def __init__(self, signs: dict[str, str]):
        super().__init__()
        self.known = {
            **dict.fromkeys(APOSTROPHES, ""),
            **dict.fromkeys(INNER_SIGNS, INNER_SIGN),
            **PLAIN_LETTERS,
            "þ": "th",
            **signs,
        }

    def __missing__(self, codepoint: int) -> str:
        self[codepoint] = translated = self._translate(chr(codepoint))
        return translated

    def _translate(self, character: str) -> str:
        if character in self.known:
            return self.known[character]
        decomposed = unicodedata.normalize("NFKD", character)
        plain = "".join(c for c in decomposed if not _is_accent(c)).casefold()
        return "".join(map(self._translate_plain, unicodedata.normalize("NFKD", plain)))

    def _translate_plain(self, character: str) -> str:
        if character in self.known:
            return self.known[character]
        category = unicodedata.category(character)
        if category == "Cf" or _is_accent(character):
            return ""
        return character if category[0] in "LNM" else " "


SPELLED = CharacterTable(SPELLED_SIGNS)
FOLDED = CharacterTable(FOLDED_SIGNS)


def _write(text: str, table: CharacterTable) -> str:
    translated = SEPARATING_SIGN.sub(" ", text.translate(table))
    return " ".join(translated.replace(INNER_SIGN, "").split())


def fold(text: str) -> str:
    """Write a text in the normal form in which names are listed and looked up.

    Lower case, without accents (https://unicode.org/reports/tr15, form NFKD), words between single
    spaces. Apostrophes are removed, and so is one of `INNER_SIGNS` next to a single letter. `&` and
    `+` are written `and`, `$` stays, other signs separate words.

    text (str): Any text.
    RETURNS (str): Its normal form.

    >>> fold("R.E.M."), fold("Guns N' Roses"), fold("AC/DC"), fold("Florence + The Machine")
    ('rem', 'guns n roses', 'ac dc', 'florence and the machine')
    """
    return _write(text, FOLDED)


def spell(name: str) -> str:
    """Write a name as people type it in a search: in its normal form, except for `&` and `+`.

    name (str): A name as it is usually written.
    RETURNS (str): The name; `fold` gives both the same normal form. A name without letters, digits
        and kept signs is only lower-cased.

    >>> spell("Guns N' Roses"), spell("Simon & Garfunkel"), spell("!!!")
    ('guns n roses', 'simon & garfunkel', '!!!')
    """
    return unicodedata.normalize("NFC", _write(name, SPELLED)) or name.lower()


DIGIT_OF_SEVERAL = re.compile(r"\d(?=\d)|(?<=\d)\d")


def digits_as_0(word: str) -> str:
    """RETURNS (str): A folded word, with `0` for each digit of a number of several, as frequencies
    of words list it.

    >>> digits_as_0("1979"), digits_as_0("mp3")
    ('0000', 'mp3')
    """
    return DIGIT_OF_SEVERAL.sub("0", word)


class Name(NamedTuple):
    """A name as it is stored.

    key (str): The folded name, without a leading `the` (but `the the` stays).
    with_the (bool): Whether it was given with it.
    """

    key: str
    with_the: bool


def to_name(name: str) -> Name:
    """Give a name as it is stored; a name without letters and digits has an empty key.

    >>> to_name("The Beatles")
    Name(key='beatles', with_the=True)
    """
    if not any(map(str.isalnum, name)):
        return Name("", False)
    folded = fold(name)
    bare = folded.removeprefix(f"{THE} ")
    return Name(folded, False) if bare in (folded, THE) else Name(bare, True)


class Words(NamedTuple):
    """The folded words of a doc. A token may hold several of them, and a word several tokens.

    texts (list[str]): The words.
    first (list[int]): The first token of each.
    last (list[int]): The last token of each.
    possessive (list[bool]): Whether the last token of each ends in `'s`.
    owned (list[bool]): Whether this `'s` is a token of its own, after others.
    """

    texts: list[str]
    first: list[int]
    last: list[int]
    possessive: list[bool]
    owned: list[bool]


def words_of(doc: Doc) -> Words:
    """RETURNS (Words): The words of a doc, folded as `fold` does."""
    pieces = [token.text_with_ws.translate(FOLDED) for token in doc]
    ends = list(accumulate(map(len, pieces)))
    translated = SEPARATING_SIGN.sub(" ", "".join(pieces))
    words = Words([], [], [], [], [])
    for match in WORD.finditer(translated):
        if text := match[0].replace(INNER_SIGN, ""):
            start = match.start() + match[0].index(text[0])
            end = match.start() + match[0].rindex(text[-1])
            words.texts.append(text)
            first, last = bisect_right(ends, start), bisect_right(ends, end)
            words.first.append(first)
            words.last.append(last)
            ending = doc[last].lower_
            words.possessive.append(ending.endswith(POSSESSIVES))
            words.owned.append(first < last and ending in POSSESSIVES)
    return words
