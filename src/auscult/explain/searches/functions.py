"""Changes of the functions that the reference's own code calls, and which of them give what the candidate computed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from auscult.explain.algebra.nearness import relative_error
from auscult.explain.case import Explanation, LayerCase
from auscult.explain.limits import get_candidate_limit
from auscult.facts.function_changes import CallChange


@dataclass(frozen=True)
class CodeChange:
    """What a port may have written in the place of the reference's code.

    Attributes:
        reference, candidate: What either side does there, in words behind "it".
        fix: What to write in the candidate's code.
        functions: The calls that are changed.
        attributes: Attributes of the module that are changed, by name.
        complexity: How many things are changed.
    """

    reference: str
    candidate: str
    fix: str
    functions: tuple[CallChange, ...] = ()
    attributes: Mapping[str, object] = field(default_factory=dict)
    complexity: int = 1

    def to_explanation(self, cause: str, residual: float) -> Explanation:
        """The explanation of a place by this change."""
        return Explanation(
            cause,
            {"reference": self.reference, "candidate": self.candidate},
            residual,
            f"it {self.candidate}, the reference {self.reference}",
            fix=self.fix,
            complexity=self.complexity,
        )


def get_argument(case: LayerCase, function: str, argument: str, default: object) -> object:
    """What the reference's code hands a function there, in its first call."""
    if case.rerun is None:
        return default
    return case.rerun.read_functions().get(function, {}).get(argument, default)


def explain_code_changes(
    case: LayerCase, floor: float, cause: str, changes: Iterable[CodeChange]
) -> Iterator[Explanation]:
    """Explanations by the changes that fit."""
    for change, residual in iter_fitting_changes(case, floor, changes):
        yield change.to_explanation(cause, residual)


def iter_fitting_changes(
    case: LayerCase, floor: float, changes: Iterable[CodeChange]
) -> Iterator[tuple[CodeChange, float]]:
    """The changes under which the reference's code gives the candidate's tensor, with the residual.

    Only functions that the code calls are changed, and only where the code, run again, repeats the reference's tensor.
    """
    if case.rerun is None or case.reference.dtype.kind not in "fc":
        return
    limit = get_candidate_limit(case, floor)
    for change in changes:
        called = {function.function for function in change.functions}
        if called and not called & set(case.rerun.read_functions()):
            continue
        array = case.rerun.run(change.functions, change.attributes)
        if array is None:
            continue
        residual = relative_error(case.candidate, array)
        if residual <= limit:
            yield change, residual
