"""Registered functions that the training sections of the config name."""

from collections.abc import Callable, Iterable
from pathlib import Path

from spacy import registry
from spacy.language import Language
from spacy.training import Corpus, Example


@registry.readers("music_ner.Corpus.v1")
def create_shuffled_corpus(
    path: Path, augmenter: Callable[[Language, Example], Iterable[Example]]
) -> Callable[[Language], Iterable[Example]]:
    """Read a corpus in another order each time.

    spaCy augments a corpus anew each epoch if `training.max_epochs` is -1, but does not shuffle it
    then.

    path (Path): A DocBin file.
    augmenter (Callable[[Language, Example], Iterable[Example]]): Applied to each query.
    """
    return Corpus(path, augmenter=augmenter, shuffle=True)


@registry.callbacks("music_ner.freeze_embeddings.v1")
def create_freezing() -> Callable[[Language], None]:
    """Leave the vectors of word pieces as they are: half of a small BERT, and slow to update."""

    def freeze(nlp: Language) -> None:
        transformer = nlp.get_pipe("transformer").model.transformer
        transformer.get_input_embeddings().requires_grad_(False)

    return freeze
