"""Which parameters get a gradient, are in an optimizer, and move."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from typing import Literal

from torch import Tensor, nn

from auscult.preflight_checks.records import ParameterStatus
from auscult.preflight_checks.setup import Setup
from auscult.preflight_checks.steps import StepsTrail

ParameterProblem = Literal["no_gradient", "not_optimized", "not_required", "not_moving"]


def measure_parameters(setup: Setup, trail: StepsTrail) -> ParameterStatus:
    """Sort the model's parameters by what is wrong with them; codebooks that the quantizer updates
    itself are not counted.
    """
    named_parameters = dict(setup.model.named_parameters())
    optimized_ids = _find_optimized_ids(setup)
    own_ids = {id(tensor) for tensor in setup.model.parameters()}
    for kept_object in setup.keep:
        own_ids |= {id(tensor) for tensor in _list_parameters(kept_object)}
    ignored_names = _find_book_names(setup)
    names_by_problem: dict[ParameterProblem, list[str]] = defaultdict(list)
    for name, parameter in named_parameters.items():
        if name in ignored_names or (setup.frozen and name.startswith(setup.frozen)):
            continue
        problem = _find_problem(name, parameter, trail, optimized_ids)
        if problem is not None:
            names_by_problem[problem].append(name)
    return ParameterStatus(
        total=len(named_parameters),
        trainable=sum(tensor.requires_grad for tensor in named_parameters.values()),
        foreign=sum(key not in own_ids for key in optimized_ids),
        by_part={name: _count_elements(part) for name, part in setup.parts.items()},
        no_gradient=tuple(names_by_problem["no_gradient"]),
        not_optimized=tuple(names_by_problem["not_optimized"]),
        not_required=tuple(names_by_problem["not_required"]),
        not_moving=tuple(names_by_problem["not_moving"]),
    )


def _find_optimized_ids(setup: Setup) -> set[int]:
    """Identities of the tensors in the optimizers."""
    ids: set[int] = set()
    for optimizer in setup.optimizers:
        for group in optimizer.param_groups:
            ids |= {id(tensor) for tensor in group["params"]}
    return ids


def _find_problem(
    name: str, parameter: Tensor, trail: StepsTrail, optimized_ids: Collection[int]
) -> ParameterProblem | None:
    """What is wrong with one parameter.

    Without optimizers nothing is said of those that get a gradient.
    """
    is_moved = trail.moved.get(name, 0.0) > 0
    is_reached = trail.largest_gradients.get(name, 0.0) > 0
    if is_moved:
        return None
    if not parameter.requires_grad:
        return "not_required"
    if not is_reached:
        return "no_gradient"
    if not optimized_ids:
        return None
    if id(parameter) not in optimized_ids:
        return "not_optimized"
    return "not_moving"


def _count_elements(part: nn.Module) -> int:
    return sum(tensor.numel() for tensor in part.parameters())


def _list_parameters(value: object) -> list[object]:
    parameters = getattr(value, "parameters", None)
    if callable(parameters):
        return list(parameters())
    return []


def _find_book_names(setup: Setup) -> set[str]:
    """Full names of the codebooks among the parameters: EMA moves them, and a step may leave a book
    out.
    """
    from auscult.preflight_checks.measures.codebooks import find_codebooks

    quantizer = setup.parts.get("quantizer")
    if quantizer is None:
        return set()
    tables = {id(book.stored) for book in find_codebooks(quantizer)}
    return {name for name, parameter in setup.model.named_parameters() if id(parameter) in tables}
