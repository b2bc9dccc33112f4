"""What auscult says: a finding with its evidence and remedy, or a skip with its reason."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal

Json = dict[str, Any]
Safety = Literal["safe", "lossy", "guess"]


class Severity(StrEnum):
    """How bad a finding is: an `error` changes what one hears, a `warning` may, `info` explains."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"

    @property
    def rank(self) -> int:
        """0 for the worst, so that findings sort by it."""
        return ("error", "warning", "info").index(self.value)


class Domain(StrEnum):
    """What a finding is about: where in the making of a sound its cause lies."""

    CHECKPOINT = "checkpoint"
    LAYOUT = "layout"
    ARCHITECTURE = "architecture"
    COMPUTATION = "computation"
    SOUND = "sound"
    TRAINING = "training"
    OTHER = "other"


DOMAIN_BY_PREFIX = {
    "CKP": Domain.CHECKPOINT,
    "LAY": Domain.LAYOUT,
    "ARC": Domain.ARCHITECTURE,
    "PAR": Domain.COMPUTATION,
    "INV": Domain.COMPUTATION,
    "SND": Domain.SOUND,
    "TRN": Domain.TRAINING,
}
"""The domain that the first letters of a code name."""
WEIGHT_FILE_DOMAINS = frozenset((Domain.CHECKPOINT, Domain.LAYOUT))
"""Domains of what is wrong with a file of weights."""


@dataclass(frozen=True)
class Fix:
    """A remedy as a value: shown first, applied only to a new file, and verified by a second diagnosis.

    Attributes:
        safety: `safe` restores the original bit for bit, `lossy` within a number format, `guess` needs a run to confirm.
        summary: What it does, in one sentence.
        recipe: The entries of a Recipe, as JSON; empty where the remedy is not a change of weights.
        code: A code hint for the user's program, where that is the remedy.
    """

    safety: Safety
    summary: str
    recipe: tuple[Json, ...] = ()
    code: str | None = None

    def to_json(self) -> Json:
        return {
            "safety": self.safety,
            "summary": self.summary,
            "recipe": list(self.recipe),
            "code": self.code,
        }


@dataclass(frozen=True)
class Finding:
    """One cause, with all the places it shows in.

    Attributes:
        code: Stable rule code, such as `LAY001`.
        cause: Stable name of the defect, such as `layout-conv1d`.
        where: Names of the tensors, layers or channels concerned, in file order.
        message: The cause in one sentence, in the field's terms.
        confidence: 0 to 1.
        count: In how many places; the length of `where` unless that was shortened.
        evidence: Numbers the finding rests on (JSON values).
        settled_by: The command or run that would settle it, where the evidence at hand cannot.
        times: Start and end in seconds, for sound.
        rank: Orders findings of equal severity: the one to act on first has the lowest.
    """

    code: str
    cause: str
    severity: Severity
    where: tuple[str, ...]
    message: str
    confidence: float = 1.0
    count: int = -1
    evidence: Mapping[str, Any] = field(default_factory=dict)
    fix: Fix | None = None
    settled_by: str | None = None
    times: tuple[tuple[float, float], ...] = ()
    rank: int = 50

    def __post_init__(self) -> None:
        if self.count < 0:
            object.__setattr__(self, "count", len(self.where))

    @property
    def domain(self) -> Domain:
        """What the finding is about, as its code says; `OTHER` for a code of another version."""
        return DOMAIN_BY_PREFIX.get(self.code[:3], Domain.OTHER)

    @property
    def order(self) -> tuple[int, int, float, int, str]:
        """Sort key: severity, rank, confidence, extent."""
        return (self.severity.rank, self.rank, -self.confidence, -self.count, self.code)

    def to_json(self) -> Json:
        result: Json = {
            "code": self.code,
            "cause": self.cause,
            "severity": self.severity.value,
            "confidence": round(self.confidence, 4),
            "where": list(self.where),
            "count": self.count,
            "message": self.message,
            "evidence": dict(self.evidence),
            "fix": self.fix.to_json() if self.fix else None,
            "settled_by": self.settled_by,
        }
        if self.times:
            result["times"] = [list(span) for span in self.times]
        return result


@dataclass(frozen=True)
class Skip:
    """Something that was not looked at, and why.

    Attributes:
        is_weight: Whether it is a weight of a checkpoint, under the name `where`, whose values were not read.
        hides_weights: Whether it may hold any number of weights, whose names it does not tell.
        holds_no_values: Whether the file has a name and a shape for it and no values: there was nothing to read.
    """

    where: str
    reason: str
    is_weight: bool = False
    holds_no_values: bool = False
    hides_weights: bool = False

    def to_json(self) -> Json:
        return {"where": self.where, "reason": self.reason}
