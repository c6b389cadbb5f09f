"""GPUs that cannot be used."""

import pytest
import srsly
from thinc.api import NumpyOps, get_current_ops, set_current_ops
from thinc.compat import has_cupy

from music_ner.gpu import MissingGpuError, use_gpu
from tests.conftest import ROOT

FIX = "pipinstall-e.[train,gpu]"


@pytest.mark.parametrize("gpu_id", [-1, -2])
def test_the_cpu_can_always_be_used(gpu_id):
    set_current_ops(NumpyOps())
    use_gpu(gpu_id)
    assert isinstance(get_current_ops(), NumpyOps)


@pytest.mark.parametrize("gpu_id", [0, 99])
@pytest.mark.skipif(has_cupy, reason="CuPy is installed")
def test_a_gpu_without_what_it_needs_is_an_error_that_says_what(gpu_id):
    with pytest.raises(MissingGpuError) as error:
        use_gpu(gpu_id)
    problem, fix = error.value.args
    assert problem == f"GPU {gpu_id} cannot be used: Cannot use GPU, CuPy is not installed"
    assert FIX in "".join(fix.split())


@pytest.mark.skipif(has_cupy, reason="CuPy is installed")
def test_commands_end_with_a_message_and_leave_nothing(run_script, tiny_config, tmp_path):
    for name in ("encoder", "sources"):
        srsly.write_json(tmp_path / f"{name}.json", {})
    trained = run_script("train", tiny_config, tmp_path / "training", "--gpu-id", 0)
    files = (tmp_path / "encoder.json", tmp_path / "sources.json", tmp_path / "scores.json")
    evaluated = run_script("evaluate", tmp_path, tmp_path, *files, "--gpu-id", 0)
    encoders = (ROOT / "configs" / "encoders.json", tmp_path / "found.json")
    found = run_script("encoder", "auto", *encoders, "--gpu-id", 0)
    for process in (trained, evaluated, found):
        assert process.returncode == 1
        assert FIX in "".join(process.stdout.split())
        assert "Traceback" not in process.stderr
    assert not (tmp_path / "training").exists()
    assert not (tmp_path / "found.json").exists()
