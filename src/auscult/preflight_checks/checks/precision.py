"""Is everything finite, also in the number formats of mixed precision?"""

from __future__ import annotations

from typing import Any

import torch

from auscult.preflight_checks.checks.capture import find_first_float, watch_parts
from auscult.preflight_checks.keep import TrainingSnapshot
from auscult.preflight_checks.records import NonFiniteValues
from auscult.preflight_checks.setup import Setup, sum_terms
from auscult.preflight_checks.structure import iter_leaves, replace_tensor

Formats = tuple[tuple[str, torch.dtype], ...]
FORMATS: Formats = (("bfloat16", torch.bfloat16), ("float16", torch.float16))


def measure_precision(
    setup: Setup, snapshot: TrainingSnapshot, broken: tuple[str, ...], *, formats: Formats = FORMATS
) -> tuple[NonFiniteValues, list[tuple[str, str]]]:
    """Run forward and loss under autocast, and backward for bfloat16 (float16 needs a loss scaler,
    which is the loop's affair).

    Args:
        broken: What was not finite in the steps already, in the format that the training itself
            uses.
        formats: Those to try; none if the time is up.

    Returns:
        What is not finite, and what could not be run: (what, reason).
    """
    broken_by_format: dict[str, tuple[str, ...]] = {"float32": broken} if broken else {}
    skipped = []
    if not formats:
        skipped.append(("mixed precision", "no time was left; --seconds gives more"))
    for name, dtype in formats:
        snapshot.restore()
        try:
            broken_names = _find_broken(setup, dtype)
        except (RuntimeError, NotImplementedError, TypeError) as error:
            skipped.append(
                (
                    f"mixed precision in {name}",
                    f"cannot run here: {' '.join(str(error).split())[:160]}",
                )
            )
            continue
        if broken_names:
            broken_by_format[name] = broken_names
    snapshot.restore()
    return NonFiniteValues(broken_by_format), skipped


def _find_broken(setup: Setup, dtype: torch.dtype) -> tuple[str, ...]:
    batch = take_first_item(setup.batch, setup.target)
    setup.model.train()
    torch.manual_seed(0)
    device = next((p.device.type for p in setup.model.parameters()), "cpu")
    with torch.enable_grad(), torch.autocast(device, dtype=dtype), watch_parts(setup) as calls:
        output = setup.output_of(batch)
        names = [
            name for name, call in calls.items() if not _is_finite(find_first_float(call.result))
        ]
        names += [] if _is_finite(setup.waveform(output)) else ["output"]
        terms = setup.terms(output, batch)
        names += [
            f"loss term {name}"
            for name, value in terms.items()
            if not _is_finite(torch.as_tensor(value))
        ]
    total = sum_terms(terms) if terms else None
    if total is not None and total.requires_grad and dtype is torch.bfloat16 and not names:
        parameters = {name: p for name, p in setup.model.named_parameters() if p.requires_grad}
        gradients = torch.autograd.grad(total, list(parameters.values()), allow_unused=True)
        pairs = zip(parameters, gradients, strict=True)
        names += [f"gradient of {name}" for name, value in pairs if not _is_finite(value)]
    return tuple(names)


def take_first_item(batch: Any, target: torch.Tensor | None) -> Any:
    """The batch with its first item alone: 16-bit arithmetic is slow on processors."""
    if target is None:
        return batch
    items = target.shape[0]
    for leaf in {id(leaf): leaf for _, leaf in iter_leaves(batch)}.values():
        if leaf.ndim and leaf.shape[0] == items:
            batch = replace_tensor(batch, leaf, leaf[:1])
    return batch


def _is_finite(value: torch.Tensor | None) -> bool:
    return value is None or bool(torch.isfinite(value.detach()).all())
