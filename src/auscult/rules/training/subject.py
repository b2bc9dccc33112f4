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
class RecordingsSubject:
    """What was found in the recordings of a training.

    Attributes:
        folder: Where they are.
        count: Recordings there.
        heard: Those that were listened to.
        flawed: Recordings that would spoil the training, with their causes.
        notable: Recordings with what is worth a look, such as a band limit.
        rates: Recordings by sample rate in Hz, the most frequent first.
        other_rates: Recordings below the training's rate (or, where that is not known, at another one
            than most), with theirs in Hz.
        copies: Recordings with the samples of another one, by that one.
        leaked: Held-out recordings, each with its copy among those that are trained on.
    """

    folder: str
    count: int
    heard: int = 0
    flawed: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    notable: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    rates: Mapping[int, int] = field(default_factory=dict)
    other_rates: Mapping[str, int] = field(default_factory=dict)
    copies: Mapping[str, str] = field(default_factory=dict)
    leaked: tuple[tuple[str, str], ...] = ()

    def list_unwanted(self) -> frozenset[str]:
        """What a training leaves out: flawed recordings, and copies of others."""
        return frozenset((*self.flawed, *self.copies))

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "recordings": self.count,
            "listened_to": self.heard,
            "flawed": {path: list(causes) for path, causes in self.flawed.items()},
            "notable": {path: list(causes) for path, causes in self.notable.items()},
            "rates": {str(rate): count for rate, count in self.rates.items()},
            "other_rates": dict(self.other_rates),
            "copies": list(self.copies),
            "leaked": [list(pair) for pair in self.leaked],
        }


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
