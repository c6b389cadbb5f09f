"""Callbacks of the training config."""

from collections.abc import Callable

from spacy.language import Language


def create_freezing() -> Callable[[Language], None]:
    """Freeze the word piece embeddings: half the weights of a small BERT, and slow to update."""

    def freeze(nlp: Language) -> None:
        transformer = nlp.get_pipe("transformer").model.transformer
        transformer.get_input_embeddings().requires_grad_(False)

    return freeze
