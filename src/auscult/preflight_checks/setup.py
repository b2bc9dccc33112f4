"""What preflight runs: a trainer taken apart, whatever it looked like before.

Adapters make one of what TARGET returned.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from auscult.errors import TargetError
from auscult.preflight_checks.structure import iter_leaves, replace_tensor

PARTS = ("encoder", "quantizer", "decoder")
_PART_NAMES = {
    "encoder": ("encoder", "enc"),
    "quantizer": ("quantizer", "quantiser", "vq", "rvq", "quantize", "quantization", "bottleneck"),
    "decoder": ("decoder", "dec", "generator"),
}
_INPUT_NAMES = (
    "input",
    "inputs",
    "input_values",
    "mel",
    "mels",
    "x",
    "features",
    "codes",
    "audio",
    "wav",
    "waveform",
    "signal",
)
_TARGET_NAMES = (
    "target",
    "targets",
    "y",
    "audio",
    "wav",
    "waveform",
    "signal",
    "input_values",
    "input",
    "x",
)
_WAVE_NAMES = ("audio", "audio_values", "wav", "waveform", "output", "recon", "reconstruction", "y")

Forward = Callable[[Any], Any]
Loss = Callable[[Any, Any], Any]


@dataclass(frozen=True, eq=False)
class Setup:
    """A training, ready to be looked at.

    Attributes:
        model: What is trained (the generator of an adversarial training).
        batch: One batch, as the loop gets it.
        forward: From a batch to the model's output, of any structure that holds a waveform.
        loss: From output and batch to a term, or to terms by name; the total is their sum. None
            where only `step` is known.
        step: One step of the user's own loop on the batch: forward, backward, optimizer. None: the
            plain one is used.
        optimizers: Of the model; others (of discriminators) may be among them.
        parts: Those of `PARTS` that the model has.
        target: The waveform that the output should be, [batch, channels, time].
        source: The tensor of the batch that goes into the model; the target itself for a codec.
        features: From a waveform to what goes in, where that is no waveform.
        sample_rate: In Hz.
        bitrate: Bits a second, where it is known.
        claims: What is promised or was reported: `snr_db`, `rms_ratio`, `correlation`.
        frozen: Name prefixes of parameters that are meant to stay as they are.
        keep: Whatever else a step changes: discriminators, schedulers.
        delay: Samples by which the output is meant to be later than the input.
        assumed: Loss and optimizer are not the user's: only a model was given.
        planned_steps: Of the whole training, where it is known.
    """

    name: str
    model: nn.Module
    batch: Any
    forward: Forward
    loss: Loss | None
    step: Callable[[], Any] | None
    optimizers: tuple[torch.optim.Optimizer, ...]
    parts: Mapping[str, nn.Module]
    target: Tensor | None
    source: Tensor | None
    sample_rate: int
    features: Callable[[Tensor], Tensor] | None = None
    bitrate: float | None = None
    claims: Mapping[str, float] = field(default_factory=dict)
    frozen: tuple[str, ...] = ()
    keep: tuple[Any, ...] = ()
    delay: int = 0
    assumed: bool = False
    planned_steps: int | None = None

    def output_of(self, batch: Any) -> Any:
        """Run the model."""
        return self.forward(batch)

    def terms(self, output: Any, batch: Any) -> dict[str, Tensor]:
        """The loss terms by name; the empty name of a lone term is `loss`."""
        if self.loss is None:
            return {}
        value = self.loss(output, batch)
        if isinstance(value, Mapping):
            return dict(value)
        return {"loss": value}

    def waveform(self, output: Any) -> Tensor:
        """The waveform in the model's output, [batch, channels, time].

        Raises:
            TargetError: If there is none.
        """
        return as_wave(find_wave(output, self.target, self.name))

    def with_source(self, source: Tensor) -> Any:
        """The batch with another tensor going in; a codec's target follows, since it is the same
        tensor.
        """
        return replace_tensor(self.batch, self.source, source)

    def plain_step(self) -> dict[str, float]:
        """Forward, backward and optimizers, as a textbook has it; the terms' values."""
        for optimizer in self.optimizers:
            optimizer.zero_grad()
        terms = self.terms(self.forward(self.batch), self.batch)
        total = sum_terms(terms)
        if total.requires_grad:
            total.backward()
        for optimizer in self.optimizers:
            optimizer.step()
        return {name: float(torch.as_tensor(term).detach()) for name, term in terms.items()}


def sum_terms(terms: Mapping[str, Tensor]) -> Tensor:
    """The sum of the terms."""
    values = [
        value if isinstance(value, Tensor) else torch.as_tensor(float(value))
        for value in terms.values()
    ]
    return torch.stack([value.sum().float() for value in values]).sum()


def find_wave(output: Any, target: Tensor | None, where: str) -> Tensor:
    """The tensor of an output that is the waveform: called so, or the floating one whose length is
    nearest to the target's.
    """
    if isinstance(output, Tensor):
        return output
    named_leaves = [
        (name, leaf)
        for name, leaf in iter_leaves(output)
        if leaf.is_floating_point() and leaf.ndim >= 2
    ]
    for wave_name in _WAVE_NAMES:
        for name, leaf in named_leaves:
            if name.rpartition(".")[2] == wave_name:
                return leaf
    if not named_leaves:
        raise TargetError(
            "the model's output holds no waveform", where=where, hint="let `forward` return it"
        )
    if target is not None:
        length = target.shape[-1]
    else:
        length = max(leaf.shape[-1] for _, leaf in named_leaves)
    return min(named_leaves, key=lambda item: abs(item[1].shape[-1] - length))[1]


def as_wave(tensor: Tensor) -> Tensor:
    """[batch, time] as [batch, 1, time]; [batch, channels, time] as it is."""
    if tensor.ndim == 2:
        return tensor[:, None]
    return tensor


def find_parts(
    model: nn.Module, stated_parts: Mapping[str, Any] | None = None
) -> dict[str, nn.Module]:
    """Encoder, quantizer and decoder: as given (modules or dotted names), else attributes of the
    usual names.

    Raises:
        TargetError: If a given name is none of the model's.
    """
    parts: dict[str, nn.Module] = {}
    for part in PARTS:
        value = (stated_parts or {}).get(part)
        if isinstance(value, str):
            try:
                value = model.get_submodule(value)
            except AttributeError as error:
                raise TargetError(
                    f"has no part `{value}`",
                    where=type(model).__name__,
                    hint="give the dotted name",
                ) from error
        for name in _PART_NAMES[part] if value is None else ():
            candidate = getattr(model, name, None)
            if isinstance(candidate, nn.Module) and candidate is not model:
                value = candidate
                break
        if isinstance(value, nn.Module):
            parts[part] = value
    return parts


def find_source(batch: Any) -> Tensor | None:
    """What goes into the model: a tensor itself, the first of a tuple, or the one of a dict that is
    called so.
    """
    return _pick_tensor(batch, _INPUT_NAMES, last=False)


def find_target(batch: Any) -> Tensor | None:
    """The waveform that should come out: a lone tensor itself, the longest behind the first of a
    tuple, or by its name.
    """
    return _pick_tensor(batch, _TARGET_NAMES, last=True)


def _pick_tensor(batch: Any, names: Sequence[str], *, last: bool) -> Tensor | None:
    if isinstance(batch, Tensor):
        return batch
    if isinstance(batch, Mapping):
        return next((batch[name] for name in names if isinstance(batch.get(name), Tensor)), None)
    tensors = [
        leaf for _, leaf in iter_leaves(batch) if leaf.is_floating_point() and leaf.ndim >= 2
    ]
    if not tensors:
        return None
    if last and len(tensors) > 1:
        return max(tensors[1:], key=lambda leaf: leaf.shape[-1])
    return tensors[0]
