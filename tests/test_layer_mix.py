import numpy as np
import pytest
import spacy
import torch

from scripts.layer_mix import LayerMix
from scripts.metrics import entity_spans
from tests.conftest import QUERIES

TEXT = "songs like karma police by radioheads"


def vectors(nlp):
    doc = nlp(TEXT)
    return doc._.trf_data.model_output.last_hidden_state


def test_a_fresh_mix_is_the_mean_of_the_layers():
    layers = torch.rand(3, 2, 5, 4)
    assert torch.allclose(LayerMix(3)(layers), layers.mean(dim=0))


def test_the_weight_of_one_layer_can_outweigh_the_others():
    mix, layers = LayerMix(3), torch.rand(3, 2, 5, 4)
    with torch.no_grad():
        mix.weights[1] = 3.0
    assert torch.allclose(mix(layers), layers[1])


def test_the_weights_are_learned(tiny_model):
    weights = spacy.load(tiny_model).get_pipe("transformer").model.transformer.layer_mix.weights
    assert len(weights) == 2
    assert torch.any(weights != 0)


def test_the_output_is_the_mix_of_the_transformers_layers(tiny_model):
    nlp = spacy.load(tiny_model)
    transformer = nlp.get_pipe("transformer").model.transformer
    with torch.no_grad():
        transformer.layer_mix.weights[:] = torch.tensor([0.0, 9.0])
    pieces = nlp.get_pipe("transformer").model.tokenizer(TEXT, return_tensors="pt")
    layers = []
    hook = transformer.encoder.layer[-1].register_forward_hook(
        lambda module, inputs, output: layers.append(output[0])
    )
    with torch.no_grad():
        transformer.eval()(**pieces)
    hook.remove()
    assert vectors(nlp)[0] == pytest.approx(layers[0][0].numpy(), abs=1e-5)


@pytest.mark.parametrize("way", ["disk", "bytes"])
def test_a_saved_pipeline_mixes_as_before(tiny_model, tmp_path, way):
    nlp = spacy.load(tiny_model)
    if way == "disk":
        nlp.to_disk(tmp_path / "model")
        again = spacy.load(tmp_path / "model")
    else:
        again = spacy.blank("en").from_config(nlp.config).from_bytes(nlp.to_bytes())
    assert np.array_equal(vectors(again), vectors(nlp))
    assert [entity_spans(again(t)) for t in QUERIES] == [entity_spans(nlp(t)) for t in QUERIES]
