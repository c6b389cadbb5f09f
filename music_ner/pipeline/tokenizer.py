"""A tokenizer that gives any text the tokens of its normalized form."""

from collections.abc import Callable, Iterable

from spacy import registry
from spacy.language import Language
from spacy.tokenizer import Tokenizer
from spacy.tokens import Doc

from music_ner.pipeline.normalization import invert, move, normalize


class NormalizingTokenizer(Tokenizer):
    """spaCy's `Tokenizer`, applied to the normalized text (see `normalize`).

    The `Doc` has the text as given. Its tokens are those of the normalized text, and white space
    that normalization removes. Special cases apply to the normalized text.
    """

    def __call__(self, text: str) -> Doc:
        """Tokenize a text.

        text (str): Any text.
        RETURNS (Doc): The tokenized text; `doc.text` is the text as given.
        """
        normalized, steps = normalize(text)
        doc = super().__call__(normalized)
        if normalized == text:
            return doc
        back = [invert(edits) for edits in reversed(steps)]
        offsets = []
        for token in doc:
            start, end = token.idx, token.idx + len(token)
            for edits in back:
                start, end = move(start, end, edits)
            offsets.append((start, end))
        words, spaces = words_and_spaces(text, offsets)
        as_given = Doc(self.vocab, words=words, spaces=spaces)
        tokens = (token for token in as_given if not token.is_space)
        for token, normalized_token in zip(tokens, doc, strict=True):
            if normalized_token.norm_ != normalized_token.lex.norm_:  # set by a special case
                token.norm_ = normalized_token.norm_
        return as_given

    def explain(self, text: str) -> list[tuple[str, str]]:
        """RETURNS (list[tuple[str, str]]): The rule behind each token of the normalized text."""
        return super().explain(normalize(text)[0])


def words_and_spaces(text: str, offsets: Iterable[tuple[int, int]]) -> tuple[list[str], list[bool]]:
    """Cut a text into tokens, as `spacy.util.get_words_and_spaces` does, but in linear time.

    text (str): The text.
    offsets (Iterable[tuple[int, int]]): Start and end of each token, with only white space between.
    RETURNS (tuple[list[str], list[bool]]): The words, including those of white space, and whether
        each has a trailing space.

    >>> words_and_spaces("by  sade", [(0, 2), (4, 8)])
    (['by', ' ', 'sade'], [True, False, False])
    """
    words: list[str] = []
    spaces: list[bool] = []
    previous_end = 0
    for start, end in [*offsets, (len(text), len(text))]:
        gap = text[previous_end:start]
        if words and gap.startswith(" "):
            spaces[-1] = True
            gap = gap[1:]
        for word in filter(None, (gap, text[start:end])):
            words.append(word)
            spaces.append(False)
        previous_end = end
    return words, spaces


def create_tokenizer() -> Callable[[Language], NormalizingTokenizer]:
    """Create the tokenizer with the rules of the pipeline's language."""

    def create(nlp: Language) -> NormalizingTokenizer:
        tokenizer = registry.tokenizers.get("spacy.Tokenizer.v1")()(nlp)
        return NormalizingTokenizer(
            nlp.vocab,
            rules=tokenizer.rules,
            prefix_search=tokenizer.prefix_search,
            suffix_search=tokenizer.suffix_search,
            infix_finditer=tokenizer.infix_finditer,
            token_match=tokenizer.token_match,
            url_match=tokenizer.url_match,
        )

    return create
