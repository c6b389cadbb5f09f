"""PyTorch in forked processes, such as those of `nlp.pipe(n_process=2)`."""

import os
import sys
from functools import cache


@cache
def use_one_torch_thread_in_forks() -> None:
    """Have PyTorch use one thread in every process that this one forks from now on.

    The threads of OpenMP do not survive a fork, and a process that waits for them never ends
    (https://github.com/pytorch/pytorch/issues/41197).
    """
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=_use_one_torch_thread)


def _use_one_torch_thread() -> None:
    if torch := sys.modules.get("torch"):
        torch.set_num_threads(1)
