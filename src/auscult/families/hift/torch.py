"""The HiFT generator in PyTorch: F0, harmonic source, upsampling, inverse STFT."""

from __future__ import annotations

from collections.abc import Callable
from math import pi

import torch
from torch import Tensor, nn
from torch.nn import functional

from auscult.families._time_major import Conv1d, ConvTranspose1d, to_time_major
from auscult.families._torch import WEIGHT_NORM_FORMS, WeightNormForm, draw_normal_weights, load
from auscult.families.hift.config import Config

__all__ = ["Generator", "build", "load"]

DEVIATION = 0.01  # of the initial weights, as HiFi-GAN draws them
SNAKE_FLOOR = 1e-9  # keeps the division by alpha finite
MAX_MAGNITUDE = 100.0


def same_conv(
    source: int, target: int, kernel: int, dilation: int, form: WeightNormForm
) -> nn.Module:
    """A convolution that keeps the number of frames (odd kernels)."""
    layer = Conv1d(source, target, kernel, dilation=dilation, padding=(kernel - 1) * dilation // 2)
    draw_normal_weights(layer, DEVIATION)
    return WEIGHT_NORM_FORMS[form](layer)


class Snake(nn.Module):
    """x + sin²(alpha·x) / alpha, with one alpha per channel, not its logarithm: [batch, channels, time]."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.alpha = nn.Parameter(torch.ones(channels))

    def forward(self, x: Tensor) -> Tensor:
        alpha = self.alpha[:, None]
        sine = torch.sin(x * alpha)
        return torch.addcmul(x, sine, sine / (alpha + SNAKE_FLOOR))


class ResBlock(nn.Module):
    """Per dilation: Snake, dilated convolution, Snake, plain convolution, added to the input."""

    def __init__(
        self, channels: int, kernel: int, dilations: tuple[int, ...], form: WeightNormForm
    ) -> None:
        super().__init__()
        self.convs1 = nn.ModuleList(
            same_conv(channels, channels, kernel, dilation, form) for dilation in dilations
        )
        self.convs2 = nn.ModuleList(
            same_conv(channels, channels, kernel, 1, form) for _ in dilations
        )
        self.activations1 = nn.ModuleList(Snake(channels) for _ in dilations)
        self.activations2 = nn.ModuleList(Snake(channels) for _ in dilations)

    def forward(self, x: Tensor) -> Tensor:
        layers = zip(self.activations1, self.convs1, self.activations2, self.convs2, strict=True)
        for first, dilated, second, plain in layers:
            x = x + plain(second(dilated(first(x))))
        return x


class F0Predictor(nn.Module):
    """Mel [batch, mel_bins, frames] to the fundamental frequency [batch, frames] in Hz; near 0 where unvoiced."""

    def __init__(self, config: Config, form: WeightNormForm) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for layer in range(config.f0_layers):
            source = config.mel_bins if layer == 0 else config.f0_width
            layers.append(WEIGHT_NORM_FORMS[form](Conv1d(source, config.f0_width, 3, padding=1)))
            if config.f0_step == 2:
                layers.append(nn.ELU())
        self.activate: Callable[[Tensor], Tensor] = (
            functional.elu if config.f0_step == 1 else lambda x: x
        )
        self.condnet = nn.ModuleList(layers)
        self.classifier = nn.Linear(config.f0_width, 1)

    def forward(self, mel: Tensor) -> Tensor:
        x = to_time_major(mel)
        for layer in self.condnet:
            x = self.activate(layer(x))
        f0: Tensor = self.classifier(x.transpose(1, 2)).squeeze(-1)
        return f0.abs()


class Source(nn.Module):
    """Sines at the fundamental and its harmonics, noise where there is no pitch, mixed to one signal."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        self.l_linear = nn.Linear(config.harmonics, 1)

    def forward(
        self,
        f0: Tensor,
        phases: Tensor | None,
        noise: Tensor | None,
        generator: torch.Generator | None,
    ) -> Tensor:
        """f0 [batch, frames] to [batch, 1, frames * hop]; for the others see `Generator.source`."""
        config = self.config
        batch = len(f0)
        hertz = f0.repeat_interleave(config.hop, dim=1)[:, None]
        if phases is None:
            phases = (torch.rand(batch, config.harmonics, generator=generator) * 2 - 1).to(f0) * pi
            phases[:, 0] = 0.0
        if noise is None:
            noise = torch.randn(batch, config.harmonics, hertz.shape[-1], generator=generator).to(
                f0
            )
        order = torch.arange(1, config.harmonics + 1, device=f0.device, dtype=f0.dtype)[:, None]
        cycles = torch.cumsum(hertz * order / config.sample_rate, dim=-1) % 1
        voiced = (hertz > config.voiced_above).to(f0.dtype)
        sines = config.sine_amplitude * torch.sin(2 * pi * cycles + phases[:, :, None]) * voiced
        deviation = voiced * config.noise_deviation + (1 - voiced) * config.sine_amplitude / 3
        mixed: Tensor = self.l_linear((sines + deviation * noise).transpose(1, 2))
        return torch.tanh(mixed).transpose(1, 2)


class Generator(nn.Module):
    """`forward(mel [batch, mel_bins, frames])` gives [batch, 1, frames * hop].

    The source has noise of its own in every call; `source`, `phases` and `noise` inject it, or a torch `generator` seeds it.
    """

    stft_window: Tensor

    def __init__(self, config: Config, form: WeightNormForm) -> None:
        super().__init__()
        self.config = config
        channels = config.channels
        self.m_source = Source(config)
        self.conv_pre = WEIGHT_NORM_FORMS[form](
            Conv1d(
                config.mel_bins,
                channels[0],
                config.pre_kernel_size,
                padding=config.pre_kernel_size // 2,
            )
        )
        self.ups = nn.ModuleList()
        for stage, (kernel, rate) in enumerate(
            zip(config.upsample_kernel_sizes, config.upsample_rates, strict=True)
        ):
            up = ConvTranspose1d(
                channels[stage],
                channels[stage + 1],
                kernel,
                stride=rate,
                padding=(kernel - rate) // 2,
            )
            draw_normal_weights(up, DEVIATION)
            self.ups.append(WEIGHT_NORM_FORMS[form](up))
        self.source_downs = nn.ModuleList(
            Conv1d(config.outputs, width, kernel, stride=rate, padding=rate // 2 if rate > 1 else 0)
            for width, kernel, rate in zip(
                channels[1:], config.source_kernels, config.source_rates, strict=True
            )
        )
        self.source_resblocks = nn.ModuleList(
            ResBlock(width, kernel, config.dilations, form)
            for width, kernel in zip(channels[1:], config.source_resblock_kernel_sizes, strict=True)
        )
        self.resblocks = nn.ModuleList(
            ResBlock(width, kernel, config.dilations, form)
            for width in channels[1:]
            for kernel in config.resblock_kernel_sizes
        )
        self.conv_post = same_conv(channels[-1], config.outputs, config.post_kernel_size, 1, form)
        self.f0_predictor = F0Predictor(config, form)
        self.register_buffer("stft_window", torch.hann_window(config.n_fft), persistent=False)

    def forward(
        self,
        mel: Tensor,
        *,
        source: Tensor | None = None,
        phases: Tensor | None = None,
        noise: Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        if source is None:
            source = self.source(
                self.f0_predictor(mel), phases=phases, noise=noise, generator=generator
            )
        return self.decode(mel, source)

    def source(
        self,
        f0: Tensor,
        *,
        phases: Tensor | None = None,
        noise: Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """The excitation [batch, 1, frames * hop] for f0 [batch, frames] in Hz.

        `phases` [batch, harmonics] are the sines' start phases (uniform in ±π, 0 for the fundamental) and `noise`
        [batch, harmonics, frames * hop] is of unit variance; what is None is drawn.
        """
        excitation: Tensor = self.m_source(f0, phases, noise, generator)
        return excitation

    def decode(self, mel: Tensor, source: Tensor) -> Tensor:
        """Samples [batch, 1, frames * hop] for a mel and an excitation of as many samples."""
        config, branches = self.config, len(self.config.resblock_kernel_sizes)
        spectrum = to_time_major(self._stft(source))
        x = self.conv_pre(to_time_major(mel))
        for stage, up in enumerate(self.ups):
            x = up(functional.leaky_relu(x, config.slope))
            if stage == len(self.ups) - 1:
                frames = x.transpose(
                    1, 2
                )  # reflected at the start, for the source's STFT has one frame more
                x = torch.cat((frames[:, 1:2], frames), dim=1).transpose(1, 2)
            x = x + self.source_resblocks[stage](self.source_downs[stage](spectrum))
            blocks = self.resblocks[stage * branches : (stage + 1) * branches]
            total = blocks[0](x)
            for block in blocks[1:]:
                total = total + block(x)
            x = total / branches
        x = self.conv_post(functional.leaky_relu(x, config.final_slope))
        return self._istft(x)[:, None].clamp(-config.limit, config.limit)

    def _stft(self, samples: Tensor) -> Tensor:
        """[batch, 1, time] to real parts, then imaginary parts: [batch, n_fft + 2, time // hop + 1]."""
        config = self.config
        spectrum = torch.stft(
            samples[:, 0],
            config.n_fft,
            config.istft_hop,
            window=self.stft_window,
            pad_mode="reflect",
            return_complex=True,
        )
        return torch.cat((spectrum.real, spectrum.imag), dim=1)

    def _istft(self, x: Tensor) -> Tensor:
        """Logarithm of the magnitude, then the angle whose sine is the phase: [batch, n_fft + 2, frames] to [batch, time]."""
        config, bins = self.config, self.config.n_fft // 2 + 1
        magnitude = torch.exp(x[:, :bins]).clamp(max=MAX_MAGNITUDE)
        spectrum = torch.polar(magnitude, torch.sin(x[:, bins:]))
        return torch.istft(spectrum, config.n_fft, config.istft_hop, window=self.stft_window)


def build(config: Config, form: WeightNormForm = "fused") -> Generator:
    """A freshly initialised generator, with weight norm in the given form. `load` fills it from any form."""
    return Generator(config, form)
