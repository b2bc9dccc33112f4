"""What the rules of training look at: what a few instrumented steps measured, what a whole training
reached, and the recordings that one would be paid for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from auscult.preflight_checks.records import TrainingMeasurements

MIN_JUDGED_STEPS = 200
"""Steps of a run below which what it reached says nothing; the packaged codec warms up for 50.

Chosen, not measured.
"""


@dataclass(frozen=True, eq=False)
class PreflightSubject:
    """A training, as the instrumented steps of `auscult.preflight_checks` saw it; or figures from
    its log.
    """

    measured: TrainingMeasurements


@dataclass(frozen=True, eq=False)
class TrainedSubject:
    """A training that has ended, by its figures on recordings that it was not trained on.

    Attributes:
        figures: On held-out recordings, at the end: `snr` in dB, `rms_ratio`, `mel_l1`, and for each
            book `perplexity` (a share of its codes) and `book_frames` (frames that used it).
        curve: The same figures on the validation recordings, with their `step`; step 0 is the model
            before the first step.
        steps: Of the whole run.
        book_size: Codes of each book.
        is_waveform_trained: Whether a loss asks for the waveform, so that its SNR is a measure.
    """

    figures: Mapping[str, Any]
    curve: Sequence[Mapping[str, Any]] = field(default=())
    steps: int = 0
    book_size: int = 0
    is_waveform_trained: bool = True

    @property
    def is_judged(self) -> bool:
        """Whether the run was long enough to say more than whether its figures are finite."""
        return self.steps >= MIN_JUDGED_STEPS
