"""The documented protocol: a dict or an object with `model`, `batch`, `loss`, `optimizers`, and
what else is known.

    def trainer():
        model = Codec()
        return {
            "model": model,
            "batch": next(iter(loader)),            # or "data": a folder of recordings
            "loss": lambda output, batch: {
                "wave": l1(output, batch),
                "mel": 15 * mel(output, batch),
            },
            "optimizers": torch.optim.AdamW(model.parameters(), 3e-4),
            "sample_rate": 16000,
        }

Optional: `forward(batch)` (else `model(batch)`, or `model(first of the batch)`), `step()` or
`step(batch)` (the user's own step, which is then run as it is; without `loss` the loss terms cannot
be looked at), `parts` ({"encoder": module or dotted name, ...}), `target` (a tensor, or a function
of the batch), `features` (from a waveform to the model's input), `bitrate`, `claims` ({"snr_db":
35}), `frozen` (name prefixes that are meant to stay), `keep` (discriminators, schedulers: whatever
else a step changes), `delay` (samples by which the output is meant to be late), `planned_steps` (of
the whole training, for what a schedule makes of the learning rate).
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from auscult.errors import TargetError
from auscult.preflight_checks.material import read_folder_batch
from auscult.preflight_checks.options import PreflightOptions
from auscult.preflight_checks.setup import Setup, find_parts, find_source, find_target

ORDER = 50
FIELD_NAMES = (
    "model",
    "batch",
    "data",
    "forward",
    "loss",
    "step",
    "optimizers",
    "optimizer",
    "parts",
    "target",
    "features",
    "sample_rate",
    "bitrate",
    "claims",
    "frozen",
    "keep",
    "delay",
    "planned_steps",
)


def fits(value: Any) -> bool:
    fields = read_fields(value, FIELD_NAMES)
    return isinstance(fields.get("model"), nn.Module) and ("batch" in fields or "data" in fields)


def read_fields(value: Any, names: Iterable[str]) -> dict[str, Any]:
    """What a trainer holds: all keys of a dict, or those of these attributes that an object has."""
    if isinstance(value, Mapping):
        return dict(value)
    return {name: getattr(value, name) for name in names if hasattr(value, name)}


def adapt(value: Any, options: PreflightOptions) -> Setup:
    """A setup of the fields; unknown keys of a dict are errors, since they are likely misspelt.

    Raises:
        TargetError: If something is missing or does not fit.
    """
    fields = read_fields(value, FIELD_NAMES)
    rate = _check_fields(fields, options)
    model = fields["model"]
    if "batch" in fields:
        batch = take_one_batch(fields["batch"])
    else:
        batch = read_folder_batch(fields["data"], rate)
    target = fields.get("target")
    if target is None:
        target = find_target(batch)
    elif callable(target) and not isinstance(target, Tensor):
        target = target(batch)
    return Setup(
        name=options.name,
        model=model,
        batch=batch,
        forward=fields.get("forward") or (lambda current_batch: model(find_source(current_batch))),
        loss=fields.get("loss"),
        step=bind_step(fields.get("step"), batch),
        optimizers=tuple(iter_optimizers(fields.get("optimizers", fields.get("optimizer")))),
        parts=find_parts(model, fields.get("parts")),
        target=target,
        source=find_source(batch),
        sample_rate=rate,
        features=fields.get("features"),
        bitrate=options.bitrate or fields.get("bitrate"),
        claims={**(fields.get("claims") or {}), **options.claims},
        frozen=tuple(fields.get("frozen") or ()),
        keep=tuple(iter_kept(fields.get("keep"))),
        delay=int(fields.get("delay") or 0),
        planned_steps=int(fields.get("planned_steps") or 0) or None,
    )


def _check_fields(fields: Mapping[str, Any], options: PreflightOptions) -> int:
    """The sample rate, once the fields are seen to fit."""
    unknown = sorted(set(fields) - set(FIELD_NAMES))
    if unknown:
        raise TargetError(
            "has unknown fields",
            where=options.name,
            expected=" ".join(FIELD_NAMES),
            found=", ".join(unknown),
        )
    if fields.get("loss") is None and fields.get("step") is None:
        raise TargetError(
            "has neither a loss nor a step",
            where=options.name,
            hint="give `loss(output, batch)` or `step()`",
        )
    rate = int(fields.get("sample_rate") or options.sample_rate or 0)
    if rate <= 0:
        raise TargetError(
            "has no sample_rate", where=options.name, hint="add it in Hz, or give --sample-rate"
        )
    return rate


def take_one_batch(value: Any) -> Any:
    """A batch as it is, or the first of an iterator, loader or function."""
    if isinstance(value, Tensor | Mapping | list | tuple):
        return value
    if callable(value) and not hasattr(value, "__iter__"):
        return value()
    if hasattr(value, "__iter__"):
        return next(iter(value))
    return value


def bind_step(step: Callable[..., Any] | None, batch: Any) -> Callable[[], Any] | None:
    """A step as a function without arguments."""
    if step is None:
        return None
    required_parameters = [
        p
        for p in inspect.signature(step).parameters.values()
        if p.default is p.empty and p.kind in (0, 1)
    ]
    if required_parameters:
        return lambda: step(batch)
    return step


def iter_optimizers(value: Any) -> Iterator[torch.optim.Optimizer]:
    """One optimizer, or several in a list or dict."""
    if isinstance(value, Mapping):
        value = list(value.values())
    for item in value if isinstance(value, list | tuple) else (value,):
        if item is not None:
            yield item


def iter_kept(value: Any) -> Iterator[Any]:
    """What `keep` holds, one by one."""
    if isinstance(value, Mapping):
        yield from value.values()
    elif isinstance(value, list | tuple):
        yield from value
    elif value is not None:
        yield value
