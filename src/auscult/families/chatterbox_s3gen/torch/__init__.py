"""S3Gen in PyTorch: a reference recording and speech tokens to a waveform."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from auscult.errors import UsageError
from auscult.families import _torch
from auscult.families._layouts import to_torch_layout
from auscult.families._torch import WeightNormForm
from auscult.families.chatterbox_s3gen.config import Config, as_released
from auscult.families.chatterbox_s3gen.features import flow_mel, speaker_features, tokenizer_mel
from auscult.families.chatterbox_s3gen.naming import released
from auscult.families.chatterbox_s3gen.signature import plan
from auscult.families.chatterbox_s3gen.torch.flow import Flow
from auscult.families.chatterbox_s3gen.torch.tokenizer import SpeechTokenizer
from auscult.families.chatterbox_s3gen.torch.xvector import SpeakerEncoder
from auscult.families.chatterbox_s3gen.voice import Voice, fade, paired
from auscult.families.hift.torch import Generator

__all__ = ["S3Gen", "build", "load"]

BUFFERS = ("tokenizer._mel_filters", "tokenizer.window")
"""Tensors that a released file may lack, and that are then as they were built."""


class S3Gen(nn.Module):
    """`forward(tokens [batch, tokens], voice)` gives samples [batch, time] at the vocoder's rate.

    Its parts, which work alone, too: `tokenizer`, `speaker_encoder`, `flow`, `mel2wav`; those that the config lacks are None.
    """

    def __init__(self, config: Config, form: WeightNormForm) -> None:
        super().__init__()
        self.config = config
        self.tokenizer = SpeechTokenizer(config.tokenizer) if config.tokenizer else None
        self.speaker_encoder = SpeakerEncoder(config.speaker) if config.speaker else None
        self.flow = (
            Flow(config.flow, config.speaker.embedding) if config.speaker else Flow(config.flow)
        )
        self.mel2wav = Generator(config.mel2wav, form) if config.mel2wav else None

    def voice(
        self, samples: NDArray[np.float32], samples_16k: NDArray[np.float32]
    ) -> Voice[Tensor]:
        """What to keep of one recording, given at the vocoder's rate (24 kHz) and at 16 kHz: [time] each.

        Raises:
            AudioError: If it is shorter than a frame.
            UsageError: If the tokenizer or the speaker encoder is not there.
        """
        if self.tokenizer is None or self.speaker_encoder is None or self.config.tokenizer is None:
            raise UsageError(
                "needs the tokenizer and the speaker encoder",
                hint="take a file that has them, such as s3gen.pt",
            )
        config, like = self.config.flow, self.flow.encoder_proj.weight
        filters, window = (
            buffer.float().numpy(force=True)
            for buffer in (self.tokenizer._mel_filters, self.tokenizer.window)
        )
        heard = tokenizer_mel(samples_16k, filters, window, self.config.tokenizer.mel_bins)
        features = speaker_features(samples_16k, self.speaker_encoder.config.mel_bins)
        mel = flow_mel(samples, config.mel_bins)
        with torch.no_grad():
            tokens = self.tokenizer(torch.from_numpy(heard)[None].to(like))
            xvector = self.speaker_encoder(torch.from_numpy(features)[None].to(like))
        count, frames = paired(tokens.shape[1], mel.shape[1], config.frames_per_token)
        return Voice(tokens[:, :count], torch.from_numpy(mel[None, :, :frames]).to(like), xvector)

    def forward(
        self,
        tokens: Tensor,
        voice: Voice[Tensor],
        *,
        noise: Tensor | None = None,
        source: Tensor | None = None,
        generator: torch.Generator | None = None,
        steps: int | None = None,
    ) -> Tensor:
        """`noise` is where the flow starts, `source` the vocoder's excitation; what is None is drawn.

        Raises:
            UsageError: If the vocoder is not there.
        """
        if self.mel2wav is None:
            raise UsageError("needs the vocoder (mel2wav)", hint="call `flow` for the mel alone")
        mel = self.flow(
            tokens,
            voice.tokens,
            voice.mel,
            voice.xvector,
            noise=noise,
            generator=generator,
            steps=steps,
        )
        samples: Tensor = self.mel2wav(mel, source=source, generator=generator)[:, 0]
        start = torch.from_numpy(fade(self.mel2wav.config.sample_rate)).to(samples)[
            : samples.shape[1]
        ]
        return torch.cat((samples[:, : len(start)] * start, samples[:, len(start) :]), dim=1)


def build(config: Config, form: WeightNormForm = "fused") -> S3Gen:
    """A freshly initialised model, with the vocoder's weight norm in the given form. `load` fills it from any form."""
    return S3Gen(as_released(config), form)


def load(module: S3Gen, state: Mapping[str, Tensor], prefix: str = "") -> None:
    """Fill a model strictly, from any weight-norm form, and from PyTorch's or MLX's layout, also mixed, tensor by tensor.

    Names may be the released ones or mlx-audio's. Released files may lack the buffers of the tokenizer's mel.

    Raises:
        CheckpointError: If a tensor is missing, of another shape, or not the model's. The module is then unchanged.
    """
    planned = plan(module.config)
    weights = released(state, planned, prefix)
    arrays = {  # numpy has no bfloat16
        name: (value.float() if value.dtype is torch.bfloat16 else value).numpy(force=True)
        for name, value in weights.items()
    }
    settled = {
        name: torch.from_numpy(array) for name, array in to_torch_layout(arrays, planned).items()
    }
    own = module.state_dict()
    kept = {
        name: value
        for name, value in own.items()
        if name in BUFFERS or name.endswith("num_batches_tracked")
    }
    _torch.load(module, kept | settled)
