"""From symptom to cause: joins what was heard with what weights, code, traces and training show, through the causal table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from auscult.finding import Finding, Json, Severity
from auscult.symptoms import Evidence, Suspect, table
from auscult.verbs.diagnose.next_run import Told, missing, remake, repair_of, run_for

HARMLESS = frozenset(
    ("noise-differs", "chaotic", "undetermined-by-weights", "lossy", "pickle-code")
)
"""Causes that never are the root of a sound by themselves; seeds differ, an argmax flips, a rounding is small."""

INAUDIBLE = frozenset(("dc", "lag", "polarity"))
"""Symptoms that are measured and not heard: none of them is what the user complains of."""

FILE = ("CKP", "LAY")
"""Codes of what is wrong with a file of weights."""


@dataclass(frozen=True)
class Chain:
    """The answer of a diagnosis.

    Attributes:
        cause: What to act on first; None where the evidence does not show it.
        symptoms: What was heard, the main symptom first, each with how the cause makes it (None: it does not).
        follows: What any such cause leaves behind, in the sound and in the layers: nothing to act on before the cause.
        others: Further causes, in order.
        suspects: Where there is no cause: what could have made the main symptom, what was ruled out left out.
        next: The one run that would settle it, or that repairs it.
    """

    cause: Finding | None
    symptoms: tuple[tuple[Finding, str | None], ...] = ()
    follows: tuple[Finding, ...] = ()
    others: tuple[Finding, ...] = ()
    suspects: tuple[Suspect, ...] = ()
    next: str | None = None

    def to_json(self) -> Json:
        return {
            "cause": None if self.cause is None else _named(self.cause),
            "symptoms": [{**_named(finding), "explained": why} for finding, why in self.symptoms],
            "follows": [_named(finding) for finding in self.follows],
            "others": [_named(finding) for finding in self.others],
            "suspects": [
                {"causes": list(s.causes), "why": s.why, "needs": s.needs} for s in self.suspects
            ],
            "next": self.next,
        }


def _named(finding: Finding) -> Json:
    return {"code": finding.code, "cause": finding.cause}


def is_heard(finding: Finding) -> bool:
    """Whether a finding says how something sounds, and not why."""
    return finding.code.startswith("SND")


def chain(
    findings: Iterable[Finding], looked_at: frozenset[Evidence], told: Told | None = None
) -> Chain:
    """The cause of what was heard, as far as the evidence shows it.

    Args:
        findings: Of every kind, in any order.
        looked_at: The kinds of evidence, so that a suspect that would have shown itself is ruled out.
        told: What the user gave, for the command to run next.
    """
    every = sorted(findings, key=lambda finding: finding.order)
    heard = [
        finding for finding in every if is_heard(finding) and finding.severity is not Severity.INFO
    ]
    heard.sort(key=lambda finding: finding.cause in INAUDIBLE)
    causes = [
        f
        for f in every
        if not is_heard(f) and f.severity is not Severity.INFO and f.cause not in HARMLESS
    ]
    causes = [f for f in causes if f.severity is Severity.ERROR or _explained(f, heard)]
    causes.sort(key=lambda finding: _order(finding, heard))
    if not heard:  # then an error is the cause even if it never is that of a sound
        causes = causes or [finding for finding in every if finding.severity is Severity.ERROR]
    if causes:
        return _from_root(causes[0], causes[1:], heard, told or {})
    if not heard:
        return Chain(None)
    suspects = _open(heard[0], looked_at)
    written = _written(heard, suspects)
    if written is not None:
        rest = tuple((symptom, None) for symptom in heard if symptom is not written)
        return Chain(
            written,
            ((written, "in how the samples were written or labelled"), *rest),
            next=_repair(written, told or {}),
        )
    settled_by = run_for(suspects[0].needs, told) if suspects else missing(looked_at, told or {})
    return Chain(
        None, tuple((symptom, None) for symptom in heard), suspects=suspects, next=settled_by
    )


def _from_root(
    root: Finding, causes: Sequence[Finding], heard: Sequence[Finding], told: Told
) -> Chain:
    """What the cause explains, what comes of it, and what it has nothing to do with."""
    symptoms: list[tuple[Finding, str | None]] = []
    follows: list[Finding] = []
    others: list[Finding] = []
    for symptom in heard:
        why, known = _why(symptom, root), table().get(symptom.cause)
        if why is None and known is not None and known.follows and root.severity is Severity.ERROR:
            follows.append(symptom)
        else:
            symptoms.append((symptom, why))
    for cause in causes:
        (follows if _is_echo(cause, root) else others).append(cause)
    return Chain(root, tuple(symptoms), tuple(follows), tuple(others), next=_repair(root, told))


def _order(
    finding: Finding, heard: Sequence[Finding]
) -> tuple[int, int, int, tuple[int, int, float, int, str]]:
    """Errors first, among them what explains something that is heard; weights before what is computed with them."""
    return (
        finding.severity.rank,
        int(not _explained(finding, heard)),
        int(finding.code.startswith("PAR")),
        finding.order,
    )


def _explained(cause: Finding, heard: Sequence[Finding]) -> bool:
    return any(_why(symptom, cause) for symptom in heard)


def _why(symptom: Finding, cause: Finding) -> str | None:
    known = table().get(symptom.cause)
    suspect = known.explained_by(cause.cause) if known else None
    return suspect.why if suspect else None


def _is_echo(cause: Finding, root: Finding) -> bool:
    """Whether that is the root again, as the layers show it: the same name, no name, the same places, or weights that differ."""
    if cause.cause == root.cause:
        return True
    if not cause.code.startswith("PAR"):
        return False
    if cause.cause == "unexplained" or (
        cause.cause == "other-weights" and root.code.startswith(FILE)
    ):
        return True
    modules = {place.rpartition(".")[0] for place in root.where} | set(root.where)
    return all(_is_among(place, modules) for place in cause.where)


def _is_among(place: str, modules: Iterable[str]) -> bool:
    """Whether a layer is one of the modules, which may have a prefix in a file that they lack in the code."""
    return any(module == place or module.endswith(f".{place}") for module in modules)


def _open(symptom: Finding, looked_at: frozenset[Evidence]) -> tuple[Suspect, ...]:
    """The suspects of a symptom that the evidence at hand would not have shown."""
    known = table().get(symptom.cause)
    return (
        tuple(suspect for suspect in known.suspects if suspect.needs not in looked_at)
        if known
        else ()
    )


def _written(heard: Sequence[Finding], suspects: Sequence[Suspect]) -> Finding | None:
    """The symptom that is its own cause: a fault of writing or labelling that was measured, or all that is left."""
    for symptom in heard:
        known = table().get(symptom.cause)
        if (
            known is not None
            and known.writing is not None
            and (symptom.severity is Severity.ERROR or not suspects)
        ):
            return symptom
    return None


def _repair(cause: Finding, told: Told) -> str:
    """What to do about it, in one line."""
    if cause.fix is not None and cause.fix.recipe:
        return f"{repair_of(told)} ({cause.fix.summary})"
    if cause.fix is not None:
        return (
            f"{cause.where[0]}: {cause.fix.summary}"
            if cause.code.startswith("PAR") and cause.where
            else cause.fix.summary
        )
    known = table().get(cause.cause)
    if known is not None and known.writing:
        return known.writing
    return cause.settled_by or remake(told) or f"auscult rules {cause.code}"
