"""Trainers of the packages that people train: encodec, descript-audio-codec, vector-quantize-pytorch, transformers; made small.

encodec imports torchaudio and dac imports audiotools and argbind, for files and command lines that are not used here: where
these are not installed, empty modules stand for them.
"""

from __future__ import annotations

import contextlib
import importlib
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn

from auscult.preflight_checks.material import make_batch
from corpus.training.trainers import (
    DIM,
    RATE,
    Knobs,
    Trainer,
    make_decoder,
    make_encoder,
    mel_loss,
    wave_loss,
    zero_biases,
)

TIME, BATCH = 4000, 2


@contextlib.contextmanager
def stub_unused_imports() -> Iterator[None]:
    """Empty modules for what is imported and not used, as far as it is not installed."""
    stubbed_names = []
    for name in (
        "torchaudio",
        "torchaudio.transforms",
        "torchaudio.functional",
        "audiotools",
        "audiotools.ml",
        "argbind",
    ):
        try:
            importlib.import_module(name)
        except ImportError:
            sys.modules[name] = _EmptyModule(name)
            stubbed_names.append(name)
    try:
        yield
    finally:
        for name in stubbed_names:
            del sys.modules[name]


class _EmptyModule(ModuleType):
    """A module whose every name is a class (of modules, for audiotools' BaseModel) or an empty decorator."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if f"{self.__name__}.{name}" in sys.modules:
            return sys.modules[f"{self.__name__}.{name}"]
        if name == "bind":
            return lambda *arguments, **_: (
                arguments[0] if arguments and callable(arguments[0]) else lambda function: function
            )
        return _Base if name == "BaseModel" else object


class _Base(nn.Module):
    """What DAC's modules derive from."""

    INTERN: tuple[str, ...] | list[str] = []  # noqa: RUF012
    EXTERN: tuple[str, ...] | list[str] = []  # noqa: RUF012

    @property
    def device(self) -> torch.device:
        return next(self.parameters()).device


def make_audio(seed: int, gain: float = 1.0) -> Tensor:
    return gain * make_batch(RATE, TIME, BATCH, seed=seed)


class Encodec(nn.Module):
    """The package's encoder, quantizer and decoder, in the order of its paper's training."""

    def __init__(self) -> None:
        super().__init__()
        modules, quantization = (
            importlib.import_module("encodec.modules"),
            importlib.import_module("encodec.quantization"),
        )
        shape = {
            "channels": 1,
            "dimension": 16,
            "n_filters": 4,
            "ratios": [8, 5],
            "lstm": 1,
            "n_residual_layers": 1,
        }
        self.encoder, self.decoder = modules.SEANetEncoder(**shape), modules.SEANetDecoder(**shape)
        self.quantizer = quantization.ResidualVectorQuantizer(dimension=16, n_q=4, bins=64)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        result = self.quantizer(self.encoder(x), RATE / 40)
        return {
            "audio": self.decoder(result.quantized)[..., : x.shape[-1]],
            "commitment": result.penalty,
        }


def make_encodec_trainer(seed: int = 0) -> Trainer:
    torch.manual_seed(seed)
    with stub_unused_imports():
        model = Encodec()

    def loss(output: dict[str, Tensor], batch: Tensor) -> dict[str, Tensor]:
        wave, mel = wave_loss(output["audio"], batch), mel_loss(output["audio"], batch)
        return {"wave": 10 * wave, "mel": mel, "commitment": output["commitment"]}

    return _make_trainer(
        model, make_audio(seed), loss, torch.optim.Adam(model.parameters(), 3e-4, betas=(0.5, 0.9))
    )


def make_dac_trainer(seed: int = 0) -> Trainer:
    torch.manual_seed(seed)
    with stub_unused_imports():
        package = importlib.import_module("dac")
        model = package.DAC(
            **{
                "encoder_dim": 8,
                "encoder_rates": [5, 8],
                "latent_dim": 32,
                "decoder_dim": 32,
                "decoder_rates": [8, 5],
            },
            **{
                "n_codebooks": 4,
                "codebook_size": 64,
                "codebook_dim": 8,
                "quantizer_dropout": 0.0,
                "sample_rate": RATE,
            },
        )

    def loss(output: dict[str, Tensor], batch: Tensor) -> dict[str, Tensor]:
        rebuilt = output["audio"]
        mel = 15 * mel_loss(rebuilt, batch[..., : rebuilt.shape[-1]])
        return {
            "mel": mel,
            "commitment": 0.25 * output["vq/commitment_loss"],
            "book": output["vq/codebook_loss"],
        }

    trainer = _make_trainer(
        model,
        make_audio(seed, 3.0),
        loss,
        torch.optim.AdamW(model.parameters(), 1e-4, betas=(0.8, 0.99)),
    )
    return {**trainer, "forward": lambda batch: model(batch, RATE)}


class Lucid(nn.Module):
    """A small codec round one of vector-quantize-pytorch's quantizers."""

    def __init__(self, kind: str, **options: Any) -> None:
        super().__init__()
        self.encoder, self.decoder = make_encoder(Knobs("encodec")), make_decoder(Knobs("encodec"))
        self.quantizer = getattr(importlib.import_module("vector_quantize_pytorch"), kind)(
            dim=DIM, codebook_size=64, **options
        )

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        quantized, _, loss = self.quantizer(self.encoder(x).transpose(1, 2))
        return {"audio": self.decoder(quantized.transpose(1, 2)), "commitment": loss.sum()}


def make_lucid_trainer(kind: str, seed: int = 0, **options: Any) -> Trainer:
    torch.manual_seed(seed)
    model = zero_biases(Lucid(kind, kmeans_init=True, threshold_ema_dead_code=2, **options))

    def loss(output: dict[str, Tensor], batch: Tensor) -> dict[str, Tensor]:
        wave, mel = wave_loss(output["audio"], batch), mel_loss(output["audio"], batch)
        return {"wave": 10 * wave, "mel": mel, "commitment": output["commitment"]}

    return _make_trainer(model, make_audio(seed), loss, torch.optim.Adam(model.parameters(), 1e-3))


def build_transformers_model(name: str, seed: int = 0) -> nn.Module:
    """`EncodecModel` or `DacModel` with random weights and few channels."""
    package = importlib.import_module("transformers")
    torch.manual_seed(seed)
    if name == "DacModel":
        config = package.DacConfig(
            **{
                "encoder_hidden_size": 8,
                "downsampling_ratios": [5, 8],
                "decoder_hidden_size": 32,
                "upsampling_ratios": [8, 5],
            },
            **{
                "n_codebooks": 4,
                "codebook_size": 64,
                "codebook_dim": 8,
                "hidden_size": 32,
                "sampling_rate": RATE,
                "quantizer_dropout": 0.0,
            },
        )
    else:
        config = package.EncodecConfig(
            **{
                "num_filters": 4,
                "upsampling_ratios": [8, 5],
                "codebook_size": 64,
                "hidden_size": 16,
                "codebook_dim": 16,
            },
            **{
                "sampling_rate": RATE,
                "target_bandwidths": [9.6],
                "num_lstm_layers": 1,
                "audio_channels": 1,
            },
        )
    model: nn.Module = getattr(package, name)(config)
    return model


def _make_trainer(
    model: nn.Module, batch: Tensor, loss: Any, optimizer: torch.optim.Optimizer
) -> Trainer:
    return {
        "model": model,
        "batch": batch,
        "loss": loss,
        "optimizers": optimizer,
        "sample_rate": RATE,
    }
