"""What rules look at. A rule names the subject it needs in `REQUIRES`; the verb hands it over."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from auscult.errors import UsageError
from auscult.verdict import Equality

if TYPE_CHECKING:  # rules that look at one file alone need neither alignment nor sound, and `inspect` is quick without them
    from auscult.align.kinds import Kind
    from auscult.align.records import Alignment, Match
    from auscult.rules.correspondence import Correspondence
    from auscult.rules.damage import Pair
    from auscult.rules.permutations import Layer
    from auscult.sound.analysis import Analysis
    from auscult.sound.mel import MelDefinition
    from auscult.sound.mel_search.search import Found
    from auscult.sound.recording import Recording
    from auscult.sound.relation import Relation
    from auscult.trace.records import Trace
    from auscult.trace.results import LayerResult
    from auscult.training.preflight.records import Measured
    from auscult.weights import Checkpoint


@dataclass(frozen=True)
class InspectSubject:
    """One checkpoint, with what was measured on it.

    Attributes:
        health: Per tensor name, the measures of `auscult.checkpoint.health`.
        family: The detected family and its hyper-parameters, where one was.
    """

    checkpoint: Checkpoint
    health: Mapping[str, Any] = field(default_factory=dict)
    family: Any = None


@dataclass(frozen=True)
class Place:
    """One place of a cause: the names to point at, the match behind them (if any), and numbers."""

    where: tuple[str, ...]
    match: Match | None = None
    evidence: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class DiffSubject:
    """Two checkpoints and their alignment: `a` is what one has, `b` what it is measured against, a reference or a model.

    Attributes:
        b_is_template: Whether `b` is code whose weights are only an initialisation, so that names and shapes were compared.
        choices: What the detected family computes without a tensor to show it: (field, values, meaning).
    """

    a: Checkpoint
    b: Checkpoint
    alignment: Alignment
    b_is_template: bool = False
    choices: tuple[Any, ...] = ()

    @property
    def absent(self) -> tuple[str, ...]:
        """Names of `b` for which `a` has nothing."""
        return self.alignment.only_in_b

    @property
    def surplus(self) -> tuple[str, ...]:
        """Names of `a` for which `b` has no place."""
        return self.alignment.only_in_a

    @property
    def different(self) -> tuple[Match, ...]:
        """Pairs that stay unequal whatever the operations."""
        return tuple(match for match in self.alignment.matches if match.equality is Equality.DIFFERENT)

    @cached_property
    def layers(self) -> tuple[Layer, ...]:
        """Every weight found on both sides, with its kind and its permutation."""
        from auscult.rules.permutations import find_layers

        return find_layers(self)

    @cached_property
    def odd_layers(self) -> Mapping[Kind, tuple[Layer, ...]]:
        """Per kind of convolution that is in two layouts, the fewer layers of the two."""
        from auscult.rules.permutations import find_odd_ones

        return find_odd_ones(self)

    @cached_property
    def pairs(self) -> Mapping[int, Pair]:
        """Unequal pairs of one shape, measured, by `id` of the match."""
        from auscult.rules.damage import measure_pairs

        return measure_pairs(self)

    @cached_property
    def caused(self) -> Mapping[str, tuple[Match, ...]]:
        """For each cause, the matches that show it by themselves, in order."""
        from auscult.rules.operations import causes_of

        found: dict[str, list[Match]] = {}
        for match in self.alignment.matches:
            for cause in causes_of(match):
                found.setdefault(cause, []).append(match)
        return {cause: tuple(matches) for cause, matches in found.items()}

    @cached_property
    def has_scramble(self) -> bool:
        """Whether any tensor is in the wrong memory order."""
        every = self.alignment.matches
        kinds = {id(match.ops): match.ops for match in every}  # most matches share theirs
        return any(op.op == "fortran" for ops in kinds.values() for op in ops) or any(
            match.cause == "layout-fortran" for match in every
        )

    @cached_property
    def names(self) -> Correspondence:
        """Prefix, renames and exchanges between the names of the two sides."""
        from auscult.rules.correspondence import correspondence

        return correspondence(self)

    @cached_property
    def places(self) -> Mapping[str, tuple[Place, ...]]:
        """For each cause, the places that its rule claimed; an open item is claimed once."""
        from auscult.rules.claims import settle

        return settle(self)


@dataclass(frozen=True)
class SoundFacts:
    """What is known of the model that made a sound, beside the sound: from its config, its checkpoint, or the user.

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
    def analysis(self) -> Analysis:
        """What the detectors share: levels, spectra and differences of the recording, each computed once."""
        from auscult.sound.analysis import Analysis

        return Analysis(self.recording)

    @cached_property
    def relation(self) -> Relation:
        """How the recording lies to its reference: lag, rate, gain, polarity.

        Raises:
            UsageError: If there is no reference.
        """
        from auscult.sound.relation import relate

        if self.reference is None:
            raise UsageError("there is no reference recording to relate to", where=self.recording.name)
        return relate(self.recording, self.reference)


@dataclass(frozen=True, eq=False)
class MelSubject:
    """A mel spectrogram, the definition that was found for it, and the one that it should have.

    Attributes:
        name: The mel's file.
        found: The outcome of the search.
        alternatives: Per setting, the other values that explain the mel as well.
        against: Name and definition of what a vocoder was trained on, where one was asked for.
    """

    name: str
    found: Found
    alternatives: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    against: tuple[str, MelDefinition] | None = None


@dataclass(frozen=True)
class UnreadableSubject:
    """A file that was to be listened to, and why it cannot be."""

    path: str
    reason: str


@dataclass(frozen=True, eq=False)
class CompareSubject:
    """Two traces and what comparing them said about each aligned layer, in the reference's order of execution."""

    ref: Trace
    cand: Trace
    layers: tuple[LayerResult, ...]


@dataclass(frozen=True, eq=False)
class PreflightSubject:
    """A training, as the instrumented steps of `auscult.training.preflight` saw it; or figures from its log."""

    measured: Measured
