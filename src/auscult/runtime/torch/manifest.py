"""The manifest of a torch run: version, precision, modules and their weights."""

from __future__ import annotations

from typing import Any

import torch

from auscult.checkpoint.code.torch import iter_module_infos
from auscult.runtime.recorder import Recorder
from auscult.runtime.torch.convert import dtype_name, find_floating_dtype
from auscult.runtime.torch.probe import collect_modules
from auscult.runtime.torch.weights import collect_own_arrays
from auscult.traces.fingerprint import fingerprint_content
from auscult.traces.records import Manifest


def build_manifest(model: torch.nn.Module, recorder: Recorder) -> Manifest:
    """The manifest of what `recorder` took from `model`."""
    modules = collect_modules(model)
    tensors = (*model.parameters(), *model.buffers())
    dtypes = {tensor.dtype for tensor in tensors if tensor.is_floating_point()}
    device = str(tensors[0].device) if tensors else "cpu"
    weights: dict[str, dict[str, str]] = {}
    if recorder.options.fingerprints:
        for path, module in modules.items():
            arrays = collect_own_arrays(module)
            if arrays:
                weights[path] = {name: fingerprint_content(array) for name, array in arrays.items()}
    notes: dict[str, Any] = {"training": model.training, **recorder.notes}
    return Manifest(
        "torch",
        torch.__version__,
        "mixed" if len(dtypes) > 1 else dtype_name(find_floating_dtype(model) or torch.float32),
        device.split(":")[0],
        weights=weights,
        modules={info.path: info for info in iter_module_infos(model) if info.path in modules},
        seeds={"torch": torch.initial_seed()},
        noise=tuple(recorder.noise),
        notes=notes,
    )
