"""Branches, skips and residuals are joined in another way, or another tensor is used."""

from __future__ import annotations

from collections.abc import Iterator

from auscult.explain.algebra.expressions import Expression
from auscult.explain.algebra.nearness import error, real
from auscult.explain.algebra.norms import NORM_TYPES
from auscult.explain.case import Explanation, LayerCase
from auscult.explain.wiring import Difference, differences

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
    for found in differences(case, floor):
        right, got = found.reference, found.candidate
        moved = {right.activation.name, got.activation.name} <= {
            "identity",
            "relu",
            "leaky_relu",
        } and _norms(right, got)
        if (
            right.activation.says != got.activation.says
            and not moved
            and not _factor_of_branches(right, got)
        ):
            continue
        told = _told(case, right, got)
        if told is not None:
            yield _explained(found, *told)
    yield from _inside(case)


def _told(case: LayerCase, right: Expression, got: Expression) -> tuple[str, str] | None:  # noqa: PLR0911 - one per mistake
    more, fewer = set(right.terms) - set(got.terms), set(got.terms) - set(right.terms)
    if right.join == "concat" and got.join == "concat" and set(right.terms) == set(got.terms):
        return (
            "skip-order",
            f"it concatenates {', '.join(got.terms)}; the reference {', '.join(right.terms)}",
        )
    if set(right.terms) == set(got.terms):
        if {right.join, got.join} == {"sum", "mean"} or _factor_of_branches(right, got):
            return (
                "branch-sum-mean",
                f"it takes the {got.join} of {len(right.terms)} branches, the reference the {right.join}",
            )
        return None
    masked = (right.join, got.join) in {("product", "one"), ("masked sum", "sum")}
    if masked and not got.factors and len(more) == 1 and not fewer:
        return "mask-not-applied", f"it does not multiply by {more.pop()}"
    if right.join in {"sum", "mean"} and not fewer and more and got.join in {"one", "sum", "mean"}:
        lost = ", ".join(sorted(more))
        two = len(right.terms) == 2 and right.join == "sum"
        return ("residual-missing" if two else "branch-missing"), f"it does not add {lost}"
    if got.join == "sum" and not more and right.join in {"one", "sum"}:
        return "residual-extra", f"it adds {', '.join(sorted(fewer))}, which the reference does not"
    return _replaced(case, right, got)


def _factor_of_branches(right: Expression, got: Expression) -> bool:
    """A sum of n branches that is n times their mean, where one of them is written as a factor."""
    constants = (right.activation.constant or 1.0, got.activation.constant or 1.0)
    ratio = constants[0] / constants[1] if constants[1] else 0.0
    count = len(right.terms)
    plain = {right.activation.name, got.activation.name} <= {"scale", "identity"}
    return (
        plain
        and right.terms == got.terms
        and count > 1
        and min(abs(ratio - count), abs(ratio * count - 1)) < 1e-4
    )


def _replaced(case: LayerCase, right: Expression, got: Expression) -> tuple[str, str] | None:
    """One tensor stands where another should: around a norm that is the norm's place, otherwise plain wiring."""
    if right.join != got.join or len(right.terms) != len(got.terms):
        return None
    for wanted, used in zip(right.terms, got.terms, strict=True):
        if wanted == used:
            continue
        if (told := _functional(wanted, used)) is not None:
            return told
        for name, other, missing in ((wanted, used, True), (used, wanted, False)):
            norm = _norm(case, name)
            if norm is None:
                continue
            applied = norm in case.candidate_calls if missing else True
            if not applied:
                return "norm-missing", f"it uses {other} without {norm}"
            where = "after" if missing else "before"
            return (
                "norm-order",
                f"it applies {norm} {where} this place; the reference {'before' if missing else 'after'} it",
            )
    return (
        "wiring",
        f"it uses {', '.join(got.terms)} where the reference uses {', '.join(right.terms)}",
    )


def _norms(right: Expression, got: Expression) -> bool:
    """Whether both sides norm, one before and one behind its activation."""
    return all(one.join == "one" and "_norm(" in one.terms[0] for one in (right, got))


def _functional(wanted: str, used: str) -> tuple[str, str] | None:
    """A norm that code applies between modules, without a module of its own."""
    one, two = ("_norm(" in name for name in (wanted, used))
    if one and not two:
        return "norm-missing", f"it uses {used}, the reference {wanted}"
    if two and not one:
        return "norm-extra", f"it uses {used}, the reference {wanted}"
    if one and two and ("leaky" in wanted) != ("leaky" in used):
        return (
            "norm-order",
            f"it computes {used}, the reference {wanted} and the activation after it",
        )
    return None


def _norm(case: LayerCase, term: str) -> str | None:
    """The norm that gave a tensor of the context, real (`norm1:output`) or tried (`norm1(x)`)."""
    path = term.partition(":")[0].partition("(")[0]
    module = case.attributes.get(path)
    given = term.endswith(":output") or "(" in term
    return path if module is not None and given and NORM_TYPES.search(module.type) else None


def _explained(found: Difference, cause: str, says: str) -> Explanation:
    extra = {"wiring": 2, "residual-extra": 1}.get(cause, 0)
    return Explanation(
        cause,
        found.parameters,
        found.candidate.error,
        says,
        fix=f"compute {found.reference.says} here",
        complexity=max(found.steps, 1) + extra + found.candidate.activation.fitted,
    )


def _inside(case: LayerCase) -> Iterator[Explanation]:
    """A layer that adds its own input inside: the candidate's output is the reference's less the input."""
    x = case.input
    if (
        case.role != "output"
        or x is None
        or x.shape != case.reference.shape
        or x.shape != case.candidate.shape
    ):
        return
    right, got = real(case.reference), real(case.candidate)
    for cause, sign, says in (
        ("residual-missing", -1.0, "it does not add its input"),
        ("residual-extra", 1.0, "it adds its input, which the reference does not"),
    ):
        residual = error(right + sign * real(x), got)
        yield Explanation(
            cause,
            {},
            residual,
            says,
            fix="add the input" if sign < 0 else "do not add the input",
            complexity=1,
        )
