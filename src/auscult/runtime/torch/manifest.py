"""How a torch run was made."""

from __future__ import annotations

from typing import Any

import torch

from auscult.checkpoint.code.torch import modules_of
from auscult.runtime.recorder import Recorder
from auscult.runtime.torch.convert import dtype_name, floating_dtype
from auscult.runtime.torch.probe import module_paths
from auscult.runtime.torch.weights import owned
from auscult.traces.fingerprint import content
from auscult.traces.records import Manifest


def manifest_of(model: torch.nn.Module, recorder: Recorder) -> Manifest:
    """The manifest of what `recorder` took from `model`."""
    modules = module_paths(model)
    tensors = (*model.parameters(), *model.buffers())
    dtypes = {tensor.dtype for tensor in tensors if tensor.is_floating_point()}
    device = str(tensors[0].device) if tensors else "cpu"
    weights: dict[str, dict[str, str]] = {}
    if recorder.options.fingerprints:
        weights = {
            path: {name: content(array) for name, array in owned(module).items()}
            for path, module in modules.items()
        }
    notes: dict[str, Any] = {"training": model.training, **recorder.notes}
    return Manifest(
        "torch",
        torch.__version__,
        "mixed" if len(dtypes) > 1 else dtype_name(floating_dtype(model) or torch.float32),
        device.split(":")[0],
        weights={path: own for path, own in weights.items() if own},
        modules={info.path: info for info in modules_of(model) if info.path in modules},
        seeds={"torch": torch.initial_seed()},
        noise=tuple(recorder.noise),
        notes=notes,
    )
