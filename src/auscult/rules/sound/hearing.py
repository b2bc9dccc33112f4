"""Listening with all the sound rules: which finding is the cause, which ones it explains, and what
the reference has as well.

A rule of `auscult.rules.sound` may name in `EXPLAINS` the causes that follow from its own: bytes in
the wrong order sound like noise, and noise does not move in time. What is explained goes into the
evidence of what explains it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Literal

from auscult.finding import Finding, Severity, Skip
from auscult.rules import every_rule, run_rules
from auscult.rules.sound.subject import SoundSubject

FOLDER = "sound"
REMAINDER = "unexplained"
"""What is told only where nothing else explains why the waveform differs."""
STILLNESS = frozenset({"noise", "flat-mel"})
"""Causes that are worse beside a reference, where it moves: of one that has them too they are no defect."""
HARMLESS_CAUSES = frozenset({"lag", "gain", "polarity", "padded-sound", "truncated-sound"})
"""Causes that are taken off before the remainder is looked at: they do not explain it."""


def run_sound_rules(subject: SoundSubject) -> tuple[tuple[Finding, ...], tuple[Skip, ...]]:
    """The causes that a recording shows, the first to act on first, and what was not looked for.

    With a reference, what its own sound shows too, and as badly, is a skip: it is no defect of the
    recording.
    """
    findings, skips = run_rules(subject, FOLDER)
    if subject.reference is not None and findings:
        reference_findings, _ = run_rules(
            SoundSubject(subject.reference, facts=subject.facts, hop=subject.hop), FOLDER
        )
        worst_reference_ranks = {
            finding.cause: finding.severity.rank
            for finding in sorted(reference_findings, key=lambda f: f.severity.rank, reverse=True)
        }
        shared_findings = [
            finding
            for finding in findings
            if worst_reference_ranks.get(finding.cause, finding.severity.rank + 1)
            <= finding.severity.rank
            or (finding.cause in STILLNESS and finding.cause in worst_reference_ranks)
        ]
        skips = (
            *skips,
            *(
                Skip(subject.recording.name, f"{finding.cause}: the reference has it too")
                for finding in shared_findings
            ),
        )
        findings = tuple(finding for finding in findings if finding not in shared_findings)
    return find_first_causes(findings), skips


@dataclass(frozen=True)
class CauseTrait:
    """What the rules of one cause say of themselves.

    Attributes:
        extent: Where the cause has to show in a long recording: `anywhere`, `mostly` (in most parts
            that sound), `always` (in every part), or `whole` (it speaks of the recording as a
            whole).
        explains: Causes that follow from it.
        evidence: What it needs: `nothing`, `metadata` or `reference`.
        undecided: Whether a finding of it keeps the verdict from being PASS, although it shows no
            defect.
    """

    extent: Literal["anywhere", "mostly", "always", "whole"] = "whole"
    explains: frozenset[str] = frozenset()
    evidence: str = "reference"
    undecided: bool = False


@cache
def collect_traits() -> Mapping[str, CauseTrait]:
    """The traits of every cause of sound. Where several rules find one cause, the one that needs
    least speaks first.
    """
    traits_by_cause: dict[str, CauseTrait] = {}
    for rule in every_rule(FOLDER):
        module_trait = CauseTrait(
            rule.extent, frozenset(rule.explains), rule.evidence, rule.undecided
        )
        existing_trait = traits_by_cause.get(rule.name)
        if existing_trait is None or (
            module_trait.evidence != "reference" and existing_trait.evidence == "reference"
        ):
            leading_trait = module_trait
        else:
            leading_trait = existing_trait
        explains = module_trait.explains
        if existing_trait is not None:
            explains |= existing_trait.explains
        traits_by_cause[rule.name] = replace(leading_trait, explains=explains)
    return traits_by_cause


def find_first_causes(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """The findings that no other one explains, the first to act on first; what each explains is in
    its evidence.

    Of two that explain each other the one of higher order stays. A warning does not explain an
    error.
    """
    ordered_findings = sorted(findings, key=lambda finding: finding.order)
    root_findings = [
        finding for finding in ordered_findings if not _is_explained(finding, ordered_findings)
    ]
    explained_causes: dict[str, set[str]] = {}
    for finding in ordered_findings:
        for root_finding in root_findings:
            if _can_explain(root_finding, finding):
                explained_causes.setdefault(root_finding.cause, set()).add(finding.cause)
    return tuple(
        _add_explained(finding, explained_causes.get(finding.cause)) for finding in root_findings
    )


def _is_explained(finding: Finding, others: Sequence[Finding]) -> bool:
    return any(_can_explain(other, finding) for other in others)


def _add_explained(finding: Finding, causes: set[str] | None) -> Finding:
    """The finding with what it explains in its evidence."""
    if causes is None:
        return finding
    return replace(finding, evidence={**finding.evidence, "explains": sorted(causes)})


def _find_explained_causes(cause: str) -> frozenset[str]:
    return collect_traits().get(cause, CauseTrait()).explains


def _can_explain(cause: Finding, effect: Finding) -> bool:
    if effect.cause == REMAINDER and cause is not effect and cause.cause not in HARMLESS_CAUSES:
        return cause.severity is not Severity.INFO
    if (
        cause is effect
        or effect.cause not in _find_explained_causes(cause.cause)
        or cause.severity.rank > effect.severity.rank
    ):
        return False
    is_mutual = cause.cause in _find_explained_causes(effect.cause)
    return not is_mutual or cause.order < effect.order
