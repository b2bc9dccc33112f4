"""The module of a checkpoint's family, with the checkpoint's weights, to be run under any of its
readings.

In: a checkpoint. Out: a `FamilyBuild`, which renders the sound of a mel. Needs PyTorch.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from auscult import families
from auscult.errors import UsageError
from auscult.families import Detection
from auscult.sound.mel import Frames, MelDefinition
from auscult.weights import Checkpoint

ModelInputs = Mapping[str, NDArray[np.float32]]


@dataclass(frozen=True, eq=False)
class FamilyBuild:
    """A family's module for one checkpoint, to be run under any of its readings.

    Attributes:
        detection: The family, the sizes and the prefix.
        weights: Torch-layout arrays under the family's own names.
        mel: What the model was fed in training.
        inputs: Further inputs of the model by name, such as `speaker` [192]; what is left out is
            zeros.
    """

    detection: Detection
    weights: Mapping[str, NDArray[Any]]
    mel: MelDefinition
    inputs: ModelInputs

    def module(self, config: Any) -> Any:
        """The torch module of that config with the checkpoint's weights, in eval mode."""
        import torch

        from auscult.families._torch import load  # in whatever form of weight norm the file is

        torch_module = importlib.import_module(
            f"{families.import_family(self.detection.family).__name__}.torch"
        ).build(config)
        load(
            torch_module,
            {
                name: torch.from_numpy(np.array(array, np.float32))
                for name, array in self.weights.items()
            },
        )
        return torch_module.eval()

    def render(self, config: Any, mel: Frames) -> NDArray[np.float32]:
        """Samples [time] of the model under that config for a mel [bands, frames]."""
        import torch

        inputs = {
            name: torch.from_numpy(np.array(vector, np.float32))[None]
            for name, vector in self.inputs.items()
        }
        with torch.no_grad():
            output = self.module(config)(
                torch.from_numpy(np.array(mel, np.float32))[None], **inputs
            )
        samples: NDArray[np.float32] = output.reshape(-1).numpy()
        return samples


def build_family(
    checkpoint: Checkpoint, mel: MelDefinition | None = None, inputs: ModelInputs | None = None
) -> FamilyBuild:
    """The runnable family of a checkpoint.

    Raises:
        UsageError: If no family fits, the family's code is not there, or the mel is not known.
    """
    detection = next(
        iter(families.detect_families({name: tensor.shape for name, tensor in checkpoint.items()})),
        None,
    )
    if detection is None or detection.missing_evidence:
        if detection:
            nearest_family = f"{detection.family}: {detection.missing_evidence[0]}"
        else:
            nearest_family = "no family comes near"
        raise UsageError(
            "is not wholly one of the families that auscult can run",
            where=checkpoint.path,
            found=nearest_family,
            hint="`auscult inspect` shows the nearest families",
        )
    weights = {
        name.removeprefix(detection.prefix): tensor.values() for name, tensor in checkpoint.items()
    }
    return FamilyBuild(
        detection, weights, mel or read_stored_mel(checkpoint) or MelDefinition(), inputs or {}
    )


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
