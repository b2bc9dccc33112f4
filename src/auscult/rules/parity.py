"""Findings of a comparison by cause: the layers whose own error a known mistake reproduces, or at least describes.

The mistakes are files of `auscult.explain.mistakes`, with their pages; this makes a finding of the places that each explains.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from auscult.explain.case import Explanation
from auscult.explain.mistakes import Mistake, find_mistake, iter_mistakes
from auscult.explain.mistakes.par099_unexplained import NAME as UNEXPLAINED
from auscult.explain.relation import describe_difference
from auscult.facts.words import format_count
from auscult.finding import Finding, Fix
from auscult.rules import Rule

if TYPE_CHECKING:
    from auscult.comparison.results import LayerResult
    from auscult.traces.records import Trace

REPRODUCED_CONFIDENCE, AMBIGUOUS_CONFIDENCE, DESCRIBED_CONFIDENCE = 0.99, 0.5, 0.6
"""Of a cause that reproduces the candidate's output, of one that others reproduce as well, and of one that only describes it.

Chosen, not measured."""
UNEXPLAINED_CONFIDENCE = 0.9
"""Of a finding that says where, and not why.

Chosen, not measured."""
MAX_DESCRIBED_LAYERS = 8
"""Layers without an explanation whose difference is described.

Chosen, not measured."""

DIFF_IN_PYTHON = (
    "auscult.diff(reference_model, candidate_model) in Python: are the weights the same?"
)
"""How the weights of models are compared that no command line names."""

ExplainedPlace = tuple["LayerResult", Explanation]


@dataclass(frozen=True, eq=False)
class CompareSubject:
    """Two traces and what comparing them said about each aligned layer, in the reference's order of execution.

    Attributes:
        weights_command: What compares the weights of the two sides, where no known mistake explains the difference.
    """

    ref: Trace
    cand: Trace
    layers: tuple[LayerResult, ...]
    weights_command: str = DIFF_IN_PYTHON


def iter_findings(subject: CompareSubject) -> Iterator[Finding]:
    """One finding per cause, in the order of their codes.

    Raises:
        UnknownCauseError: If a layer is explained by a cause that no mistake declares.
    """
    for layer in subject.layers:
        for explanation in layer.explanations:
            find_mistake(explanation.cause, found_by=f"comparison of {name_layer(layer)}")
    for mistake in iter_mistakes():
        yield from iter_mistake_findings(mistake, subject)


def build_rule(mistake: Mistake) -> Rule:
    """The mistake as a rule of parity, for what lists rules and their pages."""
    check = partial(iter_mistake_findings, mistake)
    return Rule(mistake.code, mistake.name, CompareSubject, check, mistake.page)


def iter_mistake_findings(mistake: Mistake, subject: CompareSubject) -> Iterator[Finding]:
    """One finding for all places of the mistake; the message tells of the first."""
    if mistake.name == UNEXPLAINED:
        unexplained = [layer for layer in subject.layers if layer.born and not layer.explanations]
        if unexplained:
            yield _build_unexplained_finding(mistake, unexplained, subject.weights_command)
        return
    places = [
        (layer, layer.explanations[0])
        for layer in subject.layers
        if layer.explanations and layer.explanations[0].cause == mistake.name
    ]
    if places:
        yield _build_finding(mistake, places)


def name_layer(layer: LayerResult) -> str:
    """The layer's name for a finding, where several are one on the other side the one at fault: the whole model has none."""
    path = layer.path_ref if layer.case is None else layer.case.path
    return path or "(model)"


def _build_finding(mistake: Mistake, places: Sequence[ExplainedPlace]) -> Finding:
    layer, explanation = places[0]
    return Finding(
        mistake.code,
        mistake.name,
        mistake.severity,
        tuple(dict.fromkeys(name_layer(explained_layer) for explained_layer, _ in places)),
        _describe_places(places),
        confidence=_judge_confidence(explanation),
        evidence=_collect_evidence(layer, explanation),
        fix=_build_fix(explanation),
        settled_by=_suggest_settling(explanation),
        rank=mistake.rank,
    )


def _build_unexplained_finding(
    mistake: Mistake, layers: Sequence[LayerResult], weights_command: str
) -> Finding:
    first_layer = next((layer for layer in layers if layer.looked_into), layers[0])
    if first_layer.looked_into:
        outcome_text = "no known mistake explains it"
    else:
        outcome_text = "its cause was not looked for before the others are mended"
    description_by_layer = {
        name_layer(layer): describe_difference(layer.case.reference, layer.case.candidate)
        for layer in layers[:MAX_DESCRIBED_LAYERS]
        if layer.case is not None
    }
    error, floor = first_layer.error, first_layer.floor
    return Finding(
        mistake.code,
        mistake.name,
        mistake.severity,
        tuple(dict.fromkeys(name_layer(layer) for layer in layers)),
        f"{_describe_role(first_layer)}{name_layer(first_layer)} is {error:.2g} off (floor {floor:.2g}),"
        f" and {outcome_text}",
        confidence=UNEXPLAINED_CONFIDENCE,
        evidence={"error": error, "floor": floor, "layers": description_by_layer},
        settled_by=weights_command,
        rank=mistake.rank,
    )


def _describe_places(places: Sequence[ExplainedPlace]) -> str:
    layer, explanation = places[0]
    text = f"{_describe_role(layer)}{name_layer(layer)}: {explanation.says}"
    more = len({name_layer(explained_layer) for explained_layer, _ in places}) - 1
    if more:
        return f"{text} (and {format_count(more, 'layer')} more)"
    if len(places) > 1:  # one layer, in several of its calls
        return f"{text} (found there {len(places)} times)"
    return text


def _describe_role(layer: LayerResult) -> str:
    if layer.case is not None and layer.case.role != "output":
        return "what reaches "
    return ""


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
    if explanation.reproduced:
        return Fix("lossy", explanation.fix, code=explanation.fix)
    return Fix("guess", explanation.fix, code=explanation.fix)


def _suggest_settling(explanation: Explanation) -> str | None:
    if not explanation.rivals:
        return None
    return f"compare on other inputs: on these, {', '.join(explanation.rivals)} gives the same"
