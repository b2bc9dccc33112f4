"""What the two sides write between their modules, and how little the two differ.

Both tensors of a place are written as a short expression over the tensors that were known before, such as
`leaky_relu(mean(a, b, c), 0.1)`. The difference of the two expressions is the mistake.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from auscult.explain.algebra.activations import USUAL_SLOPES
from auscult.explain.algebra.expressions import Expression, find_expressions
from auscult.explain.algebra.layers import normalise_axes
from auscult.explain.algebra.nearness import to_float64
from auscult.explain.algebra.norms import NORM_TYPE_PATTERN, apply_written_norm
from auscult.explain.case import LayerCase
from auscult.explain.limits import get_candidate_limit, get_reference_limit
from auscult.explain.searches import run_once_per_case
from auscult.explain.wiring_differences import (
    NormChange,
    NormChangeKind,
    WiringDifference,
    _count_changed_steps,
    is_replacement,
    lacks_summands,
)
from auscult.weights import Array

SEARCH = "wiring"
MAX_EXPRESSIONS = 12
"""Expressions of each side that are held against those of the other.

Chosen, not measured."""


@run_once_per_case
def find_wiring_differences(case: LayerCase, floor: float) -> tuple[WiringDifference, ...]:
    """Readings of the case that reproduce both sides, those that change least first."""
    references, candidates = _find_side_expressions(case, floor, _collect_neighbour_norms(case))
    if not references or not candidates:
        references, candidates = _find_side_expressions(
            case, floor, _collect_neighbour_norms(case) | _collect_functional_norms(case)
        )
    all_differences = [
        WiringDifference(r, c, _count_changed_steps(r, c))
        for r in references
        for c in candidates
        if _count_changed_steps(r, c)
    ]
    return tuple(
        sorted(
            all_differences,
            key=lambda d: (
                d.steps,
                d.reference.complexity + d.candidate.complexity,
                d.candidate.error,
            ),
        )
    )


def find_join_differences(case: LayerCase, floor: float) -> tuple[WiringDifference, ...]:
    """Those in which other tensors are joined, or the same in another way."""
    return tuple(
        difference
        for difference in find_wiring_differences(case, floor)
        if difference.changes_only_terms
    )


def find_norm_change(case: LayerCase, difference: WiringDifference) -> NormChange | None:
    """The norm that makes one tensor stand where another should; None where no norm is concerned."""
    if not is_replacement(difference):
        return None
    terms = zip(difference.reference.terms, difference.candidate.terms, strict=True)
    for reference_term, candidate_term in terms:
        if reference_term == candidate_term:
            continue
        change = _find_written_norm(reference_term, candidate_term) or _find_norm_module(
            case, reference_term, candidate_term
        )
        if change is not None:
            return change
    return None


def _find_written_norm(reference_term: str, candidate_term: str) -> NormChange | None:
    """A norm that code applies between modules, without a module of its own."""
    kind: NormChangeKind
    if "_norm(" in reference_term and "_norm(" not in candidate_term:
        kind = "missing"
    elif "_norm(" in candidate_term and "_norm(" not in reference_term:
        kind = "extra"
    elif "_norm(" in reference_term and ("leaky" in reference_term) != ("leaky" in candidate_term):
        kind = "before" if "leaky" in reference_term else "after"
    else:
        return None
    return NormChange(kind, reference_term, candidate_term)


def _find_norm_module(
    case: LayerCase, reference_term: str, candidate_term: str
) -> NormChange | None:
    norm = _read_norm_path(case, reference_term)
    if norm is not None:
        kind: NormChangeKind = "after" if norm in case.candidate_calls else "missing"
        return NormChange(kind, reference_term, candidate_term, norm)
    norm = _read_norm_path(case, candidate_term)
    if norm is not None:
        return NormChange("before", reference_term, candidate_term, norm)
    return None


def _read_norm_path(case: LayerCase, term: str) -> str | None:
    """The norm that gave a tensor of the context, real (`norm1:output`) or tried (`norm1(x)`)."""
    path = term.partition(":")[0].partition("(")[0]
    module = case.attributes.get(path)
    is_output = term.endswith(":output") or "(" in term
    if module is not None and is_output and NORM_TYPE_PATTERN.search(module.type):
        return path
    return None


def _find_side_expressions(
    case: LayerCase, floor: float, alone: Mapping[str, Array]
) -> tuple[list[Expression], list[Expression]]:
    references = find_expressions(case.reference, case.context, get_reference_limit(case), alone)[
        :MAX_EXPRESSIONS
    ]
    if not references:
        return [], []
    return references, find_expressions(
        case.candidate, case.context, get_candidate_limit(case, floor), alone
    )[:MAX_EXPRESSIONS]


def _collect_functional_norms(case: LayerCase) -> dict[str, Array]:
    """Norms without parameters of the latest tensors, and of these behind a leaky ReLU: code may norm between modules."""
    result: dict[str, Array] = {}
    for name, value in list(case.context.items())[-2:]:
        if value.dtype.kind != "f" or value.ndim != 3:
            continue
        x = to_float64(value)
        for slope in (1.0, *USUAL_SLOPES):
            inner = name if slope == 1.0 else f"leaky_relu({name}, {slope:g})"
            y = x if slope == 1.0 else np.where(x >= 0, x, slope * x)
            result[f"instance_norm({inner})"] = normalise_axes(y, (2,), 1e-5)
            result[f"layer_norm({inner})"] = normalise_axes(y, (1,), 1e-5)
    return result


def _collect_neighbour_norms(case: LayerCase) -> dict[str, Array]:
    """What a neighbouring norm would give for a tensor at hand, if the candidate applied it here; and what those give that the
    reference calls behind this place: the candidate may have called them before.
    """
    latest = list(case.context.items())[-3:] + list(case.context.items())[:1]
    called_later = {
        key: value for key, value in case.later.items() if _read_norm_path(case, key) is not None
    }
    return dict(_iter_norm_outputs(case, latest)) | called_later


def _iter_norm_outputs(
    case: LayerCase, tensors: list[tuple[str, Array]]
) -> Iterator[tuple[str, Array]]:
    for path, module in case.attributes.items():
        if not NORM_TYPE_PATTERN.search(module.type) or f"{path}:output" in case.context:
            continue
        for name, value in tensors:
            if (
                value.dtype.kind == "f"
                and (
                    norm_output := apply_written_norm(
                        module, case.relatives.get(path, {}), to_float64(value)
                    )
                )
                is not None
            ):
                yield f"{path}({name})", norm_output.astype(np.float32)


def is_norm_called_too_early(case: LayerCase, difference: WiringDifference) -> bool:
    """Whether the place is what reaches a norm that the candidate calls before it has the summand that is missing there."""
    calls = case.candidate_calls
    missing_paths = [term.partition(":")[0] for term in difference.missing_terms]
    return (
        case.role.startswith("input")
        and lacks_summands(difference)
        and bool(NORM_TYPE_PATTERN.search(case.module.type))
        and case.path in calls
        and all(
            path in calls and calls.index(path) > calls.index(case.path) for path in missing_paths
        )
    )


def get_input_of_equal_shape(case: LayerCase) -> Array | None:
    """What the module took, where the place is its output and all three tensors have one shape."""
    x = case.input
    if (
        case.role != "output"
        or x is None
        or x.shape != case.reference.shape
        or x.shape != case.candidate.shape
    ):
        return None
    return x
