"""auscult's codec in PyTorch: convolutional encoder and decoder around a residual quantiser."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from auscult.families._torch import WEIGHT_NORM_FORMS, WeightNormForm, load
from auscult.families.codec.config import Config
from auscult.families.codec.quantizer import Quantized, ResidualQuantizer

__all__ = ["Cache", "Codec", "build", "load"]

Cache = dict[nn.Module, Tensor]
"""What each convolution of a causal codec keeps from one chunk to the next."""
PHASE_KERNEL, PHASE_WIDTH = 5, 64
"""From which kernel and up to which width a dilated convolution is faster phase by phase: twice at 7 and 32, on a processor."""


class _SnakeFunction(torch.autograd.Function):
    """x + sin²(ax) / a with one sine in each direction; saved are the input and the output, which its neighbours save anyway."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, alpha: Tensor) -> Tensor:
        a = alpha[:, None]
        y = torch.addcmul(x, (x * a).sin_().square_(), (a + 1e-9).reciprocal())
        ctx.save_for_backward(x, y, alpha)
        return y

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor]:
        (gradient,) = gradients
        x, y, alpha = ctx.saved_tensors
        # d/dx = 1 + sin(2ax);  d/da = (x sin(2ax) - sin²(ax)/a) / a, and sin²(ax)/a is y - x
        bent = (x * (2 * alpha[:, None])).sin_().mul_(gradient)
        part = torch.linalg.vecdot(bent, x.to(bent.dtype)) - torch.linalg.vecdot(
            gradient, (y - x).to(gradient.dtype)
        )
        slope = (part.sum(0) / alpha).to(alpha.dtype)
        return bent.add_(gradient), slope


class Snake(nn.Module):
    """x + sin²(alpha x) / alpha per channel (Ziyin et al. 2020)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.alpha = nn.Parameter(torch.ones(channels))

    def forward(self, x: Tensor) -> Tensor:
        return _SnakeFunction.apply(x, self.alpha)


class _EluFunction(torch.autograd.Function):
    """max(x, exp(x) - 1) by exp, which a processor computes faster than expm1; saved is the output, which its neighbour saves."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        y = torch.maximum(x, x.clamp_max(0).exp_().sub_(1))
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        (y,) = ctx.saved_tensors
        slope: Tensor = y.clamp_max(0).add_(1).mul_(gradients[0])
        return slope


class Elu(nn.Module):
    """x above zero, exp(x) - 1 below."""

    def forward(self, x: Tensor) -> Tensor:
        if x.dtype is not torch.float32:  # exp(x) - 1 leaves nothing of a small x in 16 bits
            return functional.elu(x)
        result: Tensor = _EluFunction.apply(x)
        return result


class Conv(nn.Conv1d):
    """A convolution that gives one frame per stride, padded with zeros on both sides or, if causal, on the left."""

    def __init__(
        self,
        source: int,
        target: int,
        kernel: int,
        *,
        stride: int = 1,
        dilation: int = 1,
        causal: bool = False,
    ) -> None:
        super().__init__(source, target, kernel, stride=stride, dilation=dilation)
        self.extra = (
            (kernel - 1) * dilation + 1 - stride
        )  # samples that a frame sees beyond its own
        self.left = self.extra if causal else self.extra // 2
        self.by_phase = (
            stride == 1 and dilation > 1 and kernel >= PHASE_KERNEL and target <= PHASE_WIDTH
        )

    def forward(self, x: Tensor, cache: Cache | None = None) -> Tensor:
        if (
            self.kernel_size[0] == 1 and self.bias is not None
        ):  # a product of matrices: faster than the library's convolution
            return torch.baddbmm(self.bias[:, None], self.weight[:, :, 0].expand(len(x), -1, -1), x)
        if cache is None:
            if self.by_phase:
                return self._by_phase(x)
            if 2 * self.left == self.extra:  # the convolution's own padding saves a copy
                return functional.conv1d(
                    x, self.weight, self.bias, self.stride, self.left, self.dilation
                )
            x = functional.pad(x, (self.left, self.extra - self.left))
        elif self.extra:
            before = cache.get(self)
            x = functional.pad(x, (self.extra, 0)) if before is None else torch.cat((before, x), -1)
            cache[self] = x[..., x.shape[-1] - self.extra :]
        return functional.conv1d(x, self.weight, self.bias, self.stride, 0, self.dilation)

    def _by_phase(self, x: Tensor) -> Tensor:
        """Every `dilation`-th sample as a signal of its own, for which the convolution is not dilated."""
        (batch, channels, length), rate = x.shape, self.dilation[0]
        more = -(self.extra + length) % rate
        x = functional.pad(x, (self.left, self.extra - self.left + more))
        phases = x.unflatten(-1, (-1, rate)).permute(0, 3, 1, 2).reshape(batch * rate, channels, -1)
        y = functional.conv1d(phases, self.weight, self.bias)
        return y.unflatten(0, (batch, rate)).permute(0, 2, 3, 1).flatten(2)[..., :length]


class UpConv(nn.ConvTranspose1d):
    """A transposed convolution of kernel 2 * stride that gives exactly `stride` samples per frame."""

    def __init__(self, source: int, target: int, stride: int, *, causal: bool = False) -> None:
        super().__init__(source, target, 2 * stride, stride=stride)
        self.rate = stride
        self.left = 0 if causal else stride // 2  # samples cut from the start

    def forward(self, x: Tensor, cache: Cache | None = None) -> Tensor:  # type: ignore[override]
        length = x.shape[-1] * self.rate
        if cache is None:
            if 2 * self.left == self.rate:  # the layer's own padding saves a copy
                return functional.conv_transpose1d(
                    x, self.weight, self.bias, self.stride, self.left
                )
            y = functional.conv_transpose1d(x, self.weight, self.bias, self.stride)
            return y[..., self.left : self.left + length]
        y = functional.conv_transpose1d(x, self.weight, None, self.stride)
        if self in cache:
            y = torch.cat((y[..., : self.rate] + cache[self], y[..., self.rate :]), -1)
        cache[self] = y[..., length:]
        bias = 0.0 if self.bias is None else self.bias[:, None]
        return y[..., :length] + bias


class Unit(nn.Module):
    """Activation, dilated convolution, activation, 1x1 convolution, added to the input."""

    def __init__(self, config: Config, width: int, dilation: int, form: WeightNormForm) -> None:
        super().__init__()
        self.act1, self.act2 = _activation(config, width), _activation(config, width)
        self.conv1 = WEIGHT_NORM_FORMS[form](
            Conv(width, width, config.kernel, dilation=dilation, causal=config.causal)
        )
        self.conv2 = WEIGHT_NORM_FORMS[form](Conv(width, width, 1))

    def forward(self, x: Tensor, cache: Cache | None = None) -> Tensor:
        return x + self.conv2(self.act2(self.conv1(self.act1(x), cache)))


def _activation(config: Config, width: int) -> nn.Module:
    return Snake(width) if config.activation == "snake" else Elu()


def _units(
    config: Config, width: int, count: int, dilations: tuple[int, ...], form: WeightNormForm
) -> nn.ModuleList:
    return nn.ModuleList(
        Unit(config, width, dilations[i % len(dilations)], form) for i in range(count)
    )


class Down(nn.Module):
    """Residual units, activation, strided convolution."""

    def __init__(self, config: Config, stage: int, form: WeightNormForm) -> None:
        super().__init__()
        source, target, stride = (
            config.widths[stage],
            config.widths[stage + 1],
            config.strides[stage],
        )
        self.plain = source == 1  # the waveform itself
        self.units = _units(
            config, source, 0 if self.plain else config.units, config.dilations, form
        )
        self.act = nn.Identity() if self.plain else _activation(config, source)
        self.conv = WEIGHT_NORM_FORMS[form](
            Conv(source, target, 2 * stride, stride=stride, causal=config.causal)
        )

    def forward(self, x: Tensor, cache: Cache | None = None) -> Tensor:
        for unit in self.units:
            x = unit(x, cache)
        return self.conv(self.act(x), cache)


class Up(nn.Module):
    """Activation, transposed convolution, residual units."""

    def __init__(self, config: Config, stage: int, form: WeightNormForm) -> None:
        super().__init__()
        source, target, stride = (
            config.widths[stage + 1],
            config.widths[stage],
            config.strides[stage],
        )
        last = target == 1
        self.act = _activation(config, source)
        self.conv = WEIGHT_NORM_FORMS[form](UpConv(source, target, stride, causal=config.causal))
        self.units = _units(config, target, 0 if last else config.units, config.dilations, form)

    def forward(self, x: Tensor, cache: Cache | None = None) -> Tensor:
        x = self.conv(self.act(x), cache)
        for unit in self.units:
            x = unit(x, cache)
        return x


class Encoder(nn.Module):
    """[batch, 1, frames * hop] to [batch, latent, frames]."""

    def __init__(self, config: Config, form: WeightNormForm) -> None:
        super().__init__()
        widths, causal = config.widths, config.causal
        self.first = (
            None
            if widths[0] == 1
            else WEIGHT_NORM_FORMS[form](Conv(1, widths[0], 7, causal=causal))
        )
        self.stages = nn.ModuleList(
            Down(config, stage, form) for stage in range(len(config.strides))
        )
        self.core = _units(config, widths[-1], config.core, config.core_dilations, form)
        self.act = _activation(config, widths[-1])
        self.last = WEIGHT_NORM_FORMS[form](Conv(widths[-1], config.latent, 3, causal=causal))

    def forward(self, x: Tensor, cache: Cache | None = None) -> Tensor:
        x = x if self.first is None else self.first(x, cache)
        for stage in self.stages:
            x = stage(x, cache)
        for unit in self.core:
            x = unit(x, cache)
        return self.last(self.act(x), cache)


class Decoder(nn.Module):
    """[batch, latent, frames] to [batch, 1, frames * hop]."""

    def __init__(self, config: Config, form: WeightNormForm) -> None:
        super().__init__()
        widths, causal = config.widths, config.causal
        self.end = config.end
        self.first = WEIGHT_NORM_FORMS[form](Conv(config.latent, widths[-1], 7, causal=causal))
        self.core = _units(config, widths[-1], config.core, config.core_dilations, form)
        self.stages = nn.ModuleList(
            Up(config, stage, form) for stage in reversed(range(len(config.strides)))
        )
        self.act = None if widths[0] == 1 else _activation(config, widths[0])
        self.last = (
            None
            if widths[0] == 1
            else WEIGHT_NORM_FORMS[form](Conv(widths[0], 1, 7, causal=causal))
        )

    def forward(self, x: Tensor, cache: Cache | None = None) -> Tensor:
        x = self.first(x, cache)
        for unit in self.core:
            x = unit(x, cache)
        for stage in self.stages:
            x = stage(x, cache)
        if self.act is not None and self.last is not None:
            x = self.last(self.act(x), cache)
        if self.end == "tanh":
            return torch.tanh(x)
        return x.clamp(-1, 1) if self.end == "clamp" else x


class Codec(nn.Module):
    """`forward(audio [batch, 1, time])` gives the audio after the codec, as long as it was, and the quantiser's `Quantized`."""

    def __init__(self, config: Config, form: WeightNormForm) -> None:
        super().__init__()
        self.config = config
        self.encoder = Encoder(config, form)
        self.quantizer = ResidualQuantizer(config, form)
        self.decoder = Decoder(config, form)

    def forward(self, audio: Tensor, depths: Tensor | None = None) -> tuple[Tensor, Quantized]:
        length = audio.shape[-1]
        quantized = self.quantizer(self.encoder(self.padded(audio)), depths)
        return self.decoder(quantized.values)[..., self.config.delay :][..., :length], quantized

    def padded(self, audio: Tensor) -> Tensor:
        """Audio with zeros behind it for the decoder's delay and up to a full frame."""
        wanted = audio.shape[-1] + self.config.delay
        return functional.pad(audio, (0, self.config.delay + -wanted % self.config.step))

    def encode(self, audio: Tensor, cache: Cache | None = None, *, fit: bool = False) -> Tensor:
        """Codes [batch, books, frames] of audio [batch, 1, time]; -1 where a book is not used.

        With a cache (one dict per stream, empty at its start) the codec must be causal and the time a multiple of
        `config.step`; the stream's end must be padded as `padded` does, and then the codes are those of the whole recording.

        Args:
            fit: Where the number of books varies, let these recordings together use `config.average` of them; otherwise the level
                that training has found decides.
        """
        latent = self.encoder(self.padded(audio) if cache is None else audio, cache)
        level = self.quantizer.fit(latent) if fit and self.config.average else None
        codes: Tensor = self.quantizer(latent, level=level).codes
        return codes

    def decode(self, codes: Tensor, cache: Cache | None = None) -> Tensor:
        """Audio [batch, 1, frames * hop - delay] of codes [batch, books, frames], of which there may be fewer books.

        With a cache nothing is cut off: the first `delay` samples of a stream come before its start.
        """
        audio: Tensor = self.decoder(self.quantizer.lookup(codes), cache)
        return audio if cache is not None else audio[..., self.config.delay :]


def build(config: Config, form: WeightNormForm = "fused") -> Codec:
    """A freshly initialised codec, with weight norm in the given form. `load` fills it from any form."""
    return Codec(config, form)
