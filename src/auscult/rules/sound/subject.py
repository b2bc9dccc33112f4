"""What the rules of sound look at: a recording, its reference, and what is known of the model that
made it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from auscult.errors import UsageError

if TYPE_CHECKING:
    from auscult.sound.analysis import SoundAnalysis
    from auscult.sound.recording import Recording
    from auscult.sound.relation import Relation
    from auscult.sound.residual import Residual
    from auscult.sound.steps import StepTrack


@dataclass(frozen=True)
class SoundFacts:
    """What is known of the model that made a sound, beside the sound: from its config, its
    checkpoint, or the user.

    Attributes:
        sample_rate: That the model makes, in Hz; the file's header may say another.
        hop: Samples per frame of its input.
        strides: Factors of its upsampling layers, first to last.
        chunk_seconds: Length of the pieces in which it was run, where it was run in pieces.
        text: What should be said.
    """

    sample_rate: int | None = None
    hop: int | None = None
    strides: tuple[int, ...] = ()
    chunk_seconds: float | None = None
    text: str | None = None


def knows_model(facts: SoundFacts) -> bool:
    """Whether anything is known of a model: then the sound is meant to be what it says or plays."""
    return facts != SoundFacts()


@dataclass(frozen=True, eq=False)
class SoundSubject:
    """A recording, and what it should have sounded like where that is known.

    Attributes:
        hop: Samples per frame of the model that made it; where it is not given, that of `facts`.
        facts: What is known of that model.
    """

    recording: Recording
    reference: Recording | None = None
    hop: int | None = None
    facts: SoundFacts = field(default_factory=SoundFacts)

    def __post_init__(self) -> None:
        if self.hop is None and self.facts.hop is not None:
            object.__setattr__(self, "hop", self.facts.hop)

    @cached_property
    def analysis(self) -> SoundAnalysis:
        """What the detectors share: levels, spectra and differences of the recording, each computed
        once.
        """
        from auscult.sound.analysis import SoundAnalysis

        return SoundAnalysis(self.recording)

    @cached_property
    def finite_pair(self) -> tuple[Recording, Recording]:
        """The recording and its reference, with zeros for values that are no numbers.

        Raises:
            UsageError: If there is no reference.
        """
        if self.reference is None:
            raise UsageError(
                "there is no reference recording to relate to", where=self.recording.name
            )
        return self.recording.replace_non_finite(), self.reference.replace_non_finite()

    @cached_property
    def relation(self) -> Relation:
        """How the recording lies to its reference: lag, rate, gain, polarity.

        Raises:
            UsageError: If there is no reference.
        """
        from auscult.sound.relation import relate_recordings

        return relate_recordings(*self.finite_pair)

    @cached_property
    def steps(self) -> StepTrack:
        """Where samples were put in or are missing, against the reference.

        Raises:
            UsageError: If there is no reference.
        """
        from auscult.sound.relation import mix_down
        from auscult.sound.steps import find_steps

        recording, reference = self.finite_pair
        rate = reference.sample_rate
        is_same_speed = self.relation.rate_ratio == 1.0 and self.relation.time_stretch == 1.0
        lag = self.relation.lag_samples if is_same_speed else 0
        return find_steps(mix_down(recording.resample(rate)), mix_down(reference), rate, lag)

    @cached_property
    def residual(self) -> Residual:
        """What is left of the recording when the reference is taken off, inserted samples left out.

        Raises:
            UsageError: If there is no reference.
        """
        from auscult.sound.relation import mix_down
        from auscult.sound.residual import Residual

        recording, reference = self.finite_pair
        rate = reference.sample_rate
        if not self.steps.steps:
            pair = self.relation.aligned_recording, self.relation.aligned_reference
            return Residual(mix_down(pair[0]), mix_down(pair[1]), rate)
        return Residual(
            *self.steps.align(mix_down(recording.resample(rate)), mix_down(reference)), rate
        )


@dataclass(frozen=True)
class ContainerSubject:
    """A file as it lies on the disk: its header, and the bytes behind it."""

    path: str


@dataclass(frozen=True)
class FailedSubject:
    """A file at which listening itself stopped, and by what.

    Attributes:
        reason: The error in one line.
        place: File, line and function in which it arose.
    """

    path: str
    reason: str
    place: str


@dataclass(frozen=True)
class UnreadableSubject:
    """A file that was to be listened to, and why it cannot be."""

    path: str
    reason: str
