"""A tokenizer that gives any text the tokens of its normalized form."""

from collections.abc import Callable

from spacy import registry, util
from spacy.language import Language
from spacy.tokenizer import Tokenizer
from spacy.tokens import Doc

from music_ner.pipeline.normalization import invert, move, normalize


class NormalizingTokenizer(Tokenizer):
    """spaCy's `Tokenizer`, applied to the normalized text (see `normalize`).

    The `Doc` has the text as given. Its tokens are those of the normalized text, and white space
    that normalization removes.
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
        words = []
        for token in doc:
            start, end = token.idx, token.idx + len(token)
            for edits in back:
                start, end = move(start, end, edits)
            words.append(text[start:end])
        words, spaces = util.get_words_and_spaces(words, text)
        return Doc(self.vocab, words=words, spaces=spaces)


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
