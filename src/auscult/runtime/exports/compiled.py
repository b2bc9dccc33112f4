"""torch.compile, with its default backend."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from auscult.runtime.exports import SealedModule


def make_export(
    module: torch.nn.Module,
    args: Sequence[Any],  # noqa: ARG001  it compiles when it is first called
    kwargs: Mapping[str, Any],  # noqa: ARG001
    folder: Path,  # noqa: ARG001
) -> SealedModule:
    """The compiled module."""
    return SealedModule(torch.compile(module))
