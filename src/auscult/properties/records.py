"""What the user asks of a model, and what was measured of each property."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from auscult.finding import Json

Outcome = Literal["holds", "changed", "broken", "measured"]
"""It holds; it does not, and need not for this model; it does not, and had to; figures without a verdict."""

HALF_FORMATS = ("float16", "bfloat16", "int8")
"""Number formats that weights are rounded to."""


@dataclass(frozen=True)
class CheckOptions:
    """What the user asks for.

    Attributes:
        only: Properties to look at; empty means all.
        expect: Properties that have to hold, beside those that have to anyway.
        allow: Properties that need not hold.
        stream: Name of the model's method that takes one chunk, or a callable `stream(chunk)`.
        chunk: Frames of the input in one chunk.
        overlap: Frames of the input that each chunk of a model without state sees of the chunk before it, and `lookahead`
            of the one behind it; what they give is cut off.
        time_axis: Axis of the main input along which time runs; found by trying where None.
        formats: Number formats that the model is rounded to.
        max_error: Relative error of the output that rounding may make; a format named in `expect_formats` has to keep it.
        expect_formats: Formats in which the model has to work.
        exports: Forms into which the model is exported and held against.
    """

    only: tuple[str, ...] = ()
    expect: tuple[str, ...] = ()
    allow: tuple[str, ...] = ()
    stream: Any = None
    chunk: int | None = None
    overlap: int = 0
    lookahead: int = 0
    time_axis: int | None = None
    formats: tuple[str, ...] = HALF_FORMATS
    max_error: float = 0.01
    expect_formats: tuple[str, ...] = ()
    exports: tuple[str, ...] = ()


@dataclass(frozen=True)
class BrokenPlace:
    """Where a property is first broken.

    Attributes:
        path: The module; "" is the whole model.
        kind: Its class.
        role: `output` where the module itself breaks it; `input` where the code does that hands it its input.
        consumer: Where the role is `input`: the module that is handed what differs.
        error: Relative error there.
    """

    path: str
    kind: str
    role: Literal["output", "input"]
    consumer: str = ""
    error: float = 0.0

    def __str__(self) -> str:
        name = self.path or "(model)"
        if self.role == "input":
            return f"the code of {name} in front of {self.consumer}"
        return f"{name} ({self.kind})"


@dataclass(frozen=True)
class Observation:
    """One thing that was seen of a property.

    Attributes:
        outcome: See `Outcome`.
        cause: Name of the rule that speaks of it; empty where it holds.
        message: In one sentence.
        places: Module paths, the first at fault first.
        evidence: Figures, as JSON.
        advice: What to do about it.
        is_warning: Whether it may be heard although nothing demanded it.
    """

    outcome: Outcome
    message: str
    cause: str = ""
    places: tuple[str, ...] = ()
    evidence: Json = field(default_factory=dict)
    advice: str = ""
    is_warning: bool = False


@dataclass(frozen=True)
class PropertyResult:
    """What became of one property.

    Attributes:
        name: The property's.
        observations: None where it was not looked at.
        skipped: Why it, or a part of it, was not looked at.
        demanded: Whether the model has to have it.
        seconds: What it took.
    """

    name: str
    observations: tuple[Observation, ...] = ()
    skipped: tuple[str, ...] = ()
    demanded: bool = True
    seconds: float = 0.0

    @property
    def outcome(self) -> str:
        """The worst that was seen, or `skipped`."""
        order: Sequence[Outcome] = ("broken", "changed", "measured", "holds")
        outcomes = {observation.outcome for observation in self.observations}
        return next((outcome for outcome in order if outcome in outcomes), "skipped")

    def to_json(self) -> Json:
        return {
            "property": self.name,
            "outcome": self.outcome,
            "demanded": self.demanded,
            "says": [observation.message for observation in self.observations],
            "skipped": list(self.skipped),
        }


@dataclass(frozen=True)
class CheckMeasurements:
    """Everything measured of one model."""

    name: str
    results: tuple[PropertyResult, ...]
    precision: tuple[Mapping[str, Any], ...] = ()
