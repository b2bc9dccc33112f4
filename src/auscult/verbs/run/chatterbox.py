"""`run chatterbox`: a text to speech, in the voice of a recording."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from auscult.errors import UsageError
from auscult.facts.progress import Progress
from auscult.families.chatterbox.files import (
    ChatterboxFiles,
    VoiceConditioning,
    find_chatterbox_files,
    read_conditions,
)
from auscult.families.chatterbox.open_runtime import open_runtime, tiny_runtime
from auscult.families.chatterbox.runtimes import (
    ChatterboxRuntime,
    DrawnNoise,
    Floats,
    NoiseStreams,
    RuntimeName,
)
from auscult.families.chatterbox.stream import (
    SpeechTokenStream,
    WrittenSpeech,
    choose_chunking,
    iter_chunks,
    write_speech,
)
from auscult.families.chatterbox_t3.generate import Ids, draw_tokens
from auscult.families.chatterbox_t3.sampling import Sampling
from auscult.families.chatterbox_t3.text import bytes_as_tokens, normalise, tokenize
from auscult.report.sections.run import RunSection
from auscult.runtime.device import DeviceName, prepare_device
from auscult.sound.recording import Recording, read_recording
from auscult.verdict import Report, Verdict

TINY_TOKENS, TINY_SECONDS = 40, 2.0


def run_chatterbox(
    text: str,
    output: str | Path,
    *,
    voice: str | Path | None = None,
    weights: str | Path | None = None,
    tiny: bool = False,
    runtime: RuntimeName = "torch",
    seed: int = 0,
    exaggeration: float = 0.5,
    guidance: float = 0.5,
    temperature: float = 0.8,
    max_tokens: int | None = None,
    uniforms: Iterable[float] | None = None,
    tokens: Ids | None = None,
    noise: DrawnNoise | None = None,
    chunk_seconds: float | None = None,
    device: DeviceName | None = None,
    progress: Progress | None = None,
) -> Report:
    """Say a text and write it as sound, in 32-bit floats where the file is WAV.

    Args:
        voice: A recording of who is to speak; the voice in the folder's `conds.pt`, if None.
        weights: Folder with the model's parts; see the error that a missing part gives.
        tiny: Random models of toy sizes instead.
        seed: The same seed draws the same in torch and MLX.
        exaggeration: How expressive; 0.5 is neutral.
        guidance: How strictly the text is followed; 0 is without, and twice as fast.
        max_tokens: Where speech that does not end is cut: 25 a second; 1000, if None.
        uniforms: What the tokens are drawn with, one in [0, 1) each, instead of the seed's.
        tokens: Speech tokens to sound as they are, instead of T3's, so that S3Gen can be compared
            alone.
        noise: What flow and vocoder draw, instead of the seed's.
        chunk_seconds: Write chunk after chunk of that length, while T3 is still speaking, into a
            file that grows under its own name. What fits into one chunk sounds as it does without;
            in a longer one every chunk is rendered from what is known by then. All at once, if
            None.
        device: Where the models run; the processor, if None.

    Returns:
        PASS; `run` has the facts.

    Raises:
        UsageError: If weights or the framework are missing, or the request does not fit the model.
        CheckpointError: If a file is not what its name says.
        AudioError: If a sound cannot be read or written, or the model has said nothing.
    """
    files = _find_files(weights, tiny=tiny, has_voice=voice is not None)
    reference = None if voice is None else read_recording(voice)
    sampling = _choose_sampling(guidance, temperature, max_tokens, tiny=tiny)
    request = _SpeechRequest(
        normalise(text), sampling, exaggeration, seed, uniforms, tokens, noise, chunk_seconds
    )
    request.check_settings()
    start_time = time.monotonic()
    model = _open_model(files, runtime, device)
    loaded_time = time.monotonic()
    conditioning = _load_conditioning(model, reference, files, exaggeration)
    token_stream = _open_token_stream(model, request, files, conditioning, progress)
    chunks = _iter_speech_chunks(model, request, token_stream, conditioning)
    speech = write_speech(chunks, model.sample_rate, Path(output), whole=chunk_seconds is None)
    facts = _describe_speech(model, request, token_stream, speech, Path(output))
    facts["load_seconds"] = loaded_time - start_time
    facts["first_seconds"] = speech.first_at - loaded_time
    facts["took_seconds"] = time.monotonic() - loaded_time
    subject = "a tiny random model" if tiny else str(weights)
    return Report("run chatterbox", (subject,), Verdict.PASS, section=RunSection(facts))


def _open_model(
    files: ChatterboxFiles | None, runtime: RuntimeName, device: DeviceName | None
) -> ChatterboxRuntime:
    """The models of a folder, or the tiny ones."""
    prepare_device(device, runtime, extra="run")
    if files is None:
        return tiny_runtime(runtime, device)
    return open_runtime(files, runtime, device)


@dataclass(frozen=True, eq=False)
class _SpeechRequest:
    """What is asked of the model; the arguments of `run_chatterbox` say what each means."""

    text: str
    sampling: Sampling
    exaggeration: float
    seed: int
    uniforms: Iterable[float] | None
    tokens: Ids | None
    noise: DrawnNoise | None
    chunk_seconds: float | None

    def check_settings(self) -> None:
        """Refuse settings that have no meaning.

        Raises:
            UsageError: If there is one.
        """
        guidance, temperature = self.sampling.guidance, self.sampling.temperature
        is_empty_chunk = self.chunk_seconds is not None and self.chunk_seconds <= 0
        if guidance < 0 or temperature < 0 or is_empty_chunk:
            raise UsageError(
                "guidance and temperature are not below 0, and a chunk has some length",
                found=(guidance, temperature, self.chunk_seconds),
            )


def _find_files(
    weights: str | Path | None, *, tiny: bool, has_voice: bool
) -> ChatterboxFiles | None:
    """The model's files; None for the tiny model.

    Raises:
        UsageError: If neither or both were asked for, or nothing says who is to speak.
    """
    if (weights is None) == (not tiny):
        raise UsageError("give either the folder of the weights or --tiny", hint="--weights DIR")
    if weights is None:
        return None
    files = find_chatterbox_files(Path(weights))
    if not has_voice and files.conditions is None:
        raise UsageError(
            "holds no voice",
            where=str(weights),
            hint="give --voice RECORDING, or put conds.pt of ResembleAI/chatterbox there",
        )
    return files


def _choose_sampling(
    guidance: float, temperature: float, max_tokens: int | None, *, tiny: bool
) -> Sampling:
    limit = max_tokens
    if not limit:
        limit = TINY_TOKENS if tiny else Sampling().max_tokens
    return Sampling(guidance, temperature, max_tokens=limit)


def _open_token_stream(
    model: ChatterboxRuntime,
    request: _SpeechRequest,
    files: ChatterboxFiles | None,
    conditioning: VoiceConditioning,
    progress: Progress | None,
) -> SpeechTokenStream:
    """The speech tokens: as they are given, or as T3 draws them."""
    config = model.t3.config
    if request.tokens is not None:
        given_tokens = _check_tokens(np.asarray(request.tokens, np.int64), model)
        return SpeechTokenStream(iter(given_tokens), config)
    if files is None:
        ids = bytes_as_tokens(request.text)
    else:
        ids = tokenize(request.text, files.tokenizer)
    with_guidance = request.sampling.guidance > 0
    decoding = model.decoder(ids, conditioning.condition, with_guidance=with_guidance)
    uniforms = _iter_uniforms(request.uniforms, request.seed)
    drawn_tokens = draw_tokens(decoding, config, request.sampling, uniforms, progress)
    return SpeechTokenStream(drawn_tokens, config)


def _iter_speech_chunks(
    model: ChatterboxRuntime,
    request: _SpeechRequest,
    token_stream: SpeechTokenStream,
    conditioning: VoiceConditioning,
) -> Iterator[Floats]:
    """The sound of the tokens, chunk by chunk, with the noise that is given or the seed's."""
    if request.noise is None:
        noise_streams = model.make_noise_streams(request.seed)
    else:
        noise_streams = NoiseStreams.of(request.noise)
    chunking = choose_chunking(model, request.chunk_seconds)
    return iter_chunks(model, token_stream, conditioning, noise_streams, chunking)


def _describe_speech(
    model: ChatterboxRuntime,
    request: _SpeechRequest,
    token_stream: SpeechTokenStream,
    speech: WrittenSpeech,
    path: Path,
) -> dict[str, object]:
    """The facts under `run` that say what was made, and with what settings."""
    if request.tokens is not None:
        end = "as given"
    elif token_stream.stopped:
        end = "by the model"
    else:
        end = "at the limit"
    settings: dict[str, object] = {
        "runtime": model.name,
        "tokens": len(token_stream.tokens),
        "ended": end,
        "guidance": request.sampling.guidance,
        "temperature": request.sampling.temperature,
        "exaggeration": request.exaggeration,
        "seed": request.seed,
    }
    if request.chunk_seconds is not None:
        settings |= {"chunk seconds": request.chunk_seconds, "chunks": speech.chunks}
    return {
        "family": "chatterbox",
        "file": str(path),
        "seconds": speech.samples / model.sample_rate,
        "sample_rate": model.sample_rate,
        "channels": 1,
        "peak": speech.peak,
        "rms_db": float(20 * np.log10(max(speech.rms, 1e-12))),
        "settings": settings,
        "text": request.text,
        "speech_tokens": token_stream.tokens,
    }


def _load_conditioning(
    model: ChatterboxRuntime,
    reference: Recording | None,
    files: ChatterboxFiles | None,
    exaggeration: float,
) -> VoiceConditioning:
    if reference is not None:
        return model.extract_conditioning(reference, exaggeration)
    if files is not None and files.conditions is not None:
        return read_conditions(files.conditions, exaggeration)
    rate = model.sample_rate  # the tiny model hears noise
    noise = 0.1 * np.random.default_rng(0).standard_normal(int(rate * TINY_SECONDS))
    return model.extract_conditioning(
        Recording.from_mono(noise.astype(np.float32), rate), exaggeration
    )


def _iter_uniforms(uniforms: Iterable[float] | None, seed: int) -> Iterator[float]:
    if uniforms is not None:
        for value in uniforms:
            yield float(value)
        raise UsageError("more tokens are drawn than there are uniforms")
    rng = np.random.default_rng((seed, 0))
    while True:
        yield float(rng.random())


def _check_tokens(tokens: Ids, model: ChatterboxRuntime) -> list[int]:
    token_count = model.s3gen.config.flow.tokens
    if not len(tokens) or not 0 <= tokens.min() <= tokens.max() < token_count:
        raise UsageError(
            "are no speech tokens",
            where="tokens",
            expected=f"ids below {token_count}",
            found=tokens[:8].tolist(),
        )
    return [int(token) for token in tokens]
