"""ONNX, by torch's exporter."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

OPSET = 17
"""The opset in which layer norm and STFT are single operations. Chosen, not measured."""


def make_export(
    module: torch.nn.Module, args: Sequence[Any], kwargs: Mapping[str, Any], folder: Path
) -> str:
    """Write `model.onnx` with the exporter that keeps the paths of modules in the names of nodes."""
    path = folder / "model.onnx"
    names = [f"input_{position}" for position in range(len(args))]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # deprecations, and constants that tracing made
        torch.onnx.export(
            module,
            tuple(args),
            str(path),
            kwargs=dict(kwargs),
            input_names=[*names, *kwargs],
            opset_version=OPSET,
            dynamo=False,
        )
    return str(path)
