"""Use a GPU."""

import spacy
from thinc.compat import has_torch_cuda_gpu, has_torch_mps_gpu


class MissingGpuError(Exception):
    """A GPU that cannot be used.

    gpu_id (int): Its number.
    reason (object): Why it cannot be used.
    """

    def __init__(self, gpu_id: int, reason: object):
        super().__init__(
            f"GPU {gpu_id} cannot be used: {reason}",
            "Set vars.gpu_id to -1 for the CPU, or install what a GPU needs: "
            "`pip install -e .[train,gpu]`, with a PyTorch that is built for it "
            "(docs/training.md).",
        )


def use_gpu(gpu_id: int) -> None:
    """Have spaCy and PyTorch use a GPU.

    gpu_id (int): Its number, or -1 for the CPU.
    RAISES (MissingGpuError): If it cannot be used.
    """
    if gpu_id < 0:
        return
    try:
        spacy.require_gpu(gpu_id)
    except (ValueError, RuntimeError) as error:  # CuPy's are a RuntimeError
        raise MissingGpuError(gpu_id, error) from error
    if not has_gpu():
        raise MissingGpuError(gpu_id, "this build of PyTorch finds none")


def has_gpu() -> bool:
    """RETURNS (bool): Whether PyTorch finds a GPU."""
    return has_torch_cuda_gpu or has_torch_mps_gpu
