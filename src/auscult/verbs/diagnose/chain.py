"""From symptom to cause: joins what was heard with what weights, code, traces and training show,
through the causal table.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from auscult.finding import WEIGHT_FILE_DOMAINS, Domain, Finding, Json, Severity
from auscult.rules.sound.causal_table import load_causal_table
from auscult.rules.suspects import EvidenceKind, Suspect
from auscult.verbs.diagnose.next_run import (
    GivenOptions,
    build_diagnose_command,
    build_repair_command,
    suggest_next_run,
    suggest_remake,
)

HARMLESS_CAUSES = frozenset(
    ("noise-differs", "chaotic", "undetermined-by-weights", "lossy", "pickle-code")
)
"""Causes that never are the root of a sound by themselves; seeds differ, an argmax flips, a
rounding is small.
"""

INAUDIBLE_SYMPTOMS = frozenset(("dc", "lag", "polarity"))
"""Symptoms that are measured and not heard: none of them is what the user complains of."""


@dataclass(frozen=True)
class CausalChain:
    """The answer of a diagnosis.

    Attributes:
        cause: What to act on first; None where the evidence does not show it.
        symptoms: What was heard, the main symptom first, each with how the cause makes it (None: it
            does not).
        follows: What any such cause leaves behind, in the sound and in the layers: nothing to act
            on before the cause.
        others: Further causes, in order.
        suspects: Where there is no cause: what could have made the main symptom, what was ruled out
            left out.
        next: The one run that would settle it, or that repairs it.
    """

    cause: Finding | None
    symptoms: tuple[tuple[Finding, str | None], ...] = ()
    follows: tuple[Finding, ...] = ()
    other_causes: tuple[Finding, ...] = ()
    suspects: tuple[Suspect, ...] = ()
    next: str | None = None

    def to_json(self) -> Json:
        return {
            "cause": None if self.cause is None else _identify_finding(self.cause),
            "symptoms": [
                {**_identify_finding(finding), "explained": explanation}
                for finding, explanation in self.symptoms
            ],
            "follows": [_identify_finding(finding) for finding in self.follows],
            "others": [_identify_finding(finding) for finding in self.other_causes],
            "suspects": [
                {"causes": list(suspect.causes), "why": suspect.why, "needs": suspect.needs}
                for suspect in self.suspects
            ],
            "next": self.next,
        }


def _identify_finding(finding: Finding) -> Json:
    return {"code": finding.code, "cause": finding.cause}


def is_symptom(finding: Finding) -> bool:
    """Whether a finding says how something sounds, and not why."""
    return finding.domain is Domain.SOUND


def build_causal_chain(
    findings: Iterable[Finding],
    examined_kinds: frozenset[EvidenceKind],
    given_options: GivenOptions | None = None,
) -> CausalChain:
    """The cause of what was heard, as far as the evidence shows it.

    Args:
        findings: Of every kind, in any order.
        examined_kinds: The kinds of evidence that were looked at, so that a suspect that would have shown itself is ruled
            out.
        given_options: What the user gave, for the command to run next.
    """
    options = given_options or {}
    all_findings = sorted(findings, key=lambda finding: finding.order)
    symptoms = _select_symptoms(all_findings)
    causes = _select_causes(all_findings, symptoms)
    if causes:
        return _chain_from_root(causes[0], causes[1:], symptoms, options)
    if not symptoms:
        return CausalChain(None)
    suspects = _find_open_suspects(symptoms[0], examined_kinds)
    writing_fault = _find_writing_fault(symptoms, suspects)
    if writing_fault is not None:
        others = [(symptom, None) for symptom in symptoms if symptom is not writing_fault]
        return CausalChain(
            writing_fault,
            ((writing_fault, "in how the samples were written or labelled"), *others),
            next=_describe_repair(writing_fault, options),
        )
    next_run = suggest_next_run(examined_kinds, options)
    if suspects:
        next_run = build_diagnose_command(suspects[0].needs, given_options)
    unexplained = tuple((symptom, None) for symptom in symptoms)
    return CausalChain(None, unexplained, suspects=suspects, next=next_run)


def _select_symptoms(findings: Iterable[Finding]) -> list[Finding]:
    """What was heard and matters, those that nobody can hear last."""
    symptoms = [
        finding
        for finding in findings
        if is_symptom(finding) and finding.severity is not Severity.INFO
    ]
    return sorted(symptoms, key=lambda finding: finding.cause in INAUDIBLE_SYMPTOMS)


def _select_causes(findings: Sequence[Finding], symptoms: Sequence[Finding]) -> list[Finding]:
    """What may be the cause, the likeliest first: errors, and warnings that explain a symptom.

    Where nothing was heard, an error is the cause even if it never is that of a sound.
    """
    causes = [
        finding
        for finding in findings
        if not is_symptom(finding)
        and finding.severity is not Severity.INFO
        and finding.cause not in HARMLESS_CAUSES
        and (finding.severity is Severity.ERROR or _is_explaining_any(finding, symptoms))
    ]
    if not causes and not symptoms:
        return [finding for finding in findings if finding.severity is Severity.ERROR]
    return sorted(causes, key=lambda finding: _rank_cause(finding, symptoms))


def _chain_from_root(
    root: Finding,
    causes: Sequence[Finding],
    sound_findings: Sequence[Finding],
    given_options: GivenOptions,
) -> CausalChain:
    """What the cause explains, what comes of it, and what it has nothing to do with."""
    symptoms: list[tuple[Finding, str | None]] = []
    follows: list[Finding] = []
    others: list[Finding] = []
    for symptom in sound_findings:
        explanation, table_entry = (
            _find_explanation(symptom, root),
            load_causal_table().get(symptom.cause),
        )
        if (
            explanation is None
            and table_entry is not None
            and table_entry.follows
            and root.severity is Severity.ERROR
        ):
            follows.append(symptom)
        else:
            symptoms.append((symptom, explanation))
    for cause in causes:
        (follows if _is_echo(cause, root) else others).append(cause)
    return CausalChain(
        root,
        tuple(symptoms),
        tuple(follows),
        tuple(others),
        next=_describe_repair(root, given_options),
    )


def _rank_cause(
    finding: Finding, sound_findings: Sequence[Finding]
) -> tuple[int, int, int, tuple[int, int, float, int, str]]:
    """Errors first, among them what explains something that is heard; weights before what is
    computed with them.
    """
    return (
        finding.severity.rank,
        int(not _is_explaining_any(finding, sound_findings)),
        int(finding.domain is Domain.COMPUTATION),
        finding.order,
    )


def _is_explaining_any(cause: Finding, sound_findings: Sequence[Finding]) -> bool:
    return any(_find_explanation(symptom, cause) for symptom in sound_findings)


def _find_explanation(symptom: Finding, cause: Finding) -> str | None:
    table_entry = load_causal_table().get(symptom.cause)
    suspect = table_entry.find_suspect(cause.cause) if table_entry else None
    if suspect:
        return suspect.why
    return None


def _is_echo(cause: Finding, root: Finding) -> bool:
    """Whether that is the root again, as the layers show it: the same name, no name, the same
    places, or weights that differ.
    """
    if cause.cause == root.cause:
        return True
    if cause.domain is not Domain.COMPUTATION:
        return False
    if cause.cause == "unexplained" or (
        cause.cause == "other-weights" and root.domain in WEIGHT_FILE_DOMAINS
    ):
        return True
    modules = {place.rpartition(".")[0] for place in root.where} | set(root.where)
    return all(_is_in_modules(place, modules) for place in cause.where)


def _is_in_modules(place: str, modules: Iterable[str]) -> bool:
    """Whether a layer is one of the modules, which may have a prefix in a file that they lack in
    the code.
    """
    return any(module == place or module.endswith(f".{place}") for module in modules)


def _find_open_suspects(
    symptom: Finding, examined_kinds: frozenset[EvidenceKind]
) -> tuple[Suspect, ...]:
    """The suspects of a symptom that the evidence at hand would not have shown."""
    table_entry = load_causal_table().get(symptom.cause)
    if table_entry:
        return tuple(
            suspect for suspect in table_entry.suspects if suspect.needs not in examined_kinds
        )
    return ()


def _find_writing_fault(
    sound_findings: Sequence[Finding], suspects: Sequence[Suspect]
) -> Finding | None:
    """The symptom that is its own cause: a fault of writing or labelling that was measured, or all
    that is left.
    """
    for symptom in sound_findings:
        table_entry = load_causal_table().get(symptom.cause)
        if (
            table_entry is not None
            and table_entry.writing is not None
            and (symptom.severity is Severity.ERROR or not suspects)
        ):
            return symptom
    return None


def _describe_repair(cause: Finding, given_options: GivenOptions) -> str:
    """What to do about it, in one line."""
    if cause.fix is not None and cause.fix.recipe:
        return f"{build_repair_command(given_options)} ({cause.fix.summary})"
    if cause.fix is not None:
        if cause.domain is Domain.COMPUTATION and cause.where:
            return f"{cause.where[0]}: {cause.fix.summary}"
        return cause.fix.summary
    table_entry = load_causal_table().get(cause.cause)
    if table_entry is not None and table_entry.writing:
        return table_entry.writing
    return cause.settled_by or suggest_remake(given_options) or f"auscult rules {cause.code}"
