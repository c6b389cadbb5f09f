"""PyTorch in threads, and in forked processes such as those of `nlp.pipe(n_process=2)`."""

import os
from typing import Any

import torch
from spacy_transformers.layers.hf_shim import HFShim
from thinc.types import ArgsKwargs
from transformers.utils import ModelOutput

PIECES_AT_ONCE = 8192
"""Word pieces, padding included, whose intermediate values are in memory at the same time."""
_is_forked = False


def _use_one_thread() -> None:
    # The threads of OpenMP do not survive a fork, and a process that waits for them never ends
    # (https://github.com/pytorch/pytorch/issues/41197).
    global _is_forked
    _is_forked = True
    torch.set_num_threads(1)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_use_one_thread)


class TransformerShim(HFShim):
    """The shim of spacy-transformers, with predictions that do not depend on other threads.

    After a prediction thinc's shim switches to training mode, in which a model drops values at
    random, also in a thread that predicts at that moment. Here only an update switches to it. In a
    forked process PyTorch uses one thread. The windows of long texts are read a few at a time.
    """

    def predict(self, inputs: ArgsKwargs) -> ModelOutput:
        """Run the model in evaluation mode.

        inputs (ArgsKwargs): Its arguments: tensors of sequences x word pieces.
        RETURNS (ModelOutput): Its output.
        RAISES (RuntimeError): If PyTorch would use several threads in a forked process.
        """
        if _is_forked and torch.get_num_threads() > 1:
            raise RuntimeError(
                "PyTorch would wait for ever for the threads that a forked process lacks: do not "
                "call torch.set_num_threads() in it, or start the process by spawn"
            )
        self._model.eval()
        with torch.no_grad(), torch.autocast("cuda", enabled=self._mixed_precision):
            n_sequences, n_pieces = inputs.kwargs["input_ids"].shape
            size = max(PIECES_AT_ONCE // n_pieces, 1)
            outputs = [
                self._model(**{k: tensor[i : i + size] for k, tensor in inputs.kwargs.items()})
                for i in range(0, n_sequences, size)
            ]
        return outputs[0] if len(outputs) == 1 else joined(outputs)


def joined(outputs: list[Any]) -> Any:
    """RETURNS (Any): The outputs for batches of sequences as one, of the same kind."""
    first = outputs[0]
    if isinstance(first, ModelOutput):
        return type(first)(**{key: joined([output[key] for output in outputs]) for key in first})
    if isinstance(first, tuple):  # such as the vectors of all layers
        return tuple(joined(list(of_layer)) for of_layer in zip(*outputs, strict=True))
    return torch.cat(outputs)
