"""Branches, skips and residuals are joined in another way, or another tensor is used."""

from __future__ import annotations

from collections.abc import Iterator

from auscult.explain.algebra.expressions import Expression
from auscult.explain.algebra.nearness import relative_error, to_float64
from auscult.explain.algebra.norms import NORM_TYPE_PATTERN
from auscult.explain.case import Explanation, LayerCase
from auscult.explain.wiring import WiringDifference, find_wiring_differences

NAMES = (
    "residual-missing",
    "residual-extra",
    "skip-order",
    "branch-sum-mean",
    "branch-missing",
    "norm-order",
    "norm-missing",
    "norm-extra",
    "mask-not-applied",
    "wiring",
)


def explain(case: LayerCase, floor: float) -> Iterator[Explanation]:
    for difference in find_wiring_differences(case, floor):
        reference, candidate = difference.reference, difference.candidate
        is_norm_moved = {reference.activation.name, candidate.activation.name} <= {
            "identity",
            "relu",
            "leaky_relu",
        } and _has_norms_on_both(reference, candidate)
        if (
            reference.activation.says != candidate.activation.says
            and not is_norm_moved
            and not _is_branch_factor(reference, candidate)
        ):
            continue
        cause_and_message = _find_join_cause(case, reference, candidate)
        if cause_and_message is not None:
            yield _build_explanation(difference, *cause_and_message)
    yield from _explain_own_input(case)


def _find_join_cause(
    case: LayerCase, reference: Expression, candidate: Expression
) -> tuple[str, str] | None:
    missing_terms, extra_terms = (
        set(reference.terms) - set(candidate.terms),
        set(candidate.terms) - set(reference.terms),
    )
    if (
        reference.join == "concat"
        and candidate.join == "concat"
        and set(reference.terms) == set(candidate.terms)
    ):
        return (
            "skip-order",
            f"it concatenates {', '.join(candidate.terms)}; the reference {', '.join(reference.terms)}",
        )
    if set(reference.terms) == set(candidate.terms):
        if {reference.join, candidate.join} == {"sum", "mean"} or _is_branch_factor(
            reference, candidate
        ):
            return (
                "branch-sum-mean",
                f"it takes the {candidate.join} of {len(reference.terms)} branches, the reference the {reference.join}",
            )
        return None
    is_mask_join = (reference.join, candidate.join) in {("product", "one"), ("masked sum", "sum")}
    if is_mask_join and not candidate.factors and len(missing_terms) == 1 and not extra_terms:
        return "mask-not-applied", f"it does not multiply by {missing_terms.pop()}"
    if (
        reference.join in {"sum", "mean"}
        and not extra_terms
        and missing_terms
        and candidate.join in {"one", "sum", "mean"}
    ):
        missing_names = ", ".join(sorted(missing_terms))
        is_residual = len(reference.terms) == 2 and reference.join == "sum"
        return (
            "residual-missing" if is_residual else "branch-missing"
        ), f"it does not add {missing_names}"
    if candidate.join == "sum" and not missing_terms and reference.join in {"one", "sum"}:
        return (
            "residual-extra",
            f"it adds {', '.join(sorted(extra_terms))}, which the reference does not",
        )
    return _find_replaced_term(case, reference, candidate)


def _is_branch_factor(reference: Expression, candidate: Expression) -> bool:
    """A sum of n branches that is n times their mean, where one of them is written as a factor."""
    constants = (reference.activation.constant or 1.0, candidate.activation.constant or 1.0)
    ratio = constants[0] / constants[1] if constants[1] else 0.0
    count = len(reference.terms)
    is_plain_scale = {reference.activation.name, candidate.activation.name} <= {"scale", "identity"}
    return (
        is_plain_scale
        and reference.terms == candidate.terms
        and count > 1
        and min(abs(ratio - count), abs(ratio * count - 1)) < 1e-4
    )


def _find_replaced_term(
    case: LayerCase, reference: Expression, candidate: Expression
) -> tuple[str, str] | None:
    """One tensor stands where another should: around a norm that is the norm's place, otherwise plain wiring."""
    if reference.join != candidate.join or len(reference.terms) != len(candidate.terms):
        return None
    for reference_term, candidate_term in zip(reference.terms, candidate.terms, strict=True):
        if reference_term == candidate_term:
            continue
        if (cause_and_message := _find_functional_norm(reference_term, candidate_term)) is not None:
            return cause_and_message
        for term, other_term, is_missing in (
            (reference_term, candidate_term, True),
            (candidate_term, reference_term, False),
        ):
            norm = _find_norm(case, term)
            if norm is None:
                continue
            is_applied = norm in case.candidate_calls if is_missing else True
            if not is_applied:
                return "norm-missing", f"it uses {other_term} without {norm}"
            position = "after" if is_missing else "before"
            return (
                "norm-order",
                f"it applies {norm} {position} this place; the reference {'before' if is_missing else 'after'} it",
            )
    return (
        "wiring",
        f"it uses {', '.join(candidate.terms)} where the reference uses {', '.join(reference.terms)}",
    )


def _has_norms_on_both(reference: Expression, candidate: Expression) -> bool:
    """Whether both sides norm, one before and one behind its activation."""
    return all(
        expression.join == "one" and "_norm(" in expression.terms[0]
        for expression in (reference, candidate)
    )


def _find_functional_norm(reference_term: str, candidate_term: str) -> tuple[str, str] | None:
    """A norm that code applies between modules, without a module of its own."""
    has_reference_norm, has_candidate_norm = (
        "_norm(" in term for term in (reference_term, candidate_term)
    )
    if has_reference_norm and not has_candidate_norm:
        return "norm-missing", f"it uses {candidate_term}, the reference {reference_term}"
    if has_candidate_norm and not has_reference_norm:
        return "norm-extra", f"it uses {candidate_term}, the reference {reference_term}"
    if (
        has_reference_norm
        and has_candidate_norm
        and ("leaky" in reference_term) != ("leaky" in candidate_term)
    ):
        return (
            "norm-order",
            f"it computes {candidate_term}, the reference {reference_term} and the activation after it",
        )
    return None


def _find_norm(case: LayerCase, term: str) -> str | None:
    """The norm that gave a tensor of the context, real (`norm1:output`) or tried (`norm1(x)`)."""
    path = term.partition(":")[0].partition("(")[0]
    module = case.attributes.get(path)
    is_output = term.endswith(":output") or "(" in term
    if module is not None and is_output and NORM_TYPE_PATTERN.search(module.type):
        return path
    return None


def _build_explanation(difference: WiringDifference, cause: str, message: str) -> Explanation:
    extra_complexity = {"wiring": 2, "residual-extra": 1}.get(cause, 0)
    return Explanation(
        cause,
        difference.parameters,
        difference.candidate.error,
        message,
        fix=f"compute {difference.reference.says} here",
        complexity=max(difference.steps, 1)
        + extra_complexity
        + difference.candidate.activation.fitted,
    )


def _explain_own_input(case: LayerCase) -> Iterator[Explanation]:
    """A layer that adds its own input inside: the candidate's output is the reference's less the input."""
    x = case.input
    if (
        case.role != "output"
        or x is None
        or x.shape != case.reference.shape
        or x.shape != case.candidate.shape
    ):
        return
    reference, candidate = to_float64(case.reference), to_float64(case.candidate)
    for cause, sign, message in (
        ("residual-missing", -1.0, "it does not add its input"),
        ("residual-extra", 1.0, "it adds its input, which the reference does not"),
    ):
        residual = relative_error(reference + sign * to_float64(x), candidate)
        yield Explanation(
            cause,
            {},
            residual,
            message,
            fix="add the input" if sign < 0 else "do not add the input",
            complexity=1,
        )
