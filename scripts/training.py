"""Registered functions that the training sections of the config name."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from spacy import registry
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Corpus, Example
from spacy.vocab import Vocab

SUPPLEMENT = "supplement"


def weighted(docs: Iterable[Doc], repeats: int) -> list[Doc]:
    """Repeat the queries that are more like those to come.

    docs (Iterable[Doc]): A training corpus. `doc.user_data["supplement"]` is true of the queries of
        `train_bio`.
    repeats (int): How often the others are to be there, if some are a supplement.
    RETURNS (list[Doc]): The corpus.
    RAISES (ValueError): If they are to be there less than once.
    """
    if repeats < 1:
        raise ValueError(f"Set repeats to 1 or more, not to {repeats}")
    docs = list(docs)
    own = [doc for doc in docs if not doc.user_data.get(SUPPLEMENT)]
    return docs + own * (repeats - 1) if len(own) < len(docs) else docs


class WeightedCorpus(Corpus):
    """spaCy's `Corpus`, shuffled, with some of the queries repeated (see `weighted`).

    path (Path): A DocBin file.
    repeats (int): How often the queries are read that are no supplement.
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

    def read_docbin(self, vocab: Vocab, locs: Iterable[str | Path]) -> Iterator[Doc]:
        yield from weighted(super().read_docbin(vocab, locs), self.repeats)


@registry.readers("music_ner.Corpus.v1")
def create_weighted_corpus(
    path: Path, repeats: int, augmenter: Callable[[Language, Example], Iterable[Example]]
) -> WeightedCorpus:
    """Read a corpus in another order each time, as spaCy does not if `training.max_epochs` is -1.

    Without that, it would not augment the corpus anew each epoch.

    path (Path): A DocBin file.
    repeats (int): How often the queries are read that are no supplement (see `weighted`).
    augmenter (Callable[[Language, Example], Iterable[Example]]): Applied to each query.
    """
    return WeightedCorpus(path, repeats, augmenter)


@registry.callbacks("music_ner.freeze_embeddings.v1")
def create_freezing() -> Callable[[Language], None]:
    """Leave the vectors of word pieces as they are: half of a small BERT, and slow to update."""

    def freeze(nlp: Language) -> None:
        transformer = nlp.get_pipe("transformer").model.transformer
        transformer.get_input_embeddings().requires_grad_(False)

    return freeze
