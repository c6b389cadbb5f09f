"""The texts that speed is measured with."""

from pathlib import Path

from spacy.tokens import DocBin
from spacy.vocab import Vocab
from wasabi import msg


def evenly(texts: list[str], count: int) -> list[str]:
    """RETURNS (list[str]): At most so many of the texts, at even distances."""
    count = min(count, len(texts))
    return [texts[number * len(texts) // count] for number in range(count)]


def read_texts(corpus: Path) -> list[str]:
    """RETURNS (list[str]): The texts of a corpus; another file ends the command with a message."""
    try:
        texts = [doc.text for doc in DocBin().from_disk(corpus).get_docs(Vocab())]
    except ValueError:
        msg.fail(f"{corpus} is not a corpus", "Name a .spacy file, as convert writes it.", exits=1)
    if len(texts) < 2:
        msg.fail(f"{corpus}: {len(texts)} texts, but 2 are needed", "Name a larger one.", exits=1)
    return texts
