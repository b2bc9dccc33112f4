"""From symptom to cause: joins what was heard with what weights, code, traces and training show, through the causal table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from auscult.finding import Finding, Json, Severity
from auscult.symptoms import Evidence, Suspect, table

NEXT: Mapping[Evidence, str] = {
    "weights": "auscult diagnose CHECKPOINT",
    "code": "auscult diagnose CHECKPOINT --model package.module:callable",
    "reference-weights": "auscult diagnose CHECKPOINT --reference-checkpoint THE_ORIGINAL",
    "traces": "auscult diagnose --traces REF CAND",
    "reference-audio": "auscult diagnose --audio OUTPUT --reference-audio WHAT_IT_SHOULD_BE",
    "training": "auscult preflight package.module:callable",
    "config": "auscult diagnose --audio OUTPUT --config config.json",
}
"""The run that gives each kind of evidence."""
HARMLESS = frozenset(("noise-differs", "chaotic", "undetermined-by-weights", "lossy", "pickle-code"))
"""Causes that never are the root of a sound by themselves; seeds differ, an argmax flips, a rounding is small."""

INAUDIBLE = frozenset(("dc", "lag", "polarity"))
"""Symptoms that are measured and not heard: none of them is what the user complains of."""


@dataclass(frozen=True)
class Chain:
    """The answer of a diagnosis.

    Attributes:
        cause: What to act on first; None where the evidence does not show it.
        symptoms: Everything that was heard, the main symptom first, each with how the cause makes it (None: it does not).
        others: Further causes, in order.
        suspects: Where there is no cause: what could have made the main symptom, what was ruled out left out.
        next: The one run that would settle it, or that repairs it.
    """

    cause: Finding | None
    symptoms: tuple[tuple[Finding, str | None], ...]
    others: tuple[Finding, ...] = ()
    suspects: tuple[Suspect, ...] = ()
    next: str | None = None

    def to_json(self) -> Json:
        return {
            "cause": None if self.cause is None else {"code": self.cause.code, "cause": self.cause.cause},
            "symptoms": [{"code": finding.code, "cause": finding.cause, "explained": why} for finding, why in self.symptoms],
            "others": [{"code": finding.code, "cause": finding.cause} for finding in self.others],
            "suspects": [{"causes": list(s.causes), "why": s.why, "needs": s.needs} for s in self.suspects],
            "next": self.next,
        }


def is_heard(finding: Finding) -> bool:
    """Whether a finding says how something sounds, and not why."""
    return finding.code.startswith("SND")


def chain(findings: Iterable[Finding], given: frozenset[Evidence]) -> Chain:
    """The cause of what was heard, as far as the evidence shows it.

    Args:
        findings: Of every kind, in any order.
        given: The kinds of evidence that were looked at, so that a suspect that would have shown itself is ruled out.
    """
    every = sorted(findings, key=lambda finding: finding.order)
    heard = [finding for finding in every if is_heard(finding) and finding.severity is not Severity.INFO]
    heard.sort(key=lambda finding: finding.cause in INAUDIBLE)
    causes = [f for f in every if not is_heard(f) and f.severity is not Severity.INFO and f.cause not in HARMLESS]
    causes = [f for f in causes if f.severity is Severity.ERROR or _explained(f, heard)]
    causes.sort(key=lambda finding: _order(finding, heard))
    if causes:
        root, others = causes[0], tuple(causes[1:])
        return Chain(root, tuple((symptom, _why(symptom, root)) for symptom in heard), others, (), _repair(root))
    if not heard:
        return Chain(None, ())
    suspects = _open(heard[0], given)
    written = _written(heard, suspects)
    if written is not None:
        rest = tuple((symptom, None) for symptom in heard if symptom is not written)
        return Chain(written, ((written, "in how the samples were written or labelled"), *rest), next=_repair(written))
    return Chain(None, tuple((symptom, None) for symptom in heard), (), suspects, _next(suspects))


def _order(finding: Finding, heard: Sequence[Finding]) -> tuple[int, int, int, tuple[int, int, float, int, str]]:
    """Errors first, among them what explains something that is heard; weights before what is computed with them."""
    return (finding.severity.rank, int(not _explained(finding, heard)), int(finding.code.startswith("PAR")), finding.order)


def _explained(cause: Finding, heard: Sequence[Finding]) -> bool:
    return any(_why(symptom, cause) for symptom in heard)


def _why(symptom: Finding, cause: Finding) -> str | None:
    known = table().get(symptom.cause)
    suspect = known.explained_by(cause.cause) if known else None
    return suspect.why if suspect else None


def _open(symptom: Finding, given: frozenset[Evidence]) -> tuple[Suspect, ...]:
    """The suspects of a symptom that the evidence at hand would not have shown."""
    known = table().get(symptom.cause)
    return tuple(suspect for suspect in known.suspects if suspect.needs not in given) if known else ()


def _written(heard: Sequence[Finding], suspects: Sequence[Suspect]) -> Finding | None:
    """The symptom that is its own cause: a fault of writing or labelling that was measured, or all that is left."""
    for symptom in heard:
        known = table().get(symptom.cause)
        if known is not None and known.writing is not None and (symptom.severity is Severity.ERROR or not suspects):
            return symptom
    return None


def _next(suspects: Sequence[Suspect]) -> str | None:
    return NEXT[suspects[0].needs] if suspects else None


def _repair(cause: Finding) -> str | None:
    """What to do about it, in one line."""
    if cause.fix is not None:
        if cause.fix.recipe:
            return f"auscult diff CHECKPOINT OTHER_SIDE --fix repaired.safetensors ({cause.fix.summary})"
        return cause.fix.summary
    known = table().get(cause.cause)
    return known.writing if known is not None and known.writing else cause.settled_by
