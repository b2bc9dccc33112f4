"""Small healthy trainers of four shapes, with the knobs that plants turn: EnCodec, DAC, the collapsed codec mended, HiFi-GAN."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.parametrizations import weight_norm

from auscult.preflight_checks.material import make_batch
from corpus.training.quantizers import EmaQuantizer, Estimator, FactorisedQuantizer, Start

Shape = Literal["encodec", "dac", "seed", "hifigan"]
CODECS: tuple[Shape, ...] = ("encodec", "dac", "seed")
SHAPES: tuple[Shape, ...] = (*CODECS, "hifigan")
RATE, TIME, BATCH = 16_000, 2_400, 4
RATIOS = (5, 8)
BOOKS, CODES, DIM = 4, 64, 16
HOP, N_FFT, MELS = 40, 256, 20
RATE_OF = {"encodec": 1e-3, "dac": 3e-4, "seed": 1e-3, "hifigan": 1e-3}
"""Learning rates; at 1e-3 the factorised books of the DAC shape are down to one code within two dozen steps."""

Trainer = dict[str, Any]
Wrap = Callable[[nn.Module], nn.Module]
Change = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Knobs:
    """What a plant may change while a trainer is built. The defaults are healthy."""

    shape: Shape
    seed: int = 0
    rate: float | None = None
    estimator: Estimator = "once"
    start: Start = "even"
    first_batch: bool = True
    revive: float = 0.5
    tanh: bool | None = None
    scale: float | None = None
    norm: bool = False
    dropout: float = 0.0
    encoder: Wrap = lambda module: module
    decoder: Wrap = lambda module: module
    quantizer: Wrap = lambda module: module
    before: Change = lambda value: value
    between: Change = lambda value: value
    after: Change = lambda value: value

    def with_changes(self, **changes: Any) -> Knobs:
        return replace(self, **changes)


class Snake(nn.Module):
    """x + sin²(αx)/α."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.alpha = nn.Parameter(torch.ones(1, channels, 1))

    def forward(self, x: Tensor) -> Tensor:
        return x + torch.sin(self.alpha * x).square() / (self.alpha + 1e-9)


class Residual(nn.Module):
    """x + a small stack."""

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.block = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.block(x)
        return out


def make_activation(shape: Shape, channels: int) -> nn.Module:
    kinds: dict[str, Callable[[], nn.Module]] = {
        "encodec": nn.ELU,
        "seed": nn.GELU,
        "hifigan": lambda: nn.LeakyReLU(0.1),
    }
    return Snake(channels) if shape == "dac" else kinds[shape]()


def make_conv(shape: Shape, inner: int, out: int, kernel: int, **options: Any) -> nn.Module:
    layer = nn.Conv1d(inner, out, kernel, **options)
    return layer if shape == "seed" else weight_norm(layer)


def make_upsampling(shape: Shape, inner: int, out: int, ratio: int) -> nn.Module:
    layer = nn.ConvTranspose1d(
        inner, out, 2 * ratio, ratio, padding=(ratio + 1) // 2, output_padding=ratio % 2
    )
    return layer if shape == "seed" else weight_norm(layer)


def make_encoder(knobs: Knobs) -> nn.Sequential:
    """[batch, 1, time] to [batch, DIM, time / 40]."""
    shape, width = knobs.shape, 8
    layers: list[nn.Module] = [make_conv(shape, 1, width, 7, padding=3)]
    for ratio in RATIOS:
        if knobs.norm:
            layers.append(nn.InstanceNorm1d(width))
        layers.append(
            Residual(make_activation(shape, width), make_conv(shape, width, width, 3, padding=1))
        )
        layers += [
            make_activation(shape, width),
            make_conv(shape, width, width + 4, 2 * ratio, stride=ratio, padding=(ratio + 1) // 2),
        ]
        width += 4
    return nn.Sequential(
        *layers, make_activation(shape, width), make_conv(shape, width, DIM, 3, padding=1)
    )


class Scale(nn.Module):
    """A learned gain."""

    def __init__(self, value: float) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(value))

    def forward(self, x: Tensor) -> Tensor:
        return self.scale * x


def make_decoder(knobs: Knobs, inner: int = DIM) -> nn.Sequential:
    """[batch, inner, frames] to [batch, 1, 40 × frames]."""
    shape, width = knobs.shape, 8 + 4 * len(RATIOS)
    layers: list[nn.Module] = [make_conv(shape, inner, width, 7, padding=3)]
    if knobs.norm and shape == "hifigan":
        layers.insert(0, nn.InstanceNorm1d(inner))
    for ratio in reversed(RATIOS):
        layers += [make_activation(shape, width), make_upsampling(shape, width, width - 4, ratio)]
        width -= 4
        layers.append(
            Residual(make_activation(shape, width), make_conv(shape, width, width, 3, padding=1))
        )
    layers += [make_activation(shape, width), make_conv(shape, width, 1, 7, padding=3)]
    if knobs.scale is not None:
        layers.append(Scale(knobs.scale))
    if knobs.tanh if knobs.tanh is not None else shape in ("dac", "hifigan"):
        layers.append(nn.Tanh())
    return nn.Sequential(*layers)


class Codec(nn.Module):
    """Encoder, residual quantizer, decoder; gives the audio and the quantizer's penalties by name."""

    def __init__(self, knobs: Knobs) -> None:
        super().__init__()
        self.encoder = knobs.encoder(make_encoder(knobs))
        self.quantizer: nn.Module
        if knobs.shape == "dac":
            self.quantizer = FactorisedQuantizer(
                BOOKS, CODES, DIM, estimator=knobs.estimator, dropout=knobs.dropout
            )
        else:
            self.quantizer = EmaQuantizer(
                BOOKS,
                CODES,
                DIM,
                estimator=knobs.estimator,
                start=knobs.start,
                first_batch=knobs.first_batch,
                revive=knobs.revive,
            )
        self.quantizer = knobs.quantizer(self.quantizer)
        self.decoder = knobs.decoder(make_decoder(knobs))
        self.before, self.between, self.after = knobs.before, knobs.between, knobs.after

    def forward(self, audio: Tensor) -> dict[str, Tensor]:
        quantized, codes, *penalties = self.quantizer(
            self.between(self.encoder(self.before(audio)))
        )
        out = {
            "audio": self.after(self.decoder(quantized)),
            "codes": codes,
            "commitment": penalties[0],
        }
        if len(penalties) > 1:
            out["book"] = penalties[1]
        return out


class Vocoder(nn.Module):
    """Mel [batch, MELS, frames] to [batch, 1, 40 × frames]."""

    def __init__(self, knobs: Knobs) -> None:
        super().__init__()
        self.generator = knobs.decoder(make_decoder(knobs, MELS))
        self.before, self.after = knobs.before, knobs.after

    def forward(self, mel: Tensor) -> Tensor:
        return self.after(self.generator(self.before(mel)))


@cache
def make_mel_filters() -> Tensor:
    """Triangles on the mel scale [MELS, N_FFT // 2 + 1]."""
    points = 700 * (
        10
        ** (torch.linspace(0, 2595 * torch.log10(torch.tensor(1 + RATE / 1400)), MELS + 2) / 2595)
        - 1
    )
    bins = torch.linspace(0, RATE / 2, N_FFT // 2 + 1)
    rising = (bins - points[:-2, None]) / (points[1:-1] - points[:-2])[:, None]
    falling = (points[2:, None] - bins) / (points[2:] - points[1:-1])[:, None]
    return torch.minimum(rising, falling).clamp_min(0)


def log_mel(wave: Tensor, filters: Tensor | None = None) -> Tensor:
    """Log-mel [batch, MELS, time / 40] of [batch, 1, time]."""
    window = torch.hann_window(N_FFT, device=wave.device)
    padded = functional.pad(wave[:, 0].float(), (N_FFT // 2, N_FFT // 2 - HOP))
    spectrum = torch.stft(padded, N_FFT, HOP, window=window, center=False, return_complex=True)
    magnitude = (spectrum.real.square() + spectrum.imag.square() + 1e-9).sqrt()
    return (
        (make_mel_filters() if filters is None else filters).matmul(magnitude).clamp_min(1e-5).log()
    )


def wave_loss(output: Tensor, target: Tensor) -> Tensor:
    return (output - target).abs().mean()


def mel_loss(output: Tensor, target: Tensor) -> Tensor:
    return (log_mel(output) - log_mel(target)).abs().mean()


def codec_loss(output: dict[str, Tensor], batch: Tensor) -> dict[str, Tensor]:
    """The usual terms, weighted."""
    audio = output["audio"]
    terms = {
        "wave": 10 * wave_loss(audio, batch),
        "mel": mel_loss(audio, batch),
        "commitment": 0.25 * output["commitment"],
    }
    if "book" in output:
        terms["book"] = output["book"]
    return terms


def vocoder_loss(output: Tensor, batch: tuple[Tensor, Tensor]) -> dict[str, Tensor]:
    return {"wave": 10 * wave_loss(output, batch[1]), "mel": mel_loss(output, batch[1])}


def zero_biases(model: nn.Module) -> nn.Module:
    """Biases zero, as DAC and HiFi-GAN start them: latents and output follow the signal from the first step."""
    for name, parameter in model.named_parameters():
        if name.endswith("bias"):
            nn.init.zeros_(parameter)
    return model


def build_trainer(knobs: Knobs) -> Trainer:
    """A trainer in preflight's protocol. Each shape, seed and knob gives the same one every time."""
    rate = RATE_OF[knobs.shape] if knobs.rate is None else knobs.rate
    torch.manual_seed(knobs.seed)
    audio = make_batch(RATE, TIME, BATCH, seed=knobs.seed)
    if knobs.shape == "hifigan":
        vocoder = zero_biases(Vocoder(knobs))
        return {
            "model": vocoder,
            "batch": (log_mel(audio), audio),
            "loss": vocoder_loss,
            "optimizers": torch.optim.AdamW(vocoder.parameters(), rate, betas=(0.8, 0.99)),
            "features": log_mel,
            "sample_rate": RATE,
        }
    codec = zero_biases(Codec(knobs))
    kind = {"encodec": torch.optim.Adam, "dac": torch.optim.AdamW, "seed": torch.optim.AdamW}[
        knobs.shape
    ]
    return {
        "model": codec,
        "batch": audio,
        "loss": codec_loss,
        "optimizers": kind(codec.parameters(), rate, betas=(0.8, 0.99)),
        "sample_rate": RATE,
    }
