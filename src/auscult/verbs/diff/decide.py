"""The verdict of `diff`, from what was matched and what the rules claimed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from auscult.finding import Finding
from auscult.rules import Rule, every_rule
from auscult.rules.diff.checkpoint.ckp009_tie_lost import NAME as TIE_LOST
from auscult.rules.diff.subject import ClaimedPlace, DiffSubject
from auscult.verbs.diff.same_weights import find_unshared_parts
from auscult.verdict import Equality, Verdict


def decide_verdict(subject: DiffSubject, findings: Iterable[Finding]) -> Verdict:
    """DIVERGENT if anything differs that no recipe and no convention explains; else by what had to be done and could be seen."""
    alignment = subject.alignment
    benign_names, benign_matches = _find_benign_names(subject), _find_benign_matches(subject)
    has_unequal_match = any(
        (match.equality is Equality.DIFFERENT or match.fault) and id(match) not in benign_matches
        for match in alignment.matches
    )
    has_unpaired_name = not benign_names.issuperset((*alignment.only_in_a, *alignment.only_in_b))
    if has_unequal_match or has_unpaired_name or _has_diverging_finding(findings):
        return Verdict.DIVERGENT
    if subject.compares_shapes or alignment.skips or not alignment.matches:
        return Verdict.INCONCLUSIVE
    is_identical = all(match.identical and match.a == match.b for match in alignment.matches)
    if is_identical and not benign_names and not benign_matches:
        return Verdict.PASS
    return Verdict.EQUIVALENT


def _find_benign_names(subject: DiffSubject) -> frozenset[str]:
    """Names without a partner whose absence makes no difference."""
    names = {
        name
        for rule in every_rule("diff")
        if rule.benign or rule.name == TIE_LOST
        for place in _iter_places(subject, rule)
        if place.match is None
        for name in place.where
    }
    return frozenset(names) | find_unshared_parts(subject).names


def _find_benign_matches(subject: DiffSubject) -> frozenset[int]:
    """Unequal pairs whose difference means nothing, by `id`."""
    return frozenset(
        id(place.match)
        for rule in every_rule("diff")
        if rule.benign
        for place in _iter_places(subject, rule)
        if place.match is not None
    )


def _iter_places(subject: DiffSubject, rule: Rule) -> Iterator[ClaimedPlace]:
    yield from subject.places.get(rule.name, ())


def _has_diverging_finding(findings: Iterable[Finding]) -> bool:
    diverging_causes = {rule.name for rule in every_rule("diff") if rule.diverges}
    return any(finding.cause in diverging_causes for finding in findings)
