"""Which parameters get a gradient, are in an optimizer, and move."""

from __future__ import annotations

from auscult.preflight_checks.records import ParameterStatus
from auscult.preflight_checks.setup import Setup
from auscult.preflight_checks.steps import StepsTrail


def measure_parameters(setup: Setup, trail: StepsTrail) -> ParameterStatus:
    """Sort the model's parameters by what is wrong with them; codebooks that the quantizer updates
    itself are not counted.
    """
    named_parameters = dict(setup.model.named_parameters())
    optimized_rates = {
        id(tensor): float(group["lr"])
        for optimizer in setup.optimizers
        for group in optimizer.param_groups
        for tensor in group["params"]
    }
    own_ids = {id(tensor) for tensor in setup.model.parameters()} | {
        id(tensor) for kept_object in setup.keep for tensor in _list_parameters(kept_object)
    }
    books = _find_book_names(setup)
    rows: dict[str, list[str]] = {
        "no_gradient": [],
        "not_optimized": [],
        "not_required": [],
        "not_moving": [],
    }
    for name, parameter in named_parameters.items():
        if name in books or name.startswith(setup.frozen or ("\0",)):
            continue
        is_reached, is_moved = (
            trail.largest_gradients.get(name, 0.0) > 0,
            trail.moved.get(name, 0.0) > 0,
        )
        if not parameter.requires_grad:
            if not is_moved:
                rows["not_required"].append(name)
        elif not is_reached:
            if not is_moved:
                rows["no_gradient"].append(name)
        elif setup.optimizers and id(parameter) not in optimized_rates:
            if not is_moved:
                rows["not_optimized"].append(name)
        elif setup.optimizers and not is_moved:
            rows["not_moving"].append(name)
    parts = {
        name: sum(tensor.numel() for tensor in part.parameters())
        for name, part in setup.parts.items()
    }
    return ParameterStatus(
        total=len(named_parameters),
        trainable=sum(tensor.requires_grad for tensor in named_parameters.values()),
        foreign=sum(key not in own_ids for key in optimized_rates),
        by_part=parts,
        **{key: tuple(names) for key, names in rows.items()},
    )


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
