"""T3, S3Gen and the voice encoder in one framework: from a folder, or tiny and random."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from auscult.errors import UsageError
from auscult.facts.install import format_install_command
from auscult.families.chatterbox.files import ChatterboxFiles, VoiceConditioning, read
from auscult.families.chatterbox_s3gen import config as s3gen_config
from auscult.families.chatterbox_s3gen import signature as s3gen_signature
from auscult.families.chatterbox_s3gen.features import tokenizer_mel
from auscult.families.chatterbox_s3gen.streaming import Drawn, given
from auscult.families.chatterbox_s3gen.streaming import Draws as DrawsOf
from auscult.families.chatterbox_t3 import config as t3_config
from auscult.families.chatterbox_t3 import signature as t3_signature
from auscult.families.chatterbox_t3.generate import Condition, Decoding, Ids
from auscult.families.chatterbox_voice_encoder import config as voice_config
from auscult.families.chatterbox_voice_encoder import signature as voice_signature
from auscult.families.stable_audio.runtimes import draw_random_state
from auscult.sound.recording import Recording
from auscult.weights import Array

RuntimeName = Literal["torch", "mlx"]
Floats = NDArray[np.float32]
PROMPT_SECONDS, REFERENCE_SECONDS = 6.0, 10.0
"""How much of a reference recording T3 and S3Gen hear; the voice encoder hears all of it."""


class ModelPart(NamedTuple):
    """A model's arrays under torch's names, and its config."""

    state: dict[str, Array]
    config: Any


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
        mel = np.asarray(voice_features.mel, np.float32)
        mel = mel.transpose(0, 2, 1) if self.name == "mlx" else mel
        return VoiceConditioning(
            condition,
            np.asarray(voice_features.tokens, np.int64),
            np.ascontiguousarray(mel),
            np.asarray(voice_features.xvector, np.float32),
        )

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
            samples, tokenizer._mel_filters.numpy(), tokenizer.window.numpy(), bands
        )
        with torch.inference_mode():
            return np.asarray(tokenizer(torch.from_numpy(mel)[None])[0].numpy(), np.int64)

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
            arrays = [torch.from_numpy(value) for value in inputs]
            keywords = {
                name: torch.from_numpy(value) if isinstance(value, np.ndarray) else value
                for name, value in named_values.items()
            }
            return np.asarray(function(*arrays, **keywords).numpy(), np.float32)


def _to_mlx_array(value: Any, *, channels_last: bool = True) -> Any:
    """An array with channels last; anything else as it is."""
    import mlx.core as mx

    if not isinstance(value, np.ndarray):
        return value
    return mx.array(value.transpose(0, 2, 1) if channels_last and value.ndim == 3 else value)


def open_runtime(files: ChatterboxFiles, name: RuntimeName = "torch") -> ChatterboxRuntime:
    """The models of a folder.

    Raises:
        UsageError: If the framework is not installed, or T3 is one that cannot be run here.
        CheckpointError: If a file is not what its name says, or does not fit the model.
    """
    s3gen = ModelPart(*read(files.s3gen, "s3gen"))
    if s3gen.config.mel2wav is None:
        raise UsageError(
            "has no vocoder (mel2wav)",
            where=str(files.s3gen),
            hint="take the whole s3gen.safetensors",
        )
    voice = ModelPart(*read(files.ve, "ve")) if files.ve else None
    t3 = ModelPart(*read(files.t3, "t3"))
    if t3.config.text_tokens == t3_config.PUBLISHED["multilingual"].text_tokens:
        hint = "take t3_cfg.safetensors, the English model"
        raise UsageError(
            "is the multilingual T3, whose text has to be prepared by language",
            where=str(files.t3),
            hint=hint,
        )
    return build_runtime(t3, s3gen, voice, name)


def tiny_runtime(name: RuntimeName = "torch") -> ChatterboxRuntime:
    """Random models of toy sizes, the same weights in both frameworks; what they say means nothing.

    Raises:
        UsageError: If the framework is not installed.
    """
    t3, s3gen, voice = t3_config.tiny(), s3gen_config.tiny(), voice_config.tiny()
    return build_runtime(
        ModelPart(draw_random_state(t3_signature.plan(t3), 1), t3),
        ModelPart(
            draw_random_state(s3gen_signature.plan(s3gen), 2) | _make_variances(s3gen), s3gen
        ),
        ModelPart(draw_random_state(voice_signature.plan(voice), 3), voice),
        name,
    )


def _make_variances(config: s3gen_config.Config) -> dict[str, Array]:
    """Variances of batch norms, which cannot be negative."""
    plan = s3gen_signature.plan(config)
    return {
        name: np.ones(planned.shape, np.float32)
        for name, planned in plan.items()
        if name.endswith("running_var")
    }


def build_runtime(
    t3: ModelPart, s3gen: ModelPart, voice: ModelPart | None, name: RuntimeName
) -> ChatterboxRuntime:
    """The models in a framework, each filled strictly."""
    return (_build_mlx_runtime if name == "mlx" else _build_torch_runtime)(t3, s3gen, voice)


def _build_torch_runtime(
    t3: ModelPart, s3gen: ModelPart, voice: ModelPart | None
) -> ChatterboxRuntime:
    try:
        import torch
    except ImportError as error:
        raise UsageError(
            "running the model needs PyTorch", hint=format_install_command("run")
        ) from error
    from auscult.families.chatterbox_s3gen import torch as flow
    from auscult.families.chatterbox_t3 import torch as speech
    from auscult.families.chatterbox_voice_encoder import torch as speaker

    def fill_model(module: Any, part: ModelPart) -> Any:
        model = module.build(part.config).eval()
        module.load(model, {name: torch.from_numpy(value) for name, value in part.state.items()})
        return model

    return ChatterboxRuntime(
        "torch",
        fill_model(speech, t3),
        fill_model(flow, s3gen),
        fill_model(speaker, voice) if voice else None,
    )


def _build_mlx_runtime(
    t3: ModelPart, s3gen: ModelPart, voice: ModelPart | None
) -> ChatterboxRuntime:
    try:
        import mlx.core  # noqa: F401
    except ImportError as error:
        raise UsageError(
            "running the model needs MLX", hint=format_install_command("mlx")
        ) from error
    from auscult.families.chatterbox_s3gen import mlx as flow
    from auscult.families.chatterbox_t3 import mlx as speech
    from auscult.families.chatterbox_voice_encoder import mlx as speaker

    def fill_model(module: Any, part: ModelPart) -> Any:
        model = module.build(part.config)
        module.load(model, part.state)
        return model

    return ChatterboxRuntime(
        "mlx",
        fill_model(speech, t3),
        fill_model(flow, s3gen),
        fill_model(speaker, voice) if voice else None,
    )
