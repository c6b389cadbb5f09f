"""What the transformer reads of a `Doc`."""

from collections.abc import Callable, Iterable
from functools import partial

from spacy.tokens import Doc, Span

from music_ner.pipeline.normalization import SEPARATOR


def as_read(doc: Doc) -> Doc:
    """Give a doc as the transformer reads it.

    doc (Doc): A doc of the pipeline's tokenizer.
    RETURNS (Doc): The doc itself; or, if it holds a `|`, a doc with as many tokens in which a comma
        replaces it.
    """
    if SEPARATOR not in doc.text:
        return doc
    return Doc(
        doc.vocab,
        words=[token.text.replace(SEPARATOR, ",") for token in doc],
        spaces=[bool(token.whitespace_) or SEPARATOR in token.text for token in doc],
    )


def get_strided_spans(docs: Iterable[Doc], window: int, stride: int) -> list[list[Span]]:
    """Cut docs into overlapping windows, as `spacy-transformers.strided_spans.v1` does.

    docs (Iterable[Doc]): A batch.
    window (int): Tokens of a window.
    stride (int): Tokens between the starts of two windows.
    RETURNS (list[list[Span]]): The windows of each doc, as the transformer reads them.
    """
    from spacy_transformers import span_getters

    return span_getters.get_strided_spans([as_read(doc) for doc in docs], window, stride)


def create_strided_spans(window: int, stride: int) -> Callable[[list[Doc]], list[list[Span]]]:
    """Create a span getter of overlapping windows in which `|` is read as a comma.

    window (int): Tokens of a window.
    stride (int): Tokens between the starts of two windows.
    """
    return partial(get_strided_spans, window=window, stride=stride)
