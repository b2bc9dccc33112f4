"""`run stable-audio`: a prompt to stereo sound."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from auscult.errors import UsageError
from auscult.families.stable_audio.config import Config
from auscult.families.stable_audio.generate import Floats, Made, Request, generate
from auscult.families.stable_audio.runtimes import RuntimeName, open_runtime, tiny_runtime
from auscult.families.stable_audio.samplers import SAMPLERS, fitting
from auscult.finding import Finding, Fix, Severity
from auscult.rules.parity.par043_sampler_mismatch import CODE, NAME
from auscult.sound.recording import Recording, read_recording, write_recording
from auscult.verdict import Report, Verdict

Progress = Callable[[int, int, str], None]


def run_stable_audio(
    prompt: str,
    output: str | Path,
    *,
    weights: str | Path | None = None,
    tiny: bool = False,
    runtime: RuntimeName | None = None,
    seconds: float | None = None,
    seconds_start: float = 0.0,
    sampler: str | None = None,
    steps: int | None = None,
    guidance: float | None = None,
    seed: int = 0,
    negative: str | None = None,
    init_audio: str | Path | None = None,
    init_noise: float = 0.9,
    inpaint: str | Path | None = None,
    keep: Sequence[tuple[float, float]] = (),
    normalize: bool = False,
    progress: Progress | None = None,
) -> Report:
    """Make a sound from a prompt and write it, in 32-bit floats at the loudness that the model gave
    it.

    Args:
        weights: Folder with the model's parts; see the error that a missing part gives.
        tiny: A random model of toy sizes instead.
        seconds: Length of the sound, which the model is told too; all that the model makes, if
            None.
        seconds_start: Told to the models that take it (Stable Audio Open 1.0).
        sampler, steps, guidance: What fits the model, if None.
        init_audio: A sound to vary, with `init_noise` of the noise. `inpaint`: one to fill in but
            for the spans `keep`, in seconds, where the model is made for that.
        normalize: Scale the sound so that its peak is full scale.

    Returns:
        PASS, with the warning `sampler-mismatch` where sampler or guidance are not the model's;
        `run` has the facts.

    Raises:
        UsageError: If weights are missing, or the request does not fit the model.
        AudioError: If a sound cannot be read or written.
    """
    if (weights is None) == (not tiny):
        raise UsageError("give either the folder of the weights or --tiny", hint="--weights DIR")
    if not Path(output).parent.is_dir():
        raise UsageError(
            "is no folder to write to", where=str(Path(output).parent), hint="make it first"
        )
    initial_recording, inpaint_recording = (
        None if path is None else read_recording(path) for path in (init_audio, inpaint)
    )
    if tiny:
        model, tokens = tiny_runtime(runtime)
    else:
        model, tokens = open_runtime(Path(str(weights)), runtime)
    config = model.config
    total_seconds = config.seconds if seconds is None else seconds
    number_values = {"seconds_start": seconds_start, "seconds_total": total_seconds}
    request = Request(
        tokens(prompt),
        {name: number_values[name] for name in config.numbers},
        seconds,
        sampler,
        steps,
        guidance,
        seed,
        tokens(negative) if negative else None,
        initial=_resample_sound(initial_recording, config),
        initial_noise=init_noise,
        inpaint=_resample_sound(inpaint_recording, config),
        keep=keep,
    )
    start_time = time.monotonic()
    generated = generate(model, request, progress)
    seconds_taken = time.monotonic() - start_time
    samples = scale_to_peak(generated.audio) if normalize else generated.audio
    path = write_recording(Recording(samples, config.sample_rate, str(output)), output, exact=True)
    facts = {
        "family": "stable-audio",
        "file": str(path),
        **_describe_sound(samples, config),
        "settings": {"runtime": model.name, **_describe_settings(config, generated), "seed": seed},
        "took_seconds": seconds_taken,
    }
    subject = "a tiny random model" if tiny else str(weights)
    findings = find_mismatches(config, generated)
    return Report(
        "run stable-audio", (subject,), Verdict.PASS, findings=findings, extra={"run": facts}
    )


def _describe_sound(samples: Floats, config: Config) -> dict[str, object]:
    level = float(np.sqrt(np.mean(samples**2)))
    return {
        "seconds": samples.shape[1] / config.sample_rate,
        "sample_rate": config.sample_rate,
        "channels": samples.shape[0],
        "peak": float(np.abs(samples).max()),
        "rms_db": float(20 * np.log10(max(level, 1e-12))),
    }


def _describe_settings(config: Config, generated: Made) -> dict[str, object]:
    return {
        "objective": config.objective,
        "sampler": generated.sampler,
        "steps": generated.steps,
        "guidance": generated.guidance,
    }


def _resample_sound(recording: Recording | None, config: Config) -> Floats | None:
    if recording is None:
        return None
    return recording.resample(config.sample_rate).samples


def scale_to_peak(samples: Floats) -> Floats:
    """The sound with its peak at full scale; silence stays silence."""
    peak = float(np.abs(samples).max())
    if peak > 0:
        return samples / np.float32(peak)
    return samples


def find_mismatches(config: Config, generated: Made) -> tuple[Finding, ...]:
    """A warning where the sampler, or the guidance, is none that a model of this objective was made
    for.
    """
    usual_sampler = fitting(config.objective)[0]
    is_sampler_fitting = config.objective in SAMPLERS[generated.sampler].objectives
    is_wrongly_guided = config.objective == "rf_denoiser" and generated.guidance != 1.0
    if is_sampler_fitting and not is_wrongly_guided:
        return ()
    message = f"{generated.sampler} does not fit a model of the objective {config.objective}"
    if config.objective == "rf_denoiser":
        wrong_settings = []
        if not is_sampler_fitting:
            wrong_settings.append(generated.sampler)
        if is_wrongly_guided:
            wrong_settings.append(f"guidance {generated.guidance:g}")
        message = (
            f"{' with '.join(wrong_settings)} does not fit a model of the objective"
            f" {config.objective}: its answer is a sample, not a mean, so steps of an ODE add up"
            " and guidance distorts"
        )
    usual = SAMPLERS[usual_sampler]
    option = f"--sampler {usual_sampler} --steps {usual.steps} --guidance {usual.guidance:g}"
    finding = Finding(
        CODE,
        NAME,
        Severity.WARNING,
        ("sampler",),
        message,
        evidence={
            "objective": config.objective,
            "sampler": generated.sampler,
            "guidance": generated.guidance,
            "fitting": list(fitting(config.objective)),
        },
        fix=Fix("safe", f"sample by {usual_sampler}", code=option),
    )
    return (replace(finding, confidence=1.0),)


def read_run_facts(report: Report) -> dict[str, Any]:
    """The facts under `run`, for whoever calls this from code."""
    return dict(report.extra["run"])
