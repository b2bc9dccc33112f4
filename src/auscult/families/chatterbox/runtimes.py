"""T3, S3Gen and the voice encoder in one framework: from a folder, or tiny and random."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from auscult.errors import UsageError
from auscult.families.chatterbox.files import VoiceConditioning
from auscult.families.chatterbox_s3gen import config as s3gen_config
from auscult.families.chatterbox_s3gen.features import tokenizer_mel
from auscult.families.chatterbox_s3gen.streaming import Drawn, given
from auscult.families.chatterbox_s3gen.streaming import Draws as DrawsOf
from auscult.families.chatterbox_t3.generate import Condition, Decoding, Ids
from auscult.sound.recording import Recording

RuntimeName = Literal["torch", "mlx"]
Floats = NDArray[np.float32]
PROMPT_SECONDS, REFERENCE_SECONDS = 6.0, 10.0
"""How much of a reference recording T3 and S3Gen hear; the voice encoder hears all of it."""


class DrawnNoise(NamedTuple):
    """All that is drawn between tokens and samples, in torch's order of axes.

    Attributes:
        flow: [1, mel_bins, frames], where the solver starts; the prompt's frames come first.
        phases: [1, harmonics], of the vocoder's sines, 0 for the fundamental.
        source: [1, harmonics, samples], of unit variance.
    """

    flow: Floats
    phases: Floats
    source: Floats


class NoiseStreams(NamedTuple):
    """The same, place by place: `flow` and `source` are asked for the places from and to."""

    flow: DrawsOf
    phases: Floats
    source: DrawsOf

    @classmethod
    def of(cls, noise: DrawnNoise) -> NoiseStreams:
        return cls(given(noise.flow), noise.phases, given(noise.source))


@dataclass(frozen=True)
class ChatterboxRuntime:
    """The three models in one framework; `voice` is None where the folder has no voice encoder."""

    name: RuntimeName
    t3: Any
    s3gen: Any
    voice: Any
    device: str = "cpu"

    @property
    def sample_rate(self) -> int:
        return int(self.s3gen.config.mel2wav.sample_rate)

    def extract_conditioning(self, recording: Recording, emotion: float) -> VoiceConditioning:
        """What the models keep of a reference recording.

        Raises:
            AudioError: If it is shorter than a frame.
            UsageError: If the voice encoder or the speech tokenizer is not there.
        """
        if self.voice is None:
            raise UsageError(
                "a reference needs the voice encoder",
                hint="put ve.safetensors of ResembleAI/chatterbox there",
            )
        low = recording.resample(s3gen_config.TOKENIZER_RATE)
        high = recording.resample(self.sample_rate).cut(REFERENCE_SECONDS).mono
        voice_features = self.s3gen.voice(high, low.cut(REFERENCE_SECONDS).mono)
        prompt = self._tokenize_speech(low.cut(PROMPT_SECONDS).mono)[: self.t3.config.prompt_tokens]
        condition = Condition(self.voice.speaker(low.mono), prompt, emotion)
        tokens, mel, xvector = map(
            self._to_array, (voice_features.tokens, voice_features.mel, voice_features.xvector)
        )
        mel = np.asarray(mel, np.float32)
        mel = mel.transpose(0, 2, 1) if self.name == "mlx" else mel
        return VoiceConditioning(
            condition,
            np.asarray(tokens, np.int64),
            np.ascontiguousarray(mel),
            np.asarray(xvector, np.float32),
        )

    def _to_array(self, value: Any) -> Any:
        """A tensor of the framework as a numpy array."""
        return np.array(value) if self.name == "mlx" else value.numpy(force=True)

    def _tokenize_speech(self, samples: Floats) -> Ids:
        """Speech tokens of [time] samples at 16 kHz."""
        tokenizer, bands = self.s3gen.tokenizer, self.s3gen.config.tokenizer.mel_bins
        if self.name == "mlx":
            import mlx.core as mx

            mel = tokenizer_mel(
                samples, np.array(tokenizer.mel_filters), np.array(tokenizer.window), bands
            )
            return np.asarray(np.array(tokenizer(mx.array(mel.T)[None]))[0], np.int64)
        import torch

        mel = tokenizer_mel(
            samples,
            tokenizer._mel_filters.numpy(force=True),
            tokenizer.window.numpy(force=True),
            bands,
        )
        with torch.inference_mode():
            heard = torch.from_numpy(mel)[None].to(self.device)
            return np.asarray(tokenizer(heard)[0].numpy(force=True), np.int64)

    def decoder(self, text: Ids, condition: Condition, *, with_guidance: bool) -> Decoding:
        """T3 about to say a text."""
        if self.name == "mlx":
            from auscult.families.chatterbox_t3.mlx import Decoder as DecoderMlx

            return DecoderMlx(self.t3, text, condition, with_guidance=with_guidance)
        from auscult.families.chatterbox_t3.torch import Decoder

        return Decoder(self.t3, text, condition, with_guidance=with_guidance)

    def draw(self, tokens: int, prompt: int, seed: int) -> DrawnNoise:
        """The noise for so many tokens after a prompt, the same in both frameworks."""
        streams, frames = self.make_noise_streams(seed), self.s3gen.config.flow.frames_per_token
        samples = frames * tokens * self.s3gen.config.mel2wav.hop
        return DrawnNoise(
            streams.flow(0, frames * (prompt + tokens)), streams.phases, streams.source(0, samples)
        )

    def make_noise_streams(self, seed: int) -> NoiseStreams:
        """The same noise for a sentence of which nobody knows how long it will be."""
        harmonics = self.s3gen.config.mel2wav.harmonics
        flow, phase, source = (np.random.default_rng((seed, part)) for part in (1, 2, 3))
        phases = phase.uniform(-np.pi, np.pi, (1, harmonics)).astype(np.float32)
        phases[:, 0] = 0.0
        return NoiseStreams(
            Drawn(self.s3gen.config.flow.mel_bins, flow), phases, Drawn(harmonics, source)
        )

    def mel(
        self, tokens: Ids, conditioning: VoiceConditioning, noise: Floats, *, final: bool = True
    ) -> Floats:
        """Speech tokens [tokens] to [1, mel_bins, frames]; unless they are the `final` ones, without the last ones' frames."""
        arrays = tokens[None], conditioning.tokens, conditioning.mel, conditioning.xvector
        return self._call(self.s3gen.flow, *arrays, noise=noise, final=final)

    def f0(self, mel: Floats) -> Floats:
        """See `auscult.families.chatterbox_s3gen.streaming.Vocoder`; so the next two."""
        return self._call(self.s3gen.mel2wav.f0_predictor, mel)

    def source(self, f0: Floats, phases: Floats, noise: Floats) -> Floats:
        if self.name == "mlx":
            return self._call(
                partial(self.s3gen.mel2wav.source, noise=_to_mlx_array(noise, channels_last=False)),
                f0,
                phases=phases,
            )
        return self._call(self.s3gen.mel2wav.source, f0, phases=phases, noise=noise)

    def decode(self, mel: Floats, source: Floats) -> Floats:
        samples: Floats = self._call(self.s3gen.mel2wav.decode, mel, source)[0, 0]
        return samples

    def _call(self, function: Callable[..., Any], *inputs: Any, **named_values: Any) -> Floats:
        """Numpy in and out, [batch, channels, time] on both sides, though MLX has channels last."""
        if self.name == "mlx":
            result = np.array(
                function(
                    *map(_to_mlx_array, inputs),
                    **{name: _to_mlx_array(value) for name, value in named_values.items()},
                )
            )
            return np.asarray(result.transpose(0, 2, 1) if result.ndim == 3 else result, np.float32)
        import torch

        with torch.inference_mode():
            arrays = [torch.from_numpy(value).to(self.device) for value in inputs]
            keywords = {
                name: torch.from_numpy(value).to(self.device)
                if isinstance(value, np.ndarray)
                else value
                for name, value in named_values.items()
            }
            return np.asarray(function(*arrays, **keywords).numpy(force=True), np.float32)


def _to_mlx_array(value: Any, *, channels_last: bool = True) -> Any:
    """An array with channels last; anything else as it is."""
    import mlx.core as mx

    if not isinstance(value, np.ndarray):
        return value
    return mx.array(value.transpose(0, 2, 1) if channels_last and value.ndim == 3 else value)
