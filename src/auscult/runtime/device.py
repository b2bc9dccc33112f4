"""Where a model runs: the processor, an NVIDIA GPU (`cuda`), or Apple's (`mps`)."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from importlib.util import find_spec
from typing import Any, Literal

from auscult.errors import UsageError
from auscult.facts.install import format_install_command

DeviceName = Literal["cpu", "cuda", "mps"]
DEVICES: tuple[DeviceName, ...] = ("cpu", "cuda", "mps")


def require_device(device: DeviceName | None, runtime: str = "torch", extra: str = "torch") -> None:
    """Say what is missing where a device, or the framework that computes on it, is not there.

    Args:
        device: None is whatever the model chooses.
        runtime: `torch` or `mlx`; MLX computes on `mps` or the processor.
        extra: Of auscult, that brings torch and what else the model needs.

    Raises:
        UsageError: If the framework cannot be imported, or finds no such device.
    """
    if runtime == "mlx":
        _require_mlx_device(device)
    else:
        _require_torch_device(device, extra)


def _require_torch_device(device: DeviceName | None, extra: str) -> None:
    if find_spec("torch") is None:
        raise UsageError("needs torch, which is not installed", hint=format_install_command(extra))
    if device in (None, "cpu"):
        return
    import torch

    if device == "cuda" and not torch.cuda.is_available():
        raise UsageError(
            "torch finds no NVIDIA GPU here",
            where="--device cuda",
            found=f"torch {torch.__version__}",
            hint="use --device cpu, or a build of torch for CUDA on a machine that has one",
        )
    if device == "mps" and not torch.backends.mps.is_available():
        raise UsageError(
            "torch finds no Apple GPU here",
            where="--device mps",
            found=f"torch {torch.__version__}",
            hint="use --device cpu",
        )


def _require_mlx_device(device: DeviceName | None) -> None:
    if find_spec("mlx") is None:
        raise UsageError("needs mlx, which is not installed", hint=format_install_command("mlx"))
    if device in (None, "cpu"):
        return
    import mlx.core as mx

    if device == "cuda" or not mx.metal.is_available():
        raise UsageError(
            "MLX finds no such device here",
            where=f"--device {device}",
            expected="cpu, or mps on Apple's machines",
            found=str(mx.default_device()),
            hint="use --device cpu",
        )


def prepare_device(device: DeviceName | None, runtime: str = "torch", extra: str = "torch") -> None:
    """Say what is missing, as `require_device` does, and let MLX compute there.

    Raises:
        UsageError: If the framework cannot be imported, or finds no such device.
    """
    require_device(device, runtime, extra)
    if runtime == "mlx" and device is not None:
        use_mlx_device(device)


def use_mlx_device(device: DeviceName) -> None:
    """From here on MLX computes there."""
    import mlx.core as mx

    mx.set_default_device(mx.cpu if device == "cpu" else mx.gpu)


def use_default_device(device: DeviceName | None) -> AbstractContextManager[Any]:
    """Within the context, torch makes new tensors there: what the user's code builds is built on the device."""
    if device is None or find_spec("torch") is None:
        return nullcontext()
    import torch

    if device == "mps" and not torch.backends.mps.is_available():
        return nullcontext()  # the code may be MLX's; if it is torch's, `require_device` says so
    return torch.device(device)
