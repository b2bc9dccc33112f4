"""Trainers of the EnCodec shape: audiocraft's compression solver: `model`, `optimizer`,
`aux_losses` or `adv_losses`, a `batch`.

The model gives a record with `x` and `penalty`; weights are the balancer's (`balancer.weights`),
and `penalty` counts once, as there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor, nn

from auscult.errors import TargetError
from auscult.preflight_checks.adapters.protocol import (
    iter_optimizers,
    read_fields,
    take_one_batch,
)
from auscult.preflight_checks.options import PreflightOptions
from auscult.preflight_checks.setup import Setup, find_parts

ORDER = 25
NamedLosses = list[tuple[str, Callable[..., Any]]]
LossFunction = Callable[[Any, Tensor], dict[str, Tensor]]
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


def fits(value: Any) -> bool:
    fields = read_fields(value, _FIELDS)
    return (
        isinstance(fields.get("model"), nn.Module)
        and "batch" in fields
        and ("aux_losses" in fields or "adv_losses" in fields)
    )


def adapt(value: Any, options: PreflightOptions) -> Setup:
    """A setup with the solver's losses.

    Raises:
        TargetError: If the batch is no tensor, or the rate is not known.
    """
    fields = read_fields(value, _FIELDS)
    model, batch = fields["model"], take_one_batch(fields["batch"])
    rate = int(
        fields.get("sample_rate") or getattr(model, "sample_rate", 0) or options.sample_rate or 0
    )
    if not isinstance(batch, Tensor) or rate <= 0:
        raise TargetError(
            "needs a batch [batch, channels, time] and a sample_rate", where=options.name
        )
    weights: Mapping[str, float] = getattr(fields.get("balancer"), "weights", None) or {}
    auxiliary = _list_items(fields.get("aux_losses"))
    adversarial = _list_items(fields.get("adv_losses"))
    critics = [function for _, function in (*auxiliary, *adversarial)]
    return Setup(
        name=options.name,
        model=model,
        batch=batch,
        forward=model,
        loss=_make_loss(auxiliary, adversarial, weights),
        step=None,
        optimizers=tuple(iter_optimizers(fields.get("optimizer"))),
        parts=find_parts(model),
        target=batch,
        source=batch,
        sample_rate=rate,
        bitrate=options.bitrate,
        claims={**(fields.get("claims") or {}), **options.claims},
        keep=tuple(critic for critic in critics if isinstance(critic, nn.Module)),
    )


def _make_loss(
    auxiliary: NamedLosses, adversarial: NamedLosses, weights: Mapping[str, float]
) -> LossFunction:
    """The solver's terms, weighted as its balancer weighs them; an adversarial loss gives two."""

    def compute_loss(output: Any, batch: Tensor) -> dict[str, Tensor]:
        terms = {
            name: weights.get(name, 1.0) * function(output.x, batch) for name, function in auxiliary
        }
        for name, function in adversarial:
            adversarial_loss, feature_loss = function(output.x, batch)
            terms[f"adv_{name}"] = weights.get(f"adv_{name}", 1.0) * adversarial_loss
            terms[f"feat_{name}"] = weights.get(f"feat_{name}", 1.0) * feature_loss
        penalty = getattr(output, "penalty", None)
        if penalty is not None:
            terms["penalty"] = penalty
        return terms

    return compute_loss


def _list_items(value: Any) -> NamedLosses:
    if value is not None:
        return list(value.items())
    return []
