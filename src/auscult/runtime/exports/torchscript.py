"""TorchScript, by tracing."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from auscult.runtime.exports import SealedModule


def make_export(
    module: torch.nn.Module,
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    folder: Path,  # noqa: ARG001  nothing is written
) -> SealedModule:
    """The traced module."""
    trace: Any = torch.jit.trace
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # deprecations, and constants that tracing made
        if kwargs:
            example = {**_name_positions(module, args), **kwargs}
            return SealedModule(trace(module, example_kwarg_inputs=example, strict=False))
        return SealedModule(trace(module, tuple(args), strict=False))


def _name_positions(module: torch.nn.Module, args: Sequence[Any]) -> dict[str, Any]:
    """Tracing takes positions or keywords, not both."""
    return dict(zip(inspect.signature(module.forward).parameters, args, strict=False))
