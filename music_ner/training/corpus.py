"""The reader of the training corpus."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Corpus, Example
from spacy.vocab import Vocab

from music_ner.data.query import SUPPLEMENT


def weighted(docs: Iterable[Doc], repeats: int) -> list[Doc]:
    """Repeat the user's own queries where a supplement is trained on too.

    docs (Iterable[Doc]): A training corpus. `doc.user_data["supplement"]` is true for queries of
        `train_bio`.
    repeats (int): How often each other query occurs, if some are a supplement.
    RETURNS (list[Doc]): The corpus.
    RAISES (ValueError): If `repeats` is less than 1.
    """
    if repeats < 1:
        raise ValueError(f"Set repeats to 1 or more, not to {repeats}")
    docs = list(docs)
    own = [doc for doc in docs if not doc.user_data.get(SUPPLEMENT)]
    return docs + own * (repeats - 1) if len(own) < len(docs) else docs


class WeightedCorpus(Corpus):
    """spaCy's `Corpus`, shuffled, with some queries repeated (see `weighted`).

    path (Path): A DocBin file.
    repeats (int): How often each query that is not a supplement is read.
    augmenter (Callable[[Language, Example], Iterable[Example]]): Applied to each query.
    """

    def __init__(
        self,
        path: Path,
        repeats: int,
        augmenter: Callable[[Language, Example], Iterable[Example]],
    ):
        super().__init__(path, augmenter=augmenter, shuffle=True)
        self.repeats = repeats
        self._read: tuple[Vocab, list[Doc]] | None = None

    def read_docbin(self, vocab: Vocab, locs: Iterable[str | Path]) -> Iterator[Doc]:
        # spaCy reads the corpus once for each epoch and several times before; it takes seconds.
        if self._read is None or self._read[0] is not vocab:
            self._read = vocab, weighted(super().read_docbin(vocab, locs), self.repeats)
        yield from self._read[1]


def create_weighted_corpus(
    path: Path | None, repeats: int, augmenter: Callable[[Language, Example], Iterable[Example]]
) -> WeightedCorpus:
    """Create a reader that shuffles and augments the corpus again in each epoch.

    spaCy's own reader does so only if `training.max_epochs` is not -1.

    path (Path | None): A DocBin file.
    repeats (int): How often each query that is not a supplement is read (see `weighted`).
    augmenter (Callable[[Language, Example], Iterable[Example]]): Applied to each query.
    RAISES (ValueError): If there is no path, as in a packaged pipeline.
    """
    if path is None:
        raise ValueError("Set paths.train to a DocBin file of annotated queries")
    return WeightedCorpus(path, repeats, augmenter)
