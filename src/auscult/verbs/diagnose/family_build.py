"""The module of a checkpoint's family, with the checkpoint's weights, to be run under any of its
readings.

In: a checkpoint. Out: a `FamilyBuild`, which renders the sound of a mel. Needs PyTorch.
"""

from __future__ import annotations

import importlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from auscult import families
from auscult.errors import UsageError
from auscult.families import Detection
from auscult.families._layouts import to_torch_layout
from auscult.families.vocoders import Fork, find_fork
from auscult.sound.mel_definition import MelDefinition
from auscult.weights import Checkpoint, Shape

ModelInputs = Mapping[str, NDArray[np.float32]]


RuntimeName = Literal["torch", "mlx"]


@dataclass(frozen=True, eq=False)
class FamilyBuild:
    """A family's module for one checkpoint, to be run under any of its readings.

    Attributes:
        detection: The family, the sizes and the prefix.
        weights: Torch-layout arrays under the family's own names.
        mel: What the model was fed in training.
        inputs: Further inputs of the model by name, such as `speaker` [192]; what is left out is
            zeros.
        fork: The project whose names the file has, where they are not the family's own.
        statistics: Mean and scale [bands] of the mel, where the file has them: the model is fed
            (mel - mean) / scale.
        device: Where torch computes.
        seed: Of the noise that a model draws.
    """

    detection: Detection
    weights: Mapping[str, NDArray[Any]]
    mel: MelDefinition
    inputs: ModelInputs
    fork: Fork | None = None
    statistics: tuple[NDArray[np.float32], NDArray[np.float32]] | None = None
    device: str = "cpu"
    runtime: RuntimeName = "torch"
    seed: int = 0

    def module(self, config: Any) -> Any:
        """The torch module of that config with the checkpoint's weights, in eval mode."""
        import torch

        code = self._import_code("torch")
        torch_module = code.build(config)
        code.load(
            torch_module,
            {
                name: torch.from_numpy(np.array(array, np.float32))
                for name, array in self.weights.items()
            },
        )
        return torch_module.eval().to(self.device)

    def render(self, config: Any, source: NDArray[Any]) -> NDArray[np.float32]:
        """Samples [time] of the model under that config for a mel [bands, frames], or for units
        [time] or codes [books, frames] of an integer type.
        """
        if self.statistics is not None:
            mean, scale = (np.reshape(values, (-1, 1)) for values in self.statistics)
            source = (source - mean) / scale
        if self.runtime == "mlx":
            return self._render_in_mlx(config, source)
        import torch

        inputs = {
            name: torch.from_numpy(np.array(vector, np.float32))[None].to(self.device)
            for name, vector in self.inputs.items()
        }
        if np.issubdtype(source.dtype, np.floating):
            batch = torch.from_numpy(np.array(source, np.float32))[None]
        else:
            batch = torch.from_numpy(np.array(source, np.int64))[None]
        module = self.module(config)
        with torch.no_grad(), torch.random.fork_rng():
            torch.manual_seed(self.seed)
            output = module(batch.to(self.device), **inputs)
        waveform = output[0] if isinstance(output, tuple) else output
        samples: NDArray[np.float32] = waveform.reshape(-1).cpu().numpy()
        return samples

    def _render_in_mlx(self, config: Any, source: NDArray[Any]) -> NDArray[np.float32]:
        import mlx.core as mx

        code = self._import_code("mlx")
        module = code.build(config)
        code.load(
            module, {name: np.array(array, np.float32) for name, array in self.weights.items()}
        )
        module.eval()
        if np.issubdtype(source.dtype, np.floating):
            batch = mx.array(np.array(source.T, np.float32))[None]
        else:
            batch = mx.array(np.array(source, np.int32))[None]
        inputs = {
            name: mx.array(np.array(vector, np.float32))[None]
            for name, vector in self.inputs.items()
        }
        mx.random.seed(self.seed)
        output = module(batch, **inputs)
        waveform = output[0] if isinstance(output, tuple) else output
        return np.array(waveform, np.float32).reshape(-1)

    def _import_code(self, runtime: RuntimeName) -> Any:
        """The family's module file for that runtime."""
        package = families.import_family(self.detection.family).__name__
        return importlib.import_module(f"{package}.{runtime}")


def build_family(
    checkpoint: Checkpoint,
    mel: MelDefinition | None = None,
    inputs: ModelInputs | None = None,
    *,
    among: Collection[str] | None = None,
) -> FamilyBuild:
    """The runnable family of a checkpoint, whose names may be those of a fork.

    Args:
        among: Only these families, of which the checkpoint may then be a part; default: any family,
            which has to be the whole checkpoint.

    Raises:
        UsageError: If no family fits, the family's code is not there, or the mel is not known.
        CheckpointError: If convolutions are in two layouts.
    """
    fork = find_fork(tuple(checkpoint))
    tensors = {
        new_name: tensor
        for name, tensor in checkpoint.items()
        if (new_name := fork.rename(name) if fork else name) is not None
    }
    shapes = {name: tensor.shape for name, tensor in tensors.items()}
    detection = _find_detection(shapes, among, checkpoint.path)
    if fork is not None:
        known = {
            name: value for name, value in fork.fields.items() if hasattr(detection.config, name)
        }
        detection = replace(detection, config=replace(detection.config, **known))
    weights: dict[str, NDArray[Any]] = {
        name.removeprefix(detection.prefix): tensor.values()
        for name, tensor in tensors.items()
        if name.startswith(detection.prefix)
    }
    if detection.layout == "mlx":
        weights = to_torch_layout(
            weights, families.signature(detection.family).plan(detection.config)
        )
    return FamilyBuild(
        detection,
        weights,
        mel or read_stored_mel(checkpoint) or MelDefinition(),
        inputs or {},
        fork,
        _read_statistics(checkpoint) if fork else None,
    )


def _find_detection(
    shapes: Mapping[str, Shape], among: Collection[str] | None, where: str
) -> Detection:
    """The family that the tensors are.

    Raises:
        UsageError: If none fits wholly.
    """
    detections = families.detect_families(shapes)
    if among is not None:
        detections = tuple(
            _look_at_part(detection, shapes)
            for detection in detections
            if detection.family in among
        )
    whole = next((each for each in detections if not each.missing_evidence), None)
    if whole is not None and (among is not None or whole is detections[0]):
        return whole
    if detections:
        nearest_family = f"{detections[0].family}: {detections[0].missing_evidence[0]}"
    else:
        nearest_family = "no family comes near"
    raise UsageError(
        "is not wholly one of the families that auscult can run",
        where=where,
        found=nearest_family,
        hint="`auscult inspect` shows the nearest families",
    )


def _look_at_part(detection: Detection, shapes: Mapping[str, Shape]) -> Detection:
    """The same family, looked for under its prefix alone: what is beside it says nothing against it."""
    if not detection.prefix:
        return detection
    part = {name: shape for name, shape in shapes.items() if name.startswith(detection.prefix)}
    return next(
        (each for each in families.detect_families(part) if each.family == detection.family),
        detection,
    )


def _read_statistics(
    checkpoint: Checkpoint,
) -> tuple[NDArray[np.float32], NDArray[np.float32]] | None:
    """Mean and scale of the mel, where the file has both."""
    if not {"mean", "scale"} <= set(checkpoint):
        return None
    mean, scale = (np.asarray(checkpoint[name].values(), np.float32) for name in ("mean", "scale"))
    if not mean.any() and (scale == 1).all():
        return None
    return mean, scale


def read_stored_mel(checkpoint: Checkpoint) -> MelDefinition | None:
    """The mel definition that the file's own config states (`config.mel.hop` and so on), None where
    it states none.

    Raises:
        AudioError: If it names a setting that does not exist, or a value that is no number.
    """
    stated = {
        key.removeprefix("config.mel."): text
        for key, text in checkpoint.metadata.items()
        if key.startswith("config.mel.")
    }
    if stated:
        return MelDefinition.from_text(stated)
    return None
