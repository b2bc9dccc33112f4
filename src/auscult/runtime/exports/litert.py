"""LiteRT, by litert-torch (ai-edge-torch by its former name), where one of them is installed."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from auscult.errors import UsageError

PACKAGES = ("litert_torch", "ai_edge_torch")


def make_export(
    module: torch.nn.Module, args: Sequence[Any], kwargs: Mapping[str, Any], folder: Path
) -> str:
    """Write `model.tflite`.

    Raises:
        UsageError: If no exporter is installed.
    """
    for package in PACKAGES:
        try:
            exporter = importlib.import_module(package)
        except ImportError:
            continue
        path = folder / "model.tflite"
        exporter.convert(module, tuple(args), sample_kwargs=dict(kwargs) or None).export(str(path))
        return str(path)
    raise UsageError("no exporter to LiteRT is installed", hint="pip install litert-torch")
