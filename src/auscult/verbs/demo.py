"""`demo`: a trained vocoder whose code is wrong, so that it buzzes; and what auscult makes of it."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from auscult import data
from auscult.checkpoint import open_checkpoint
from auscult.errors import UsageError
from auscult.facts.atomic import replace_file
from auscult.facts.install import format_install_command
from auscult.facts.progress import Progress
from auscult.finding import Skip
from auscult.report.sections import find_section
from auscult.report.sections.demo import DemoSection
from auscult.report.sections.diagnose import DiagnoseSection
from auscult.report.sections.settle import SettleSection
from auscult.sound.mel import mel_spectrogram
from auscult.sound.recording import Recording, read_recording
from auscult.training.conditioning import EMOTION_DIM, SPEAKER_DIM, vector_from_name
from auscult.verbs.diagnose.diagnose import diagnose, is_input_reproduced
from auscult.verbs.diagnose.family_build import ModelInputs, read_stored_mel
from auscult.verdict import Report
from auscult.weights import Checkpoint

WRONG_MODEL = "auscult.verbs.demo:wrong_model"


def run_demo(output_dir: Path, *, progress: Progress | None = None) -> Report:
    """Make the wrong sound and diagnose it; sound, picture and page are left in `output_dir`.

    The page is `report.html`, written where Jinja2 is there. The report is the one of `diagnose`.

    Raises:
        UsageError: If PyTorch is not installed, or the folder cannot be written.
    """
    try:
        import torch  # noqa: F401
    except ImportError as error:
        raise UsageError(
            "the demo runs models, which needs PyTorch",
            hint=format_install_command("torch", "html"),
        ) from error
    try:
        output_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"cannot be made: {error.strerror}", where=str(output_dir)) from error
    if progress:
        progress(0, 1, "rendering with the wrong model")
    spoken = read_recording(data.path(data.SENTENCE))
    report = diagnose(
        data.path(data.VOCODER),
        WRONG_MODEL,
        audio=render_wrongly(spoken),
        reference_audio=spoken,
        inputs=make_story_inputs(),
        output_dir=output_dir,
        progress=progress,
    )
    diagnosed = find_section(report, DiagnoseSection)
    section = None if diagnosed is None else DemoSection(diagnosed)
    report = replace(report, command="demo", section=section)
    return _write_page(report, output_dir / "report.html")


def is_story_complete(report: Report) -> bool:
    """Whether the diagnosis found what was planted, settled the true reading, and the repaired
    model says the sentence.
    """
    causes = [finding.cause for finding in report.findings]
    settled = find_section(report, SettleSection)
    return (
        causes[0] == "modules-never-trained"
        and {"conv-grouped", "kernel-size", "partial-load", "buzz"} <= set(causes)
        and settled is not None
        and settled.works
        and settled.settlement["ranking"][0]["name"] == "training-script"
        and is_input_reproduced(report)
    )


def wrong_model() -> Any:
    """The wrong code: a model of 394 tensors in the sizes of the bundled checkpoint, freshly
    initialised. A TARGET.
    """
    import torch

    from auscult import families
    from auscult.families.streamspeech_grc_lora.config import Config
    from auscult.families.streamspeech_grc_lora.torch import build

    sizes = families.detect_families(
        {name: tensor.shape for name, tensor in _open_vocoder().items()}
    )[0].config
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return build(
            Config(
                channels=sizes.channels,
                upsample_kernel_sizes=sizes.upsample_kernel_sizes,
                upsample_rates=sizes.upsample_rates,
            )
        )


def half_loaded_model() -> Any:
    """The wrong model as a careless loader left it: a TARGET.

    The names fit and 30 shapes do not, so `load_state_dict` raises. The loader caught that, printed
    it and went on: with 64 of 94 tensors in place, and without ever reaching `.eval()`.
    """
    import torch

    model = wrong_model()
    state = {
        name.removeprefix("generator."): torch.from_numpy(np.array(tensor.numpy()))
        for name, tensor in _open_vocoder().items()
    }
    with contextlib.suppress(RuntimeError):
        model.load_state_dict(state)
    return model


def _open_vocoder() -> Checkpoint:
    return open_checkpoint(data.path(data.VOCODER))


def make_story_inputs() -> ModelInputs:
    """The speaker and emotion vectors that belong to the bundled sentence."""
    return {
        "speaker": vector_from_name(data.SENTENCE_VOICE, SPEAKER_DIM),
        "emotion": vector_from_name(data.SENTENCE_STYLE, EMOTION_DIM),
    }


def render_wrongly(spoken: Recording) -> Recording:
    """What the user hears: the mel through the wrong model, then a loudness treatment."""
    import torch

    mel = read_stored_mel(_open_vocoder())
    if mel is None:
        raise UsageError(
            "the bundled checkpoint does not say which mel it was trained on", where=data.VOCODER
        )
    frames = torch.from_numpy(mel_spectrogram(spoken.resample(mel.sample_rate).mono, mel))[None]
    inputs = {name: torch.from_numpy(vector)[None] for name, vector in make_story_inputs().items()}
    with torch.no_grad():
        output = half_loaded_model()(frames, **inputs)[0, 0].numpy()
    return Recording.from_mono(apply_story_loudness(output), mel.sample_rate, "wrong.wav")


def apply_story_loudness(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """Peak to 0.8, then 0.7·tanh(1.2·x): it makes the buzz loud, and hides how quiet the model
    was.
    """
    peak = float(np.abs(samples).max())
    return np.asarray(0.7 * np.tanh(1.2 * samples * (0.8 / peak if peak > 0 else 1.0)), np.float32)


def _write_page(report: Report, path: Path) -> Report:
    """The report with its page written and named, or with the reason why there is none."""
    from auscult.report.html import render

    section = find_section(report, DemoSection)
    if section is not None:
        report = replace(report, section=replace(section, page=str(path)))
    try:
        text = render(report)
    except UsageError as error:
        return replace(
            report, skips=(*report.skips, Skip("report.html", error.what)), section=section
        )
    with replace_file(path) as partial:
        partial.write_text(text, encoding="utf-8")
    return report
