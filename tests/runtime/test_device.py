"""A device that is not there is said in one line; the processor always is."""

from __future__ import annotations

import pytest

from auscult.errors import UsageError
from auscult.runtime import device
from auscult.runtime.device import require_device, use_default_device

torch = pytest.importorskip("torch")


def test_the_processor_is_there() -> None:
    require_device("cpu")
    require_device(None)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there_is_told() -> None:
    with pytest.raises(
        UsageError, match=r"--device cuda: torch finds no NVIDIA GPU .*--device cpu"
    ):
        require_device("cuda")


def test_mlx_knows_no_cuda() -> None:
    pytest.importorskip("mlx.core")
    require_device("cpu", "mlx")
    with pytest.raises(UsageError, match="MLX finds no such device"):
        require_device("cuda", "mlx")


@pytest.mark.parametrize("runtime", ["torch", "mlx"])
def test_a_missing_framework_says_what_to_install(
    runtime: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(device, "find_spec", lambda _: None)
    with pytest.raises(UsageError, match=rf"needs {runtime}.*pip install"):
        require_device("cpu", runtime)


def test_what_is_built_within_is_built_there() -> None:
    with use_default_device("cpu"):
        assert torch.zeros(1).device.type == "cpu"
    with use_default_device(None):
        assert torch.zeros(1).device.type == "cpu"
