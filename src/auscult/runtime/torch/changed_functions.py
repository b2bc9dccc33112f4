"""Functions of torch, called with other arguments than the user's code gives them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch.overrides import TorchFunctionMode

from auscult.facts.function_changes import CallChange
from auscult.runtime.torch.convert import is_tensor, to_array, to_tensor

KNOWN_FUNCTIONS: Mapping[str, tuple[Callable[..., Any], tuple[str, ...]]] = {
    "stft": (
        torch.stft,
        (
            *("input", "n_fft", "hop_length", "win_length", "window", "center", "pad_mode"),
            *("normalized", "onesided", "return_complex"),
        ),
    ),
    "istft": (
        torch.istft,
        (
            *("input", "n_fft", "hop_length", "win_length", "window", "center"),
            *("normalized", "onesided", "length", "return_complex"),
        ),
    ),
    "fft_irfft": (torch.fft.irfft, ("input", "n", "dim", "norm")),
    "hann_window": (torch.hann_window, ("window_length", "periodic")),
    "hamming_window": (torch.hamming_window, ("window_length", "periodic")),
    "pad": (torch.nn.functional.pad, ("input", "pad", "mode", "value")),
    "interpolate": (
        torch.nn.functional.interpolate,
        (
            *("input", "size", "scale_factor", "mode", "align_corners"),
            *("recompute_scale_factor", "antialias"),
        ),
    ),
    "avg_pool1d": (
        torch.nn.functional.avg_pool1d,
        ("input", "kernel_size", "stride", "padding", "ceil_mode", "count_include_pad"),
    ),
    "mean": (torch.mean, ("input", "dim", "keepdim")),
    "std": (torch.std, ("input", "dim", "unbiased", "keepdim")),
    "var": (torch.var, ("input", "dim", "unbiased", "keepdim")),
}
"""By the name that torch gives them: the function, and its arguments in order."""
SPREADS = ("std", "var")
"""Functions whose second argument may be the axis, or whether the divisor is unbiased."""


class ChangedFunctions(TorchFunctionMode):
    """While entered, the known functions are called with changed arguments.

    Attributes:
        seen: Of each known function that was called, the arguments of its first call that are no tensors.
    """

    def __init__(self, changes: Sequence[CallChange]) -> None:
        super().__init__()
        self._changes = {change.function: change for change in changes}
        self.seen: dict[str, dict[str, object]] = {}

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        name = getattr(func, "__name__", "")
        if name not in KNOWN_FUNCTIONS:
            return func(*args, **(kwargs or {}))
        arguments = _name_arguments(name, args, kwargs or {})
        self.seen.setdefault(
            name, {key: value for key, value in arguments.items() if not is_tensor(value)}
        )
        change = self._changes.get(name)
        if change is None:
            return func(*args, **(kwargs or {}))
        return KNOWN_FUNCTIONS[name][0](**_change_arguments(arguments, change))


def _name_arguments(name: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of a call, all by name."""
    names = KNOWN_FUNCTIONS[name][1]
    if name in SPREADS and len(args) > 1 and isinstance(args[1], bool):
        names = (names[0], *names[2:])
    arguments = {**dict(zip(names, args, strict=False)), **kwargs}
    if "self" in arguments:
        arguments["input"] = arguments.pop("self")
    if name in SPREADS:
        unbiased = arguments.pop("unbiased", True)
        arguments.setdefault("correction", int(unbiased))
    return arguments


def _change_arguments(arguments: Mapping[str, Any], change: CallChange) -> dict[str, Any]:
    """The arguments with those of the change; arrays that it computes become tensors like the one that they replace."""
    changed = {**arguments, **change.arguments}
    for name, compute in change.computed.items():
        value: Any = arguments.get(name)
        is_array = is_tensor(value)
        new_value = compute(to_array(value) if is_array else value, arguments)
        if isinstance(new_value, np.ndarray):
            like = value if is_array else arguments["input"].real
            new_value = to_tensor(new_value).to(dtype=like.dtype, device=like.device)
        changed[name] = new_value
    return changed
