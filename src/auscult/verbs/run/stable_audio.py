"""`run stable-audio`: a prompt to stereo sound."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from auscult.errors import UsageError
from auscult.explain.mistakes.par043_sampler_mismatch import CODE, NAME
from auscult.facts.progress import Progress
from auscult.families.stable_audio.config import Config
from auscult.families.stable_audio.generate import Floats, Made, Request, Runtime, generate
from auscult.families.stable_audio.runtimes import RuntimeName, Tokenize, open_runtime, tiny_runtime
from auscult.families.stable_audio.samplers import SAMPLERS, fitting
from auscult.finding import Finding, Fix, Severity
from auscult.report.sections.run import RunSection
from auscult.runtime.device import DeviceName, prepare_device
from auscult.sound.recording import Recording, read_recording, write_recording
from auscult.verbs.run.sound_facts import describe_sound
from auscult.verdict import Report, Verdict


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
    device: DeviceName | None = None,
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
        device: Where the model runs; the processor, if None.

    Returns:
        PASS, with the warning `sampler-mismatch` where sampler or guidance are not the model's;
        `run` has the facts.

    Raises:
        UsageError: If weights are missing, or the request does not fit the model.
        AudioError: If a sound cannot be read or written.
    """
    _check_arguments(weights, output, tiny=tiny)
    initial_recording = None if init_audio is None else read_recording(init_audio)
    inpaint_recording = None if inpaint is None else read_recording(inpaint)
    model, tokenize = _open_model(weights, runtime, device, tiny=tiny)
    numbers = _choose_numbers(model.config, seconds_start, seconds)
    request = replace(
        Request(tokenize(prompt), numbers, seconds, sampler, steps, guidance, seed),
        negative=tokenize(negative) if negative else None,
        initial=_resample_sound(initial_recording, model.config),
        initial_noise=init_noise,
        inpaint=_resample_sound(inpaint_recording, model.config),
        keep=keep,
    )
    generated, seconds_taken = _generate_timed(model, request, progress)
    facts = _write_sound(model, generated, request, output, normalize=normalize)
    facts["took_seconds"] = seconds_taken
    subject = "a tiny random model" if tiny else str(weights)
    return _build_report(subject, model.config, generated, facts)


def _build_report(subject: str, config: Config, generated: Made, facts: dict[str, Any]) -> Report:
    findings = find_mismatches(config, generated)
    section = RunSection(facts)
    return Report("run stable-audio", (subject,), Verdict.PASS, findings=findings, section=section)


def _open_model(
    weights: str | Path | None,
    runtime: RuntimeName | None,
    device: DeviceName | None,
    *,
    tiny: bool,
) -> tuple[Runtime, Tokenize]:
    if device is not None and runtime != "litert":
        prepare_device(device, runtime or "torch", extra="run")
    if tiny:
        return tiny_runtime(runtime, device=device)
    return open_runtime(Path(str(weights)), runtime, device)


def _generate_timed(
    model: Runtime, request: Request, progress: Progress | None
) -> tuple[Made, float]:
    """The sound, and the seconds that it took."""
    start_time = time.monotonic()
    generated = generate(model, request, progress)
    return generated, time.monotonic() - start_time


def _check_arguments(weights: str | Path | None, output: str | Path, *, tiny: bool) -> None:
    if (weights is None) == (not tiny):
        raise UsageError("give either the folder of the weights or --tiny", hint="--weights DIR")
    folder = Path(output).parent
    if not folder.is_dir():
        raise UsageError("is no folder to write to", where=str(folder), hint="make it first")


def _choose_numbers(
    config: Config, seconds_start: float, seconds: float | None
) -> dict[str, float]:
    """The numbers that a model of this config is told, by name."""
    total_seconds = config.seconds if seconds is None else seconds
    values = {"seconds_start": seconds_start, "seconds_total": total_seconds}
    return {name: values[name] for name in config.numbers}


def _write_sound(
    model: Runtime, generated: Made, request: Request, output: str | Path, *, normalize: bool
) -> dict[str, object]:
    """Write the sound; the facts of what was made."""
    config, samples = model.config, generated.audio
    if normalize:
        samples = scale_to_peak(samples)
    recording = Recording(samples, config.sample_rate, str(output))
    path = write_recording(recording, output, exact=True)
    settings = {
        "runtime": model.name,
        "objective": config.objective,
        "sampler": generated.sampler,
        "steps": generated.steps,
        "guidance": generated.guidance,
        "seed": request.seed,
    }
    return {
        "family": "stable-audio",
        "file": str(path),
        **describe_sound(recording),
        "settings": settings,
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
        fix=Fix("safe", f"sample by {usual_sampler}: {option}"),
    )
    return (replace(finding, confidence=1.0),)
