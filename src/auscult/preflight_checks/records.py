"""What preflight measured, as plain numbers: rules read these records, and no framework is needed
to read them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from auscult.preflight_checks.log_series import LogSeries
from auscult.preflight_checks.step_records import StepRecord


@dataclass(frozen=True)
class SignalLengths:
    """Samples: what should come out, what came out, what the decoder gave before it was cut or
    filled up, zeros at the end, what the encoder was given."""

    target: int
    output: int
    decoded: int | None = None
    zeros_at_end: int = 0
    hop: int | None = None
    encoded: int | None = None


@dataclass(frozen=True)
class TargetAlignment:
    """Whether the target belongs to the input.

    Attributes:
        identical: The target is the input.
        lag: Samples by which the target is later than the input beyond the delay that is meant,
            where both are waveforms.
        correlation: At that lag.
        learnable: Share of the target's frame energies (R²) that a linear map of the input predicts
            on frames it has not seen.
        shuffled: The same with targets exchanged, highest of several: what chance gives.
    """

    identical: bool
    lag: int = 0
    correlation: float = 1.0
    learnable: float | None = None
    shuffled: float | None = None


@dataclass(frozen=True)
class PartGain:
    """The gradient of a part or passage over what it should be: 1 is right; `how` says against what
    it was held.
    """

    place: str
    factor: float
    cosine: float
    how: str
    books: int = 0


@dataclass(frozen=True)
class ParameterStatus:
    """Names of parameters by what is wrong with them; `total` and `trainable` count them.

    Attributes:
        no_gradient: Trainable, and no loss reached it in any step (None, or exactly zero).
        not_optimized: Trainable and with a gradient, but in no optimizer.
        not_required: `requires_grad` is off, and nothing else updates it.
        not_moving: In an optimizer and with a gradient, but the same after the steps.
        foreign: Parameters that an optimizer holds and the model does not (a count).
    """

    total: int
    trainable: int
    no_gradient: tuple[str, ...] = ()
    not_optimized: tuple[str, ...] = ()
    not_required: tuple[str, ...] = ()
    not_moving: tuple[str, ...] = ()
    foreign: int = 0
    by_part: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class BookHistory:
    """One codebook over the steps: per step the codes used, the perplexity, the share out of reach,
    the longest code.

    `moved_by_forward` and `moved_by_optimizer` count the steps, of `compared`, in which a code that
    was in use changed.
    """

    name: str
    size: int
    vectors: int
    used: tuple[int, ...]
    perplexity: tuple[float, ...]
    unreachable: tuple[float, ...] = ()
    longest: tuple[float, ...] = ()
    latent_length: tuple[float, ...] = ()
    moved_by_forward: int = 0
    moved_by_optimizer: int = 0
    compared: int = 0


@dataclass(frozen=True)
class TermMeasure:
    """One loss term.

    Attributes:
        value: At the start, on the model's output.
        share: Of the gradient at the output over all terms that reach it, at the start; None where
            none does.
        share_after: The same after the steps.
        at_output: Whether its gradient reaches the output.
        at_parameters: Whether its gradient reaches any parameter.
        reactions: Its value for each output of
            `auscult.preflight_checks.measures.losses.PERTURBATIONS`.
        gain_slope: Derivative by the logarithm of the output's gain: above 0 it wants the output
            quieter.
        at_encoder: Norm of its gradient at the encoder's parameters; None where the model has no
            encoder that may be trained.
    """

    name: str
    value: float
    share: float | None = None
    share_after: float | None = None
    at_output: bool = False
    at_parameters: bool = False
    reactions: Mapping[str, float] = field(default_factory=dict)
    gain_slope: float = 0.0
    at_encoder: float | None = None


@dataclass(frozen=True)
class OutputLevel:
    """Amplitude of an output against its target, over all their samples.

    Attributes:
        mean: Of the output: its DC offset.
        ac_rms: Of the output less its mean.
        rms_ratio: RMS about zero, output over target; a DC offset counts as level here.
        ac_ratio: The same about the means.
        correlation: Pearson, -1 to 1; 0 where either is constant.
        snr_db: Target energy over the energy of the difference.
    """

    mean: float
    ac_rms: float
    target_rms: float
    rms_ratio: float
    ac_ratio: float
    correlation: float
    snr_db: float

    def to_json(self) -> dict[str, float]:
        return {name: round(value, 5) for name, value in asdict(self).items()}


@dataclass(frozen=True)
class AmplitudeOwners:
    """What sets the output's amplitude, apart from the weights.

    Attributes:
        scales: Parameters of one value that act as a gain on the output, with that value.
        bounded: The bounded function at the end (`tanh`), or None.
        saturated: Share of samples within 1 % of its limits.
    """

    scales: Mapping[str, float] = field(default_factory=dict)
    bounded: str | None = None
    saturated: float = 0.0


@dataclass(frozen=True)
class GainResponse:
    """What halving the input does: to the latents and the output, relative to what other content
    does.

    `follows` is the level of the output for half the input over that for all of it: 0.5 follows, 1
    does not. `levels_db` is the spread of the items' levels in the batch, highest less lowest.
    """

    latents: float | None
    output: float
    follows: float
    levels_db: float


@dataclass(frozen=True)
class LearningCurve:
    """The steps on one batch, and the same from the same start with other learning rates.

    Attributes:
        losses: Total per step.
        learning_rate: Of the first group of the first optimizer.
        sweep: Learning rate to the relative fall of the loss over `sweep_steps` steps; below 0 it
            rose, NaN it blew up.
        descent: Relative fall after one small step along the negative gradient, without any
            optimizer.
        downhill: Σ -Δg over Σ |Δg| for the first step's changes Δ and the gradient g: 1 goes down,
            -1 goes up.
        moved: Largest relative change of a parameter tensor over the steps.
    """

    losses: tuple[float, ...]
    learning_rate: float
    sweep: Mapping[float, float] = field(default_factory=dict)
    sweep_steps: int = 0
    descent: float | None = None
    downhill: float | None = None
    moved: float | None = None


@dataclass(frozen=True)
class NonFiniteValues:
    """What is not finite, by number format (`float32`, `bfloat16`, `float16`): names of outputs,
    terms or gradients.
    """

    broken: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Claim:
    """SNR in dB, RMS ratio and correlation that were reported together; None where one was not.

    `where` is a line or a name.
    """

    where: str
    snr_db: float | None = None
    rms_ratio: float | None = None
    correlation: float | None = None


@dataclass(frozen=True)
class BitRateLimit:
    """The best SNR in dB that the bit rate allows on the material
    (`auscult.preflight_checks.measures.bound`).
    """

    bitrate: float
    bound_db: float
    how: str
    sample_rate: int


@dataclass(frozen=True)
class TrainingMeasurements:
    """Everything. None or empty where it was not measured; `skipped` says why: (what, reason).

    `assumed`: only a model was given, so that loss and optimizer are preflight's own.
    """

    name: str
    steps: int = 0
    seconds: float = 0.0
    assumed: bool = False
    lengths: SignalLengths | None = None
    alignment: TargetAlignment | None = None
    gains: tuple[PartGain, ...] = ()
    parameters: ParameterStatus | None = None
    gradients: Mapping[str, float] = field(default_factory=dict)
    books: tuple[BookHistory, ...] = ()
    terms: tuple[TermMeasure, ...] = ()
    start: OutputLevel | None = None
    end: OutputLevel | None = None
    owners: AmplitudeOwners | None = None
    gain_response: GainResponse | None = None
    learning: LearningCurve | None = None
    precision: NonFiniteValues | None = None
    limit: BitRateLimit | None = None
    claims: tuple[Claim, ...] = ()
    watched: StepRecord = field(default_factory=StepRecord)
    log: tuple[LogSeries, ...] = ()
    skipped: tuple[tuple[str, str], ...] = ()

    def to_json(self) -> dict[str, Any]:
        """As JSON values, without what was not measured."""
        values: dict[str, Any] = _to_plain(asdict(self))
        values.pop("skipped")
        values["log"] = [
            {"name": series.name, "figures": len(series.points), "last": series.values[-1]}
            for series in self.log
        ]
        if not self.watched.optimizers:
            values.pop("watched")
        return {name: value for name, value in values.items() if value not in (None, [], {})}


def _to_plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(name): _to_plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_to_plain(item) for item in value]
    if isinstance(value, float):
        return float(f"{value:.6g}")
    return value
