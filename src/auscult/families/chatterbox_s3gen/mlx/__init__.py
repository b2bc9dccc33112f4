"""S3Gen in MLX: a reference recording and speech tokens to a waveform."""

from __future__ import annotations

from collections.abc import Mapping

import mlx.core as mx
import numpy as np
from mlx import nn
from numpy.typing import NDArray

from auscult.errors import UsageError
from auscult.families._layouts import to_torch_layout
from auscult.families._mlx import load_planned
from auscult.families.chatterbox_s3gen.config import Config, as_released
from auscult.families.chatterbox_s3gen.features import flow_mel, speaker_features, tokenizer_mel
from auscult.families.chatterbox_s3gen.mlx.flow import Flow
from auscult.families.chatterbox_s3gen.mlx.tokenizer import RELEASED, SpeechTokenizer
from auscult.families.chatterbox_s3gen.mlx.xvector import SpeakerEncoder
from auscult.families.chatterbox_s3gen.naming import released
from auscult.families.chatterbox_s3gen.signature import plan
from auscult.families.chatterbox_s3gen.voice import Voice, fade, paired
from auscult.families.hift.mlx import Generator
from auscult.weights import Array

__all__ = ["S3Gen", "build", "load"]


class S3Gen(nn.Module):
    """Called with tokens [batch, tokens] and a voice, gives samples [batch, time] at the vocoder's rate.

    Its parts, which work alone, too: `tokenizer`, `speaker_encoder`, `flow`, `mel2wav`; those that the config lacks are None.
    """

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        self.tokenizer = SpeechTokenizer(config.tokenizer) if config.tokenizer else None
        self.speaker_encoder = SpeakerEncoder(config.speaker) if config.speaker else None
        self.flow = (
            Flow(config.flow, config.speaker.embedding) if config.speaker else Flow(config.flow)
        )
        self.mel2wav = Generator(config.mel2wav) if config.mel2wav else None

    def voice(
        self, samples: NDArray[np.float32], samples_16k: NDArray[np.float32]
    ) -> Voice[mx.array]:
        """What to keep of one recording, given at the vocoder's rate (24 kHz) and at 16 kHz: [time] each.

        Raises:
            AudioError: If it is shorter than a frame.
            UsageError: If the tokenizer or the speaker encoder is not there.
        """
        if self.tokenizer is None or self.speaker_encoder is None:
            raise UsageError(
                "needs the tokenizer and the speaker encoder",
                hint="take a file that has them, such as s3gen.pt",
            )
        config = self.config.flow
        filters, window = (
            np.array(buffer) for buffer in (self.tokenizer.mel_filters, self.tokenizer.window)
        )
        heard = tokenizer_mel(samples_16k, filters, window, self.tokenizer.config.mel_bins)
        features = speaker_features(samples_16k, self.speaker_encoder.config.mel_bins)
        mel = flow_mel(samples, config.mel_bins)
        tokens = self.tokenizer(mx.array(heard.T)[None])
        xvector = self.speaker_encoder(mx.array(features)[None])
        count, frames = paired(tokens.shape[1], mel.shape[1], config.frames_per_token)
        return Voice(tokens[:, :count], mx.array(mel.T[None, :frames]), xvector)

    def __call__(
        self,
        tokens: mx.array,
        voice: Voice[mx.array],
        *,
        noise: mx.array | None = None,
        source: mx.array | None = None,
        key: mx.array | None = None,
        steps: int | None = None,
    ) -> mx.array:
        """`noise` is where the flow starts, `source` the vocoder's excitation; what is None is drawn.

        Raises:
            UsageError: If the vocoder is not there.
        """
        if self.mel2wav is None:
            raise UsageError("needs the vocoder (mel2wav)", hint="call `flow` for the mel alone")
        keys = mx.random.split(key) if key is not None else (None, None)
        mel = self.flow(
            tokens, voice.tokens, voice.mel, voice.xvector, noise=noise, key=keys[0], steps=steps
        )
        samples = self.mel2wav(mel, source=source, key=keys[1])[..., 0]
        start = mx.array(fade(self.mel2wav.config.sample_rate))[: samples.shape[1]]
        return mx.concatenate([samples[:, : len(start)] * start, samples[:, len(start) :]], axis=1)


def build(config: Config) -> S3Gen:
    """A freshly initialised model in evaluation mode; weight norm is fused in MLX."""
    module = S3Gen(as_released(config))
    module.eval()  # batch norms would use the batch
    return module


def load(module: S3Gen, state: Mapping[str, Array], prefix: str = "") -> None:
    """Fill a model strictly, from any weight-norm form, and from PyTorch's or MLX's layout, also mixed, tensor by tensor.

    Names may be the released ones, mlx-audio's, or this module's own. What mlx-audio's files have besides (its table of
    noise, positions, windows) is no weight and left out.

    Raises:
        CheckpointError: If an array is missing, of another shape, or not the model's. The module is then unchanged.
    """
    planned = plan(module.config)
    if module.tokenizer is not None:  # released files may lack the buffers of its mel
        buffers = {
            f"tokenizer.{name}": np.array(getattr(module.tokenizer, name))
            for name in ("mel_filters", "window")
        }
    else:
        buffers = {}
    settled = to_torch_layout(released(state, planned, prefix), planned)
    known = {to_ours(name): value for name, value in planned.items()}
    load_planned(module, known, buffers | {to_ours(name): array for name, array in settled.items()})


def to_ours(name: str) -> str:
    """A released name as this module has it."""
    for theirs, ours in RELEASED.items():
        name = name.replace(theirs, ours)
    return name
