"""The stock package's transformer in threads and forked processes, and when it is trained on."""

import subprocess
import sys

import numpy as np
import pytest
import spacy
from spacy.training import Example

from music_ner.pipeline import torch_shim

TEXT = "songs like karma police by radioheads"


@pytest.fixture
def nlp(tiny_model):
    return spacy.load(tiny_model)


def entities(doc):
    return [(ent.start, ent.end, ent.label_, ent._.confidence) for ent in doc.ents]


def last_layer(output):
    return np.asarray(output.model_output.last_hidden_state.detach())


def updated(nlp, times):
    """RETURNS (list[float]): The losses of updates to a query that the pipeline does not know."""
    gold = {"entities": [(5, 14, "WoA")]}
    optimizer = nlp.resume_training()
    optimizer.learn_rate = 0.001  # not that of the schedule, which begins with 0
    losses = []
    for _ in range(times):
        of_update: dict[str, float] = {}
        nlp.update(
            [Example.from_dict(nlp.make_doc("play the attic"), gold)],
            sgd=optimizer,
            losses=of_update,
            annotates=["catalogue"],
        )
        losses.append(of_update["ner"])
    return losses


def test_only_an_update_drops_values(nlp):
    model = nlp.get_pipe("transformer").model
    docs = [nlp.make_doc(TEXT)]
    read = [model.predict(docs).model_output.last_hidden_state for _ in range(3)]
    assert np.array_equal(read[0], read[1]) and np.array_equal(read[1], read[2])
    trained_on = [last_layer(model.begin_update(docs)[0]) for _ in range(2)]
    assert not np.array_equal(trained_on[0], trained_on[1])
    assert np.array_equal(model.predict(docs).model_output.last_hidden_state, read[0])
    assert not any(module.training for module in model.transformer.modules())


def test_a_loaded_pipeline_can_be_trained_on(nlp):
    assert entities(nlp(TEXT))
    before = nlp("play the attic").ents
    losses = updated(nlp, 30)
    assert losses[-1] < losses[0] / 10
    assert [(ent.text, ent.label_) for ent in nlp("play the attic").ents] == [("the attic", "WoA")]
    assert before == ()


@pytest.mark.parametrize("saved_as", ["music_ner", "spacy-transformers"])
def test_what_is_saved_is_what_spacy_transformers_saves(nlp, tiny_model, tmp_path, saved_as):
    architectures = {
        "music_ner": "music_ner.TransformerModel.v1",
        "spacy-transformers": "spacy-transformers.TransformerModel.v3",
    }
    model_config = {"components.transformer.model.@architectures": architectures[saved_as]}
    spacy.load(tiny_model, config=model_config).to_disk(tmp_path / "model")
    for architecture in architectures.values():
        config = {"components.transformer.model.@architectures": architecture}
        again = spacy.load(tmp_path / "model", config=config)
        assert entities(again(TEXT)) == entities(nlp(TEXT))


@pytest.mark.parametrize("path", ["model.tok2vec", "model.tok2vec.tok2vec.tok2vec"])
def test_replacing_the_listener_is_refused_and_changes_nothing(nlp, tmp_path, path):
    with pytest.raises(ValueError, match=r"keep the transformer, or source it too"):
        nlp.replace_listeners("transformer", "ner", [path])
    nlp.to_disk(tmp_path / "model")
    assert entities(spacy.load(tmp_path / "model")(TEXT)) == entities(nlp(TEXT)) != []


def test_the_transformer_and_the_ner_can_be_sourced_together(nlp):
    other = spacy.blank("en")
    for name in nlp.pipe_names:
        other.add_pipe(name, source=nlp)
    assert entities(other(TEXT)) == entities(nlp(TEXT)) != []


@pytest.mark.parametrize("way", ["exclude", "disable"])
def test_without_the_transformer_the_ner_says_what_is_missing(tiny_model, way):
    nlp = spacy.load(tiny_model, **{way: ["transformer"]})
    for read in (nlp, lambda text: list(nlp.pipe(["", text]))):
        with pytest.raises(ValueError, match=r"no vectors.*transformer"):
            read(TEXT)
    assert nlp("").ents == ()


@pytest.mark.parametrize("all_layers", [False, True])
def test_what_is_read_at_once_is_bounded_whatever_the_text(nlp, monkeypatch, all_layers):
    model = nlp.get_pipe("transformer").model
    model.transformer.config.output_hidden_states = all_layers
    docs = [nlp.make_doc(text) for text in (" ".join([TEXT] * 60), "", TEXT, "sade")]
    whole = model.predict(docs).model_output
    sizes = []

    def note(module, arguments, settings):
        sizes.append(settings["input_ids"].numel())

    model.transformer.register_forward_pre_hook(note, with_kwargs=True)
    monkeypatch.setattr(torch_shim, "PIECES_AT_ONCE", 300)
    parts = model.predict(docs).model_output
    assert len(sizes) > 2
    assert max(sizes) <= 300
    assert parts.keys() == whole.keys()
    assert ("hidden_states" in parts) == all_layers
    for one, other in zip(parts.to_tuple(), whole.to_tuple(), strict=True):
        for layer, of_whole in zip(_layers(one), _layers(other), strict=True):
            assert layer.numpy() == pytest.approx(of_whole.numpy(), abs=1e-5)


def _layers(output):
    return output if isinstance(output, tuple) else (output,)


WARM_AND_FORK = """
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from threading import Thread

import spacy
import torch

torch.set_num_threads(2)
nlp = spacy.load(sys.argv[1])
texts = ["songs like karma police by radioheads " * 20] * 20


def read(_=None):
    return [[(ent.start, ent.end, ent.label_) for ent in doc.ents] for doc in nlp.pipe(texts)]


def read_in_threads():
    with ThreadPoolExecutor(8) as pool:
        (found, *others) = pool.map(read, range(8))
    assert all(other == found for other in others)
    return found


def read_with_more_threads():
    torch.set_num_threads(2)
    try:
        read()
    except RuntimeError as error:
        assert "do not call torch.set_num_threads()" in str(error)
        torch.set_num_threads(1)
        return read()


def fork(work):
    pid = os.fork()
    if not pid:
        os._exit(0 if work() == expected else 1)
    assert os.waitpid(pid, 0)[1] == 0, work


expected = read()  # starts the threads of PyTorch, which do not survive a fork
assert any(expected)
fork(read)
fork(read_in_threads)
fork(read_with_more_threads)
thread = Thread(target=fork, args=(read,))
thread.start()
thread.join()
assert read() == expected
"""


def test_a_pipeline_that_has_read_texts_can_be_forked(tiny_model):
    # In a process of its own, which a deadlock cannot stop.
    run = subprocess.run(
        [sys.executable, "-c", WARM_AND_FORK, tiny_model],
        capture_output=True,
        text=True,
        timeout=1800,
        check=False,
    )
    assert run.returncode == 0, run.stderr
