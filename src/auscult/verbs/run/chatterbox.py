"""`run chatterbox`: a text to speech, in the voice of a recording."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np

from auscult.errors import UsageError
from auscult.families.chatterbox.files import (
    ChatterboxFiles,
    VoiceConditioning,
    find_chatterbox_files,
    read_conditions,
)
from auscult.families.chatterbox.runtimes import (
    ChatterboxRuntime,
    DrawnNoise,
    NoiseStreams,
    RuntimeName,
    open_runtime,
    tiny_runtime,
)
from auscult.families.chatterbox.stream import (
    SpeechTokenStream,
    choose_chunking,
    iter_chunks,
    write_speech,
)
from auscult.families.chatterbox_t3.generate import Ids, draw_tokens
from auscult.families.chatterbox_t3.sampling import Sampling
from auscult.families.chatterbox_t3.text import bytes_as_tokens, normalise, tokenize
from auscult.sound.recording import Recording, read_recording
from auscult.verdict import Report, Verdict

Progress = Callable[[int, int, str], None]
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

    Returns:
        PASS; `run` has the facts.

    Raises:
        UsageError: If weights or the framework are missing, or the request does not fit the model.
        CheckpointError: If a file is not what its name says.
        AudioError: If a sound cannot be read or written, or the model has said nothing.
    """
    if (weights is None) == (not tiny):
        raise UsageError("give either the folder of the weights or --tiny", hint="--weights DIR")
    spoken_text = normalise(text)
    files = find_chatterbox_files(Path(str(weights))) if weights is not None else None
    if files is not None and voice is None and files.conditions is None:
        raise UsageError(
            "holds no voice",
            where=str(weights),
            hint="give --voice RECORDING, or put conds.pt of ResembleAI/chatterbox there",
        )
    reference = read_recording(voice) if voice is not None else None
    if files:
        ids = tokenize(spoken_text, files.tokenizer)
    else:
        ids = bytes_as_tokens(spoken_text)
    start_time = time.monotonic()
    model = open_runtime(files, runtime) if files else tiny_runtime(runtime)
    loaded_time = time.monotonic()
    conditioning = _load_conditioning(model, reference, files, exaggeration)
    sampling = Sampling(
        guidance,
        temperature,
        max_tokens=max_tokens or (TINY_TOKENS if tiny else Sampling().max_tokens),
    )
    if guidance < 0 or temperature < 0 or (chunk_seconds is not None and chunk_seconds <= 0):
        invalid_settings = (guidance, temperature, chunk_seconds)
        raise UsageError(
            "guidance and temperature are not below 0, and a chunk has some length",
            found=invalid_settings,
        )
    if tokens is None:
        decoding = model.decoder(ids, conditioning.condition, with_guidance=guidance > 0)
        token_stream = SpeechTokenStream(
            draw_tokens(
                decoding, model.t3.config, sampling, _iter_uniforms(uniforms, seed), progress
            ),
            model.t3.config,
        )
    else:
        token_stream = SpeechTokenStream(
            iter(_check_tokens(np.asarray(tokens, np.int64), model)), model.t3.config
        )
    if noise is not None:
        draws = NoiseStreams.of(noise)
    else:
        draws = model.make_noise_streams(seed)
    chunks = iter_chunks(
        model, token_stream, conditioning, draws, choose_chunking(model, chunk_seconds)
    )
    path = Path(output)
    written_speech = write_speech(chunks, model.sample_rate, path, whole=chunk_seconds is None)
    seconds_taken = time.monotonic() - loaded_time
    settings = {
        "runtime": model.name,
        "tokens": len(token_stream.tokens),
        "ended": (
            "as given"
            if tokens is not None
            else "by the model"
            if token_stream.stopped
            else "at the limit"
        ),
        "guidance": guidance,
        "temperature": temperature,
        "exaggeration": exaggeration,
        "seed": seed,
    }
    if chunk_seconds is not None:
        settings |= {"chunk seconds": chunk_seconds, "chunks": written_speech.chunks}
    facts = {
        "family": "chatterbox",
        "file": str(path),
        "seconds": written_speech.samples / model.sample_rate,
        "sample_rate": model.sample_rate,
        "channels": 1,
        "peak": written_speech.peak,
        "rms_db": float(20 * np.log10(max(written_speech.rms, 1e-12))),
        "settings": settings,
        "text": spoken_text,
        "speech_tokens": token_stream.tokens,
        "load_seconds": loaded_time - start_time,
        "first_seconds": written_speech.first_at - loaded_time,
        "took_seconds": seconds_taken,
    }
    return Report(
        "run chatterbox",
        ("a tiny random model" if tiny else str(weights),),
        Verdict.PASS,
        extra={"run": facts},
    )


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
