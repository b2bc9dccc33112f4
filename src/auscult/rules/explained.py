"""Findings of a comparison by cause: the layers whose own error a known mistake reproduces, or at least describes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from auscult.comparison.results import LayerResult
from auscult.explain.case import Explanation
from auscult.finding import Finding, Fix, Severity
from auscult.rules.parity.subject import CompareSubject
from auscult.rules.wording import format_count

REPRODUCED_CONFIDENCE, AMBIGUOUS_CONFIDENCE, DESCRIBED_CONFIDENCE = 0.99, 0.5, 0.6


def find_explained_layers(
    subject: CompareSubject, cause: str
) -> tuple[tuple[LayerResult, Explanation], ...]:
    """Layers whose first explanation has that cause, in order of execution."""
    return tuple(
        (layer, layer.explanations[0])
        for layer in subject.layers
        if layer.explanations and layer.explanations[0].cause == cause
    )


def iter_parity_findings(
    subject: CompareSubject,
    code: str,
    cause: str,
    *,
    severity: Severity = Severity.ERROR,
    rank: int = 30,
) -> Iterator[Finding]:
    """One finding for all places of the cause; the message tells of the first."""
    places = find_explained_layers(subject, cause)
    if not places:
        return
    layer, first_explanation = places[0]
    yield Finding(
        code,
        cause,
        severity,
        tuple(dict.fromkeys(name_layer(explained_layer) for explained_layer, _ in places)),
        _describe_places(places),
        confidence=_judge_confidence(first_explanation),
        evidence=_collect_evidence(layer, first_explanation),
        fix=_build_fix(first_explanation),
        settled_by=_suggest_settling(first_explanation),
        rank=rank,
    )


def name_layer(layer: LayerResult) -> str:
    """The layer's name for a finding, where several are one on the other side the one at fault: the whole model has none."""
    return (layer.path_ref if layer.case is None else layer.case.path) or "(model)"


def _describe_places(places: Iterable[tuple[LayerResult, Explanation]]) -> str:
    explained_layers = list(places)
    layer, first_explanation = explained_layers[0]
    if layer.case is not None and layer.case.role != "output":
        role_text = "what reaches "
    else:
        role_text = ""
    if len(explained_layers) > 1:
        more_note = f" (and {format_count(len(explained_layers) - 1, 'place')} more)"
    else:
        more_note = ""
    return f"{role_text}{name_layer(layer)}: {first_explanation.says}{more_note}"


def _judge_confidence(explanation: Explanation) -> float:
    if not explanation.reproduced:
        return DESCRIBED_CONFIDENCE
    if explanation.rivals:
        return AMBIGUOUS_CONFIDENCE
    return REPRODUCED_CONFIDENCE


def _collect_evidence(layer: LayerResult, explanation: Explanation) -> dict[str, Any]:
    case = layer.case
    evidence: dict[str, Any] = {
        "error": layer.error,
        "floor": layer.floor,
        **explanation.parameters,
        **explanation.evidence,
    }
    if explanation.reproduced:
        evidence["residual"] = explanation.residual
    if case is not None:
        evidence |= {"role": case.role, "call": case.call, "candidate": case.candidate_path}
    if explanation.rivals:
        evidence["rivals"] = list(explanation.rivals)
    return evidence


def _build_fix(explanation: Explanation) -> Fix | None:
    if explanation.fix is None:
        return None
    return Fix(
        "lossy" if explanation.reproduced else "guess", explanation.fix, code=explanation.fix
    )


def _suggest_settling(explanation: Explanation) -> str | None:
    if not explanation.rivals:
        return None
    return f"compare on other inputs: on these, {', '.join(explanation.rivals)} gives the same"
