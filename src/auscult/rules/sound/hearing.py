"""Listening with all the sound rules: which finding is the cause, which ones it explains, and what the reference has as well.

A rule of `auscult.rules.sound` may name in `EXPLAINS` the causes that follow from its own: bytes in the wrong order sound like
noise, and noise does not move in time. What is explained goes into the evidence of what explains it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Literal

from auscult.finding import Finding, Skip
from auscult.rules import every_rule, run_rules
from auscult.rules.sound.subject import SoundSubject

FOLDER = "sound"


def hear(subject: SoundSubject) -> tuple[tuple[Finding, ...], tuple[Skip, ...]]:
    """The causes that a recording shows, the first to act on first, and what was not looked for.

    With a reference, what its own sound shows too, and as badly, is a skip: it is no defect of the recording.
    """
    findings, skips = run_rules(subject, FOLDER)
    if subject.reference is not None and findings:
        own, _ = run_rules(
            SoundSubject(subject.reference, facts=subject.facts, hop=subject.hop), FOLDER
        )
        worst = {
            finding.cause: finding.severity.rank
            for finding in sorted(own, key=lambda f: f.severity.rank, reverse=True)
        }
        common = [
            finding
            for finding in findings
            if worst.get(finding.cause, finding.severity.rank + 1) <= finding.severity.rank
        ]
        skips = (
            *skips,
            *(
                Skip(subject.recording.name, f"{finding.cause}: the reference has it too")
                for finding in common
            ),
        )
        findings = tuple(finding for finding in findings if finding not in common)
    return first_causes(findings), skips


@dataclass(frozen=True)
class Trait:
    """What the rules of one cause say of themselves.

    Attributes:
        extent: Where the cause has to show in a long recording: `anywhere`, `mostly` (in most parts that sound), `always` (in
            every part), or `whole` (it speaks of the recording as a whole).
        explains: Causes that follow from it.
        evidence: What it needs: `nothing`, `metadata` or `reference`.
    """

    extent: Literal["anywhere", "mostly", "always", "whole"] = "whole"
    explains: frozenset[str] = frozenset()
    evidence: str = "reference"


@cache
def traits() -> Mapping[str, Trait]:
    """The traits of every cause of sound. Where several rules find one cause, the one that needs least speaks first."""
    found: dict[str, Trait] = {}
    for rule in every_rule(FOLDER):
        own = Trait(rule.extent, frozenset(rule.explains), rule.evidence)
        other = found.get(rule.name)
        first = (
            own
            if other is None or (own.evidence != "reference" and other.evidence == "reference")
            else other
        )
        found[rule.name] = replace(
            first, explains=own.explains | (other.explains if other else frozenset())
        )
    return found


def first_causes(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """The findings that no other one explains, the first to act on first; what each explains is in its evidence.

    Of two that explain each other the one of higher order stays. A warning does not explain an error.
    """
    ordered = sorted(findings, key=lambda finding: finding.order)
    kept = [finding for finding in ordered if not any(_covers(other, finding) for other in ordered)]
    hidden: dict[str, set[str]] = {}
    for finding in ordered:
        for by in kept:
            if _covers(by, finding):
                hidden.setdefault(by.cause, set()).add(finding.cause)
    return tuple(
        replace(finding, evidence={**finding.evidence, "explains": sorted(hidden[finding.cause])})
        if finding.cause in hidden
        else finding
        for finding in kept
    )


def _explains(cause: str) -> frozenset[str]:
    return traits().get(cause, Trait()).explains


def _covers(cause: Finding, effect: Finding) -> bool:
    if (
        cause is effect
        or effect.cause not in _explains(cause.cause)
        or cause.severity.rank > effect.severity.rank
    ):
        return False
    mutual = cause.cause in _explains(effect.cause)
    return not mutual or cause.order < effect.order
