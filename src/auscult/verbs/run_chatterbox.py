"""`run chatterbox`: a text to speech, in the voice of a recording."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np

from auscult.errors import AudioError, UsageError
from auscult.families.chatterbox_t3.generate import Ids, Spoken, speak
from auscult.families.chatterbox_t3.sampling import Sampling
from auscult.families.chatterbox_t3.text import bytes_as_tokens, normalise, tokenize
from auscult.sound.recording import Recording, read_recording, write_recording
from auscult.verbs._chatterbox_files import Files, Heard, find, read_conditions
from auscult.verbs._chatterbox_runtimes import Noise, Runtime, RuntimeName, open_runtime, tiny_runtime
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
    noise: Noise | None = None,
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
        tokens: Speech tokens to sound as they are, instead of T3's, so that S3Gen can be compared alone.
        noise: What flow and vocoder draw, instead of the seed's.

    Returns:
        PASS; `run` has the facts.

    Raises:
        UsageError: If weights or the framework are missing, or the request does not fit the model.
        CheckpointError: If a file is not what its name says.
        AudioError: If a sound cannot be read or written, or the model has said nothing.
    """
    if (weights is None) == (not tiny):
        raise UsageError("give either the folder of the weights or --tiny", hint="--weights DIR")
    said = normalise(text)
    files = find(Path(str(weights))) if weights is not None else None
    if files is not None and voice is None and files.conditions is None:
        raise UsageError(
            "holds no voice", where=str(weights), hint="give --voice RECORDING, or put conds.pt of ResembleAI/chatterbox there"
        )
    reference = read_recording(voice) if voice is not None else None
    ids = tokenize(said, files.tokenizer) if files else bytes_as_tokens(said)
    began = time.monotonic()
    model = open_runtime(files, runtime) if files else tiny_runtime(runtime)
    loaded = time.monotonic()
    heard = _heard(model, reference, files, exaggeration)
    sampling = Sampling(guidance, temperature, max_tokens=max_tokens or (TINY_TOKENS if tiny else Sampling().max_tokens))
    spoken = None if tokens is not None else _spoken(model, ids, heard, sampling, _uniforms(uniforms, seed), progress=progress)
    sounding = spoken.tokens if spoken is not None else np.asarray(tokens, np.int64)
    _check(sounding, model)
    made = model.sound(sounding, heard, noise or model.draw(len(sounding), heard.tokens.shape[1], seed))
    took = time.monotonic() - loaded
    path = write_recording(Recording.mono_of(made, model.sample_rate, str(output)), output, exact=True)
    settings = {
        "runtime": model.name,
        "tokens": len(sounding),
        "ended": "as given" if spoken is None else "by the model" if spoken.stopped else "at the limit",
        "guidance": guidance,
        "temperature": temperature,
        "exaggeration": exaggeration,
        "seed": seed,
    }
    facts = {
        "family": "chatterbox",
        "file": str(path),
        "seconds": len(made) / model.sample_rate,
        "sample_rate": model.sample_rate,
        "channels": 1,
        "peak": float(np.abs(made).max()),
        "rms_db": float(20 * np.log10(max(float(np.sqrt(np.mean(made**2))), 1e-12))),
        "settings": settings,
        "text": said,
        "speech_tokens": sounding.tolist(),
        "load_seconds": loaded - began,
        "took_seconds": took,
    }
    return Report("run chatterbox", ("a tiny random model" if tiny else str(weights),), Verdict.PASS, extra={"run": facts})


def _heard(model: Runtime, reference: Recording | None, files: Files | None, exaggeration: float) -> Heard:
    if reference is not None:
        return model.hear(reference, exaggeration)
    if files is not None and files.conditions is not None:
        return read_conditions(files.conditions, exaggeration)
    rate = model.sample_rate  # the tiny model hears noise
    noise = 0.1 * np.random.default_rng(0).standard_normal(int(rate * TINY_SECONDS))
    return model.hear(Recording.mono_of(noise.astype(np.float32), rate), exaggeration)


def _uniforms(given: Iterable[float] | None, seed: int) -> Iterator[float]:
    if given is not None:
        for value in given:
            yield float(value)
        raise UsageError("more tokens are drawn than there are uniforms")
    rng = np.random.default_rng((seed, 0))
    while True:
        yield float(rng.random())


def _spoken(
    model: Runtime, ids: Ids, heard: Heard, sampling: Sampling, uniforms: Iterator[float], *, progress: Progress | None
) -> Spoken:
    if sampling.guidance < 0 or sampling.temperature < 0:
        raise UsageError("guidance and temperature are not below 0", found=(sampling.guidance, sampling.temperature))
    decoding = model.decoder(ids, heard.condition, with_guidance=sampling.guidance > 0)
    spoken = speak(decoding, model.t3.config, sampling, uniforms, progress)
    if not len(spoken.tokens):
        raise AudioError("the model ended before it said anything", hint="try another --seed")
    return spoken


def _check(tokens: Ids, model: Runtime) -> None:
    known = model.s3gen.config.flow.tokens
    if not len(tokens) or not 0 <= tokens.min() <= tokens.max() < known:
        raise UsageError("are no speech tokens", where="tokens", expected=f"ids below {known}", found=tokens[:8].tolist())
