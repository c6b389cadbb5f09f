"""A transformer that gives a learned mix of its layers; travels inside the packaged pipeline."""

from collections.abc import Callable
from typing import Any

import torch
from spacy import registry
from spacy.tokens import Doc
from spacy_transformers.data_classes import FullTransformerBatch, HFObjects
from spacy_transformers.layers.transformer_model import TransformerModel, set_pytorch_transformer
from thinc.api import Model
from transformers import AutoModel, PretrainedConfig, PreTrainedModel
from transformers.modeling_outputs import BaseModelOutput

SHARPNESS = 10.0


class LayerMix(torch.nn.Module):
    """The weighted mean of a transformer's layers (https://arxiv.org/abs/1802.05365, equation 1).

    n_layers (int): How many layers there are.
    """

    def __init__(self, n_layers: int):
        super().__init__()
        self.weights = torch.nn.Parameter(torch.zeros(n_layers))

    def forward(self, layers: torch.Tensor) -> torch.Tensor:
        """Mix layers.

        layers (torch.Tensor): layers x queries x word pieces x width.
        RETURNS (torch.Tensor): queries x word pieces x width.
        """
        # Adam moves a weight by about the learning rate a step, too little for a plain softmax.
        shares = torch.softmax(SHARPNESS * self.weights, dim=0)
        return torch.einsum("l,l...->...", shares, layers)


def mix_layers(transformer: PreTrainedModel) -> PreTrainedModel:
    """Make a transformer give the mix of its layers as its last hidden state."""
    transformer.config.output_hidden_states = True
    transformer.layer_mix = LayerMix(transformer.config.num_hidden_layers)
    transformer.register_forward_hook(_mixed)
    return transformer


def _mixed(transformer: PreTrainedModel, inputs: Any, output: Any) -> BaseModelOutput:
    layers = torch.stack(output.hidden_states[1:])
    return BaseModelOutput(last_hidden_state=transformer.layer_mix(layers))


class MixedLayers:
    """Makes the transformer anew when a saved pipeline is loaded."""

    @staticmethod
    def from_config(config: PretrainedConfig) -> PreTrainedModel:
        return mix_layers(AutoModel.from_config(config))


def _set_mixed_transformer(model: TransformerModel, hf_model: HFObjects) -> None:
    mix_layers(hf_model.transformer)
    set_pytorch_transformer(model, hf_model)


@registry.architectures("music_ner.MixedTransformer.v1")
def create_mixed_transformer(
    name: str,
    get_spans: Callable,
    tokenizer_config: dict[str, Any],
    transformer_config: dict[str, Any],
    mixed_precision: bool,
    grad_scaler_config: dict[str, Any],
) -> Model[list[Doc], FullTransformerBatch]:
    """A `spacy-transformers.TransformerModel.v3` whose output is a learned mix of its layers.

    The arguments are those of the original.
    """
    model = TransformerModel(
        name, get_spans, tokenizer_config, transformer_config, mixed_precision, grad_scaler_config
    )
    model.attrs["set_transformer"] = _set_mixed_transformer
    model.layers[0].shims[0].model_cls = MixedLayers
    return model
