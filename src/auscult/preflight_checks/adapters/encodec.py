"""Trainers of the EnCodec shape: audiocraft's compression solver: `model`, `optimizer`, `aux_losses` or `adv_losses`, a `batch`.

The model gives a record with `x` and `penalty`; weights are the balancer's (`balancer.weights`), and `penalty` counts once, as
there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from auscult.errors import TargetError
from auscult.preflight_checks.adapters.protocol import one_batch, optimizers_of
from auscult.preflight_checks.options import Options
from auscult.preflight_checks.setup import Setup, find_parts

ORDER = 25
_FIELDS = (
    "model",
    "optimizer",
    "aux_losses",
    "adv_losses",
    "balancer",
    "batch",
    "sample_rate",
    "claims",
)


def read(value: Any) -> dict[str, Any]:
    """The fields that are there."""
    if isinstance(value, Mapping):
        return dict(value)
    return {name: getattr(value, name) for name in _FIELDS if hasattr(value, name)}


def fits(value: Any) -> bool:
    found = read(value)
    return (
        isinstance(found.get("model"), nn.Module)
        and "batch" in found
        and ("aux_losses" in found or "adv_losses" in found)
    )


def adapt(value: Any, options: Options) -> Setup:
    """A setup with the solver's losses.

    Raises:
        TargetError: If the batch is no tensor, or the rate is not known.
    """
    found = read(value)
    model, batch = found["model"], one_batch(found["batch"])
    rate = int(
        found.get("sample_rate") or getattr(model, "sample_rate", 0) or options.sample_rate or 0
    )
    if not isinstance(batch, Tensor) or rate <= 0:
        raise TargetError(
            "needs a batch [batch, channels, time] and a sample_rate", where=options.name
        )
    weights: Mapping[str, float] = getattr(found.get("balancer"), "weights", None) or {}
    auxiliary, adversarial = _items(found.get("aux_losses")), _items(found.get("adv_losses"))

    def loss(output: Any, given: Tensor) -> dict[str, Tensor]:
        rebuilt = output.x
        terms = {
            name: weights.get(name, 1.0) * function(rebuilt, given) for name, function in auxiliary
        }
        for name, function in adversarial:
            judged, matched = function(rebuilt, given)
            terms |= {f"adv_{name}": weights.get(f"adv_{name}", 1.0) * judged}
            terms |= {f"feat_{name}": weights.get(f"feat_{name}", 1.0) * matched}
        penalty = getattr(output, "penalty", None)
        return terms if penalty is None else {**terms, "penalty": penalty}

    return Setup(
        name=options.name,
        model=model,
        batch=batch,
        forward=model,
        loss=loss,
        step=None,
        optimizers=tuple(optimizers_of(found.get("optimizer"))),
        parts=find_parts(model),
        target=batch,
        source=batch,
        sample_rate=rate,
        bitrate=options.bitrate,
        claims={**(found.get("claims") or {}), **options.claims},
        keep=tuple(
            function
            for _, function in (*auxiliary, *adversarial)
            if isinstance(function, nn.Module)
        ),
    )


def _items(value: Any) -> list[tuple[str, Any]]:
    return list(value.items()) if value is not None else []
