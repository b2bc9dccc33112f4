"""What the monitor looks at in a vocoder."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from auscult.training.monitor import (
    Diagnosis,
    Monitor,
    MonitorReading,
    Terms,
    check_dc,
    check_losses,
)

MAX_RATIO = 3.0
"""RMS of the output over that of the target, either way. Chosen: within 500 steps of the packaged recipe it lies
between 0.6 and 1.1."""


class VocoderMonitor(Monitor):
    """Looks at the level and the losses."""

    def look(self, generator: Any, mel: Tensor, target: Tensor, terms: Terms) -> MonitorReading:
        """Measure a vocoder on a batch, [batch, bands, frames] and [batch, 1, time]."""
        reading = MonitorReading()
        with torch.no_grad():
            output = generator(mel)
        for diagnosis in (
            *_check_level(output, target, reading.figures),
            *check_losses(terms, target, self.sample_rate),
        ):
            reading.diagnoses.append(diagnosis)
        return reading


def _check_level(output: Tensor, target: Tensor, figures: dict[str, Any]) -> Iterator[Diagnosis]:
    level = float(target.square().mean().sqrt())
    mean = float(output.mean())
    figures["mean"], figures["rms_ratio"] = mean, 0.0
    if not level:
        return
    ratio = float((output - mean).square().mean().sqrt()) / level
    figures["rms_ratio"] = ratio
    yield from check_dc(mean, level)
    if not 1 / MAX_RATIO < ratio < MAX_RATIO:
        yield Diagnosis(
            "wrong-level",
            f"the output's level is {ratio:.2f} times the recording's",
            "look at the losses: the bands and the spectra have to see the level, and critics not outweigh them",
        )
