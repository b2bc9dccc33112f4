"""The sounds that people asked about, each with the rest of what its user had: `diagnose` is led to what was really wrong."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

pytest.importorskip("torch")

import torch

from auscult import data
from auscult.report.json_ import render as as_json
from auscult.sound.recording import Recording, read_recording, write_recording
from auscult.verbs.demo import render_wrongly
from auscult.verbs.diagnose.diagnose import diagnose
from auscult.verbs.preflight import preflight
from auscult.verdict import Report, Verdict
from corpus.combined import stories
from corpus.computation.candidates import build_sides
from corpus.computation.networks import make_inputs
from corpus.computation.plants import PLANTS
from corpus.sound.plants import band_limited, frame_seams, time_stretch
from corpus.training import collapsed_codec


@pytest.fixture(scope="module")
def spoken() -> Recording:
    return read_recording(data.path(data.SENTENCE)).cut(2.0)


def explained(report: Report) -> dict[str, bool]:
    """What was heard, and whether the cause makes it."""
    return {
        item["cause"]: bool(item["explained"]) for item in report.extra["diagnosis"]["symptoms"]
    }


def cause(report: Report) -> str | None:
    named = report.extra["diagnosis"]["cause"]
    return named and str(named["cause"])


def with_mistake(name: str) -> dict[str, object]:
    """Traces of a small network with that mistake, as arguments of diagnose."""
    plant = next(plant for plant in PLANTS if plant.cause == name)
    return {"traces": build_sides(plant, "torch", 7), "trace_inputs": make_inputs(plant.network, 7)}


def test_a_buzz_from_a_model_that_does_not_fit_its_checkpoint(spoken: Recording) -> None:
    heard = render_wrongly(spoken)
    report = diagnose(data.path(data.VOCODER), "auscult.verbs.demo:half_loaded_model", audio=heard)
    assert report.verdict is Verdict.DIVERGENT
    assert cause(report) in {"modules-never-trained", "conv-grouped", "kernel-size", "partial-load"}
    assert explained(report)["buzz"]


def test_a_chipmunk_by_the_config_alone(spoken: Recording, tmp_path: Path) -> None:
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"sampling_rate": 16000}))
    report = diagnose(audio=Recording(spoken.samples, 22050, "fast.wav"), config=config)
    assert (report.verdict, cause(report)) == (Verdict.DIVERGENT, "sample-rate-label")
    assert "16,000" in report.extra["diagnosis"]["next"]
    resampled = diagnose(audio=spoken.resample(22050), config=config)
    assert (resampled.verdict, cause(resampled)) == (Verdict.INCONCLUSIVE, None)


@pytest.mark.parametrize(
    ("planter", "strength", "mistake"),
    [
        pytest.param(band_limited, 0.33, "mask-not-applied", id="a bad phone line"),
        pytest.param(frame_seams, 1.0, "sampler-mismatch", id="flickery", marks=pytest.mark.slow),
        pytest.param(
            time_stretch, 1.5, "number-embedding", id="slow motion", marks=pytest.mark.slow
        ),
    ],
)
def test_a_bad_phone_line_flickery_in_slow_motion(
    spoken: Recording, planter: ModuleType, strength: float, mistake: str
) -> None:
    heard = planter.plant(spoken, strength, np.random.default_rng(3))
    facts = planter.facts(spoken, np.random.default_rng(3)) if hasattr(planter, "facts") else None
    reference = spoken if planter.LEVEL == "reference" else None
    report = diagnose(audio=heard, reference_audio=reference, facts=facts, **with_mistake(mistake))  # type: ignore[arg-type]
    assert cause(report) == mistake
    assert explained(report)[planter.NAME]


def test_noise_from_the_start_noise_of_a_sampler_that_never_moves() -> None:
    model = stories.build_module(stories.read_arrays(), stories.infer_true_config())
    given = {name: torch.from_numpy(array) for name, array in stories.make_model_inputs().items()}
    given["mel"] = torch.from_numpy(
        np.random.default_rng(0).standard_normal(given["mel"].shape).astype(np.float32)
    )
    with torch.no_grad():
        samples = model(**given)[0, 0].numpy()
    heard = Recording.from_mono(samples / np.abs(samples).max() * 0.5, 16000, "noise.wav")
    alone = diagnose(audio=heard)
    assert (alone.verdict, cause(alone)) == (Verdict.INCONCLUSIVE, None)
    assert set(explained(alone)) & {"noise", "flat-mel", "buzz"}
    report = diagnose(audio=heard, **with_mistake("velocity-zero"))  # type: ignore[arg-type]
    assert cause(report) == "velocity-zero"
    assert any(explained(report).values())


def test_an_amplitude_that_collapsed_to_an_offset(spoken: Recording, tmp_path: Path) -> None:
    collapsed = Recording(
        (0.15 * spoken.samples - 0.31).astype(np.float32), spoken.sample_rate, "collapsed.wav"
    )
    alone = diagnose(audio=collapsed, reference_audio=spoken)
    assert {"dc", "gain"} & set(explained(alone))
    saved = tmp_path / "preflight.json"
    saved.write_text(as_json(preflight(collapsed_codec.make_trainer(), steps=3, seconds=20.0)))
    report = diagnose(audio=collapsed, reference_audio=spoken, reports=[saved])
    assert cause(report) == "codebook-collapse"
    assert explained(report)["dc"]


def test_a_saved_report_of_something_else_is_refused(spoken: Recording, tmp_path: Path) -> None:
    from auscult.errors import UsageError
    from auscult.verbs.rules import list_rules

    (tmp_path / "rules.json").write_text(as_json(list_rules()))
    write_recording(spoken, tmp_path / "right.wav")
    with pytest.raises(UsageError, match="expected one of inspect"):
        diagnose(audio=tmp_path / "right.wav", reports=[tmp_path / "rules.json"])
