"""The HiFT generator in MLX, channel-last."""

from __future__ import annotations

from collections.abc import Mapping
from math import pi

import mlx.core as mx
import numpy as np
from mlx import nn

from auscult.facts.windows import make_periodic_hann
from auscult.families._mlx import load_planned
from auscult.families.hift.config import Config
from auscult.families.hift.signature import plan
from auscult.families.records import Layout
from auscult.weights import Array

SNAKE_FLOOR = 1e-9
MAX_MAGNITUDE = 100.0


def same_conv(source: int, target: int, kernel: int, dilation: int = 1) -> nn.Module:
    """A convolution that keeps the number of frames (odd kernels)."""
    return nn.Conv1d(
        source, target, kernel, dilation=dilation, padding=(kernel - 1) * dilation // 2
    )


class Snake(nn.Module):
    """x + sin²(alpha·x) / alpha, with one alpha per channel, not its logarithm: [batch, time, channels]."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.alpha = mx.ones((channels,))

    def __call__(self, x: mx.array) -> mx.array:
        return x + mx.square(mx.sin(x * self.alpha)) / (self.alpha + SNAKE_FLOOR)


class ResBlock(nn.Module):
    """Per dilation: Snake, dilated convolution, Snake, plain convolution, added to the input."""

    def __init__(self, channels: int, kernel: int, dilations: tuple[int, ...]) -> None:
        super().__init__()
        self.convs1 = [same_conv(channels, channels, kernel, dilation) for dilation in dilations]
        self.convs2 = [same_conv(channels, channels, kernel) for _ in dilations]
        self.activations1 = [Snake(channels) for _ in dilations]
        self.activations2 = [Snake(channels) for _ in dilations]

    def __call__(self, x: mx.array) -> mx.array:
        layers = zip(self.activations1, self.convs1, self.activations2, self.convs2, strict=True)
        for first, dilated, second, plain in layers:
            x = x + plain(second(dilated(first(x))))
        return x


class F0Predictor(nn.Module):
    """Mel [batch, frames, mel_bins] to the fundamental frequency [batch, frames] in Hz; near 0 where unvoiced."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.condnet: list[nn.Module] = []
        for layer in range(config.f0_layers):
            self.condnet.append(
                same_conv(config.mel_bins if layer == 0 else config.f0_width, config.f0_width, 3)
            )
            if config.f0_step == 2:
                self.condnet.append(nn.ELU())
        self.activated = config.f0_step == 2
        self.classifier = nn.Linear(config.f0_width, 1)

    def __call__(self, mel: mx.array) -> mx.array:
        for layer in self.condnet:
            mel = layer(mel) if self.activated else nn.elu(layer(mel))
        return mx.abs(self.classifier(mel).squeeze(-1))


class Source(nn.Module):
    """Sines at the fundamental and its harmonics, noise where there is no pitch, mixed to one signal."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        self.l_linear = nn.Linear(config.harmonics, 1)

    def __call__(self, f0: mx.array, phases: mx.array, noise: mx.array) -> mx.array:
        """f0 [batch, frames] to [batch, frames * hop, 1]; `phases` and `noise` as `Generator.source` has them."""
        config = self.config
        hertz = mx.repeat(f0, config.hop, axis=1)[:, :, None]
        order = mx.arange(1, config.harmonics + 1, dtype=mx.float32)
        # thousands of cycles: summed in double and kept in single precision, as torch does on the CPU
        steps = (hertz * order / config.sample_rate).astype(mx.float64, stream=mx.cpu)
        cycles = mx.cumsum(steps, axis=1, stream=mx.cpu).astype(mx.float32, stream=mx.cpu) % 1
        voiced = (hertz > config.voiced_above).astype(mx.float32)
        sines = config.sine_amplitude * mx.sin(2 * pi * cycles + phases[:, None]) * voiced
        deviation = voiced * config.noise_deviation + (1 - voiced) * config.sine_amplitude / 3
        return mx.tanh(self.l_linear(sines + deviation * noise.transpose(0, 2, 1)))


class Generator(nn.Module):
    """Called with mel [batch, frames, mel_bins], gives [batch, frames * hop, 1].

    The source has noise of its own in every call; `source`, or `phases` and `noise`, inject it; `key` seeds it.
    """

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        channels = config.channels
        self.m_source = Source(config)
        self.conv_pre = same_conv(config.mel_bins, channels[0], config.pre_kernel_size)
        self.ups = [
            nn.ConvTranspose1d(
                channels[stage],
                channels[stage + 1],
                kernel,
                stride=rate,
                padding=(kernel - rate) // 2,
            )
            for stage, (kernel, rate) in enumerate(
                zip(config.upsample_kernel_sizes, config.upsample_rates, strict=True)
            )
        ]
        self.source_downs = [
            nn.Conv1d(
                config.outputs, width, kernel, stride=rate, padding=rate // 2 if rate > 1 else 0
            )
            for width, kernel, rate in zip(
                channels[1:], config.source_kernels, config.source_rates, strict=True
            )
        ]
        self.source_resblocks = [
            ResBlock(width, kernel, config.dilations)
            for width, kernel in zip(channels[1:], config.source_resblock_kernel_sizes, strict=True)
        ]
        self.resblocks = [
            ResBlock(width, kernel, config.dilations)
            for width in channels[1:]
            for kernel in config.resblock_kernel_sizes
        ]
        self.conv_post = same_conv(channels[-1], config.outputs, config.post_kernel_size)
        self.f0_predictor = F0Predictor(config)

    def __call__(
        self,
        mel: mx.array,
        *,
        source: mx.array | None = None,
        phases: mx.array | None = None,
        noise: mx.array | None = None,
        key: mx.array | None = None,
    ) -> mx.array:
        if source is None:
            source = self.source(self.f0_predictor(mel), phases=phases, noise=noise, key=key)
        return self.decode(mel, source)

    def source(
        self,
        f0: mx.array,
        *,
        phases: mx.array | None = None,
        noise: mx.array | None = None,
        key: mx.array | None = None,
    ) -> mx.array:
        """The excitation [batch, frames * hop, 1] for f0 [batch, frames] in Hz.

        `phases` [batch, harmonics] are the sines' start phases (uniform in ±π, 0 for the fundamental) and `noise`
        [batch, harmonics, frames * hop] is of unit variance; what is None is drawn.
        """
        config, (batch, frames) = self.config, f0.shape
        keys = mx.random.split(key) if key is not None else (None, None)
        if phases is None:
            drawn = mx.random.uniform(-pi, pi, (batch, config.harmonics), key=keys[0])
            phases = mx.concatenate([mx.zeros((batch, 1)), drawn[:, 1:]], axis=1)
        if noise is None:
            noise = mx.random.normal((batch, config.harmonics, frames * config.hop), key=keys[1])
        return self.m_source(f0, phases, noise)

    def decode(self, mel: mx.array, source: mx.array) -> mx.array:
        """Samples [batch, frames * hop, 1] for a mel and an excitation of as many samples."""
        config, branches = self.config, len(self.config.resblock_kernel_sizes)
        spectrum = stft(source[..., 0], config.n_fft, config.istft_hop)
        x = self.conv_pre(mel)
        for stage, up in enumerate(self.ups):
            x = up(nn.leaky_relu(x, config.slope))
            if stage == len(self.ups) - 1:
                x = mx.concatenate(
                    [x[:, 1:2], x], axis=1
                )  # reflected: the source's STFT has one frame more
            x = x + self.source_resblocks[stage](self.source_downs[stage](spectrum))
            blocks = self.resblocks[stage * branches : (stage + 1) * branches]
            total = blocks[0](x)
            for block in blocks[1:]:
                total = total + block(x)
            x = total / branches
        x = self.conv_post(nn.leaky_relu(x, config.final_slope))
        samples = istft(x, config.n_fft, config.istft_hop)
        return mx.clip(samples, -config.limit, config.limit)[..., None]


def hann(size: int) -> Array:
    """The periodic Hann window."""
    return make_periodic_hann(size).astype(np.float32)


def stft(samples: mx.array, n_fft: int, hop: int) -> mx.array:
    """[batch, time] to real parts, then imaginary parts: [batch, time // hop + 1, n_fft + 2]; reflected at the ends."""
    half = n_fft // 2
    padded = mx.concatenate(
        [samples[:, half:0:-1], samples, samples[:, -2 : -half - 2 : -1]], axis=1
    )
    frames = (padded.shape[1] - n_fft) // hop + 1
    index = mx.arange(frames)[:, None] * hop + mx.arange(n_fft)[None]
    angle = 2 * np.pi * np.outer(np.arange(n_fft), np.arange(half + 1)) / n_fft
    basis = np.concatenate((np.cos(angle), -np.sin(angle)), axis=1) * hann(n_fft)[:, None]
    return padded[:, index] @ mx.array(basis.astype(np.float32))


def istft(x: mx.array, n_fft: int, hop: int) -> mx.array:
    """Log-magnitude, then the angle whose sine is the phase: [batch, frames, n_fft + 2] to [batch, (frames - 1) * hop].

    Frames are windowed, overlapped and added, and divided by the overlapped squares of the window (Griffin and Lim 1984).
    """
    half, overlap = n_fft // 2, n_fft // hop
    magnitude = mx.minimum(mx.exp(x[..., : half + 1]), MAX_MAGNITUDE)
    phase = mx.sin(x[..., half + 1 :])
    parts = mx.concatenate([magnitude * mx.cos(phase), magnitude * mx.sin(phase)], axis=-1)
    angle = 2 * np.pi * np.outer(np.arange(half + 1), np.arange(n_fft)) / n_fft
    weight = np.full(
        (half + 1, 1), 2.0 / n_fft
    )  # every bin but the first and last stands for its mirror image, too
    weight[[0, -1]] = 1.0 / n_fft
    basis = np.concatenate((weight * np.cos(angle), -weight * np.sin(angle))) * hann(n_fft)
    frames = parts @ mx.array(basis.astype(np.float32))
    batch, count, _ = frames.shape
    squares = mx.broadcast_to(mx.array(hann(n_fft) ** 2), (1, count, n_fft))
    total, envelope = (_overlap(block, overlap, hop) for block in (frames, squares))
    return (total / mx.maximum(envelope, 1e-11))[:, half : half + (count - 1) * hop].reshape(
        batch, -1
    )


def _overlap(frames: mx.array, overlap: int, hop: int) -> mx.array:
    """[batch, count, overlap * hop] to the sum of the frames at their places: [batch, (count + overlap - 1) * hop]."""
    batch, count, _ = frames.shape
    blocks = frames.reshape(batch, count, overlap, hop)
    total = mx.zeros((batch, count + overlap - 1, hop))
    for part in range(overlap):
        total = total + mx.pad(blocks[:, :, part], [(0, 0), (part, overlap - 1 - part), (0, 0)])
    return total.reshape(batch, -1)


def build(config: Config) -> Generator:
    """A freshly initialised generator; weight norm is fused in MLX."""
    return Generator(config)


def load(
    module: Generator, state: Mapping[str, Array], prefix: str = "", layout: Layout = "torch"
) -> None:
    """See `auscult.families._mlx.load_planned`."""
    load_planned(module, plan(module.config), state, prefix, layout)
