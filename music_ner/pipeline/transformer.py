"""The transformer of the stock package: the one of spacy-transformers, for several threads."""

from collections.abc import Callable
from typing import Any

from spacy.tokens import Doc, Span
from thinc.api import Model


def create_transformer(
    name: str,
    get_spans: Callable[[list[Doc]], list[list[Span]]],
    tokenizer_config: dict[str, Any],
    transformer_config: dict[str, Any],
    mixed_precision: bool,
    grad_scaler_config: dict[str, Any],
) -> Model[list[Doc], Any]:
    """Create the model of a `transformer` component.

    The arguments, and what is saved, are those of `spacy-transformers.TransformerModel.v3`.

    RETURNS (Model[list[Doc], FullTransformerBatch]): The model. Any number of threads may predict
        with it at the same time, but not while it is trained.
    """
    # spaCy imports every registered architecture, also where PyTorch is missing.
    from spacy_transformers import TransformerModel

    from music_ner.pipeline.torch_shim import TransformerShim

    model = TransformerModel(
        name, get_spans, tokenizer_config, transformer_config, mixed_precision, grad_scaler_config
    )
    (wrapper,) = model.layers
    (shim,) = wrapper.shims
    wrapper.shims[0] = TransformerShim(
        shim._hfmodel, mixed_precision=mixed_precision, grad_scaler_config=grad_scaler_config
    )
    model.attrs["replace_listener_cfg"] = refuse_replacement
    return model


def refuse_replacement(transformer: dict[str, Any], listener: dict[str, Any]) -> dict[str, Any]:
    """Refuse `nlp.replace_listeners`, which looks for a listener in one place of a config only.

    RAISES (ValueError): Always; the message says what to do.
    """
    raise ValueError(
        "The ner's listener cannot be replaced, since the pipeline could not be loaded again: keep "
        'the transformer, or source it too, as in nlp.add_pipe("transformer", source=other)'
    )
