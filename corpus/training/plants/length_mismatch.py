"""Missing padding, filled with zeros or not; strides that are not the hop."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from corpus.training.trainers import CODECS, SHAPES, TIME, Knobs, Shape, Trainer, build_trainer

CAUSE = "length-mismatch"


def drop_padding(part: nn.Module) -> nn.Module:
    """Take the padding from every convolution that has a stride or a long kernel."""
    for layer in part.modules():
        if isinstance(layer, nn.Conv1d):
            layer.padding = (0,) if layer.kernel_size[0] > 3 else layer.padding
    return part


def fill(audio: Tensor) -> Tensor:
    return functional.pad(audio, (0, TIME - audio.shape[-1]))


def unpadded(shape: Shape, seed: int) -> Trainer:
    """Encoder and decoder lose samples; the model fills up with zeros."""
    return build_trainer(Knobs(shape, seed, encoder=drop_padding, decoder=drop_padding, after=fill))


def short(shape: Shape, seed: int) -> Trainer:
    """The same, and the loss cuts the target."""
    trainer = build_trainer(Knobs(shape, seed, encoder=drop_padding, decoder=drop_padding))
    loss = trainer["loss"]
    trainer["loss"] = lambda output, batch: loss(output, batch[..., : output["audio"].shape[-1]])
    return trainer


def doubled(shape: Shape, seed: int) -> Trainer:
    """A decoder that gives twice the samples, of which the model takes the first half."""
    return build_trainer(
        Knobs(
            shape,
            seed,
            decoder=lambda part: nn.Sequential(part, nn.Upsample(scale_factor=2)),
            after=lambda a: a[..., :TIME],
        )
    )


VARIANTS = {
    "zeros at the end": (CODECS, unpadded),
    "short": (CODECS, short),
    "twice too long": (SHAPES, doubled),
}
