"""What speaks for and against the sound that a vocoder made."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from auscult.finding import Finding, Json, Severity
from auscult.rules.diff.architecture.arc006_undetermined_by_weights import CODE, NAME
from auscult.rules.sound.snd003_non_finite_sound import CODE as NON_FINITE_CODE
from auscult.rules.sound.snd003_non_finite_sound import NAME as NON_FINITE_NAME
from auscult.rules.sound.snd004_silence import CODE as SILENCE_CODE
from auscult.rules.sound.snd004_silence import NAME as SILENCE_NAME
from auscult.sound.recording import Recording
from auscult.sound.settle import MAX_SHARE_OF_STATIONARY

SILENT_SHARE = 1e-3
"""Level of an output, as a share of the recording's, below which it is silence (-60 dB). Chosen, not measured."""


@dataclass(frozen=True)
class MelDistance:
    """How far the mel of a sound is from the mel that went in, in the unit of the mel.

    Attributes:
        stationary: How far a stationary sound of the right colour is.
    """

    distance: float
    stationary: float

    @property
    def works(self) -> bool:
        """Whether the mel counts as come back."""
        return self.distance <= MAX_SHARE_OF_STATIONARY * self.stationary

    def to_json(self) -> Json:
        """The same for the report; None for what is no number."""
        distance = round(self.distance, 4) if np.isfinite(self.distance) else None
        return {
            "distance": distance,
            "stationary_distance": round(self.stationary, 4),
            "works": self.works,
        }


def build_return_finding(mel_return: MelDistance) -> Finding:
    """That the mel did not come back, where nothing was tried."""
    message = (
        f"the mel that went in does not come back: it is {mel_return.distance:.2f} away, a"
        f" stationary sound {mel_return.stationary:.2f}; untrained weights, another mel definition,"
        " or settings that are not the model's"
    )
    finding = Finding(
        CODE, NAME, Severity.WARNING, ("mel",), message, evidence=mel_return.to_json()
    )
    return replace(finding, settled_by="the same command without a config, or with --definition")


def find_broken_output(samples: NDArray[np.float32], reference: Recording | None) -> Finding | None:
    """What is certainly wrong with an output: values that are no numbers, or silence for sound."""
    if not np.isfinite(samples).all():
        count = int((~np.isfinite(samples)).sum())
        message = f"{count} of {len(samples)} samples are no numbers"
        return Finding(NON_FINITE_CODE, NON_FINITE_NAME, Severity.ERROR, ("output",), message)
    if reference is None:
        return None
    level = _measure_level(samples)
    if level <= SILENT_SHARE * _measure_level(reference.mono):
        message = f"the output is silent: {level:.2g} rms where the recording has sound"
        return Finding(SILENCE_CODE, SILENCE_NAME, Severity.ERROR, ("output",), message)
    return None


def _measure_level(samples: NDArray[np.float32]) -> float:
    if not len(samples):
        return 0.0
    return float(np.sqrt(np.mean(np.square(samples, dtype=np.float64))))
