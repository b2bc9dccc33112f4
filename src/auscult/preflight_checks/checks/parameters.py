"""Which parameters get a gradient, are in an optimizer, and move."""

from __future__ import annotations

from auscult.preflight_checks.records import Parameters
from auscult.preflight_checks.setup import Setup
from auscult.preflight_checks.steps import Trail


def measure_parameters(setup: Setup, trail: Trail) -> Parameters:
    """Sort the model's parameters by what is wrong with them; codebooks that the quantizer updates itself are not counted."""
    named = dict(setup.model.named_parameters())
    held = {
        id(p): float(group["lr"])
        for o in setup.optimizers
        for group in o.param_groups
        for p in group["params"]
    }
    own = {id(p) for p in setup.model.parameters()} | {
        id(p) for thing in setup.keep for p in _parameters(thing)
    }
    books = _books(setup)
    rows: dict[str, list[str]] = {
        "no_gradient": [],
        "not_optimized": [],
        "not_required": [],
        "not_moving": [],
    }
    for name, parameter in named.items():
        if name in books or name.startswith(setup.frozen or ("\0",)):
            continue
        reached, moved = trail.touched.get(name, 0.0) > 0, trail.moved.get(name, 0.0) > 0
        if not parameter.requires_grad:
            if not moved:
                rows["not_required"].append(name)
        elif not reached:
            if not moved:
                rows["no_gradient"].append(name)
        elif setup.optimizers and id(parameter) not in held:
            if not moved:
                rows["not_optimized"].append(name)
        elif setup.optimizers and not moved:
            rows["not_moving"].append(name)
    parts = {name: sum(p.numel() for p in part.parameters()) for name, part in setup.parts.items()}
    return Parameters(
        total=len(named),
        trainable=sum(p.requires_grad for p in named.values()),
        foreign=sum(key not in own for key in held),
        by_part=parts,
        **{key: tuple(names) for key, names in rows.items()},
    )


def _parameters(thing: object) -> list[object]:
    parameters = getattr(thing, "parameters", None)
    return list(parameters()) if callable(parameters) else []


def _books(setup: Setup) -> set[str]:
    """Full names of the codebooks among the parameters: EMA moves them, and a step may leave a book out."""
    from auscult.preflight_checks.measures.codebooks import find_codebooks

    quantizer = setup.parts.get("quantizer")
    if quantizer is None:
        return set()
    tables = {id(book.stored) for book in find_codebooks(quantizer)}
    return {name for name, parameter in setup.model.named_parameters() if id(parameter) in tables}
