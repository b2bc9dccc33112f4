"""The first story from beginning to end, on the bundled vocoder."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

from auscult import data
from auscult.checkpoint import open_checkpoint
from auscult.cli.main import run_command_line
from auscult.finding import Severity
from auscult.sound.measures import comb_share
from auscult.sound.recording import read_recording
from auscult.verbs.demo import (
    apply_story_loudness,
    half_loaded_model,
    is_story_complete,
    render_wrongly,
    run_demo,
    wrong_model,
)
from auscult.verbs.diagnose.diagnose import diagnose, is_input_reproduced
from auscult.verdict import Report, Verdict

torch = pytest.importorskip("torch")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo")


@pytest.fixture(scope="module")
def story(folder: Path) -> Report:
    return run_demo(folder)


@pytest.mark.slow
def test_the_causes_come_in_order_of_importance(story: Report) -> None:
    causes = [finding.cause for finding in story.findings]
    wanted = [
        "modules-never-trained",
        "conv-grouped",
        "kernel-size",
        "partial-load",
        "buzz",
        "undetermined-by-weights",
    ]
    assert [cause for cause in dict.fromkeys(causes) if cause in wanted] == wanted
    counts = {finding.cause: finding.count for finding in reversed(story.findings)}
    assert (counts["modules-never-trained"], counts["conv-grouped"], counts["kernel-size"]) == (
        300,
        30,
        20,
    )
    partial = next(finding for finding in story.findings if finding.cause == "partial-load")
    assert (partial.evidence["copied"], partial.evidence["mismatched"]) == (64, 30)
    assert 0.1 < partial.evidence["share"] < 0.4
    assert story.verdict is Verdict.DIVERGENT


@pytest.mark.slow
def test_the_settled_model_speaks(story: Report, folder: Path) -> None:
    assert is_story_complete(story)
    assert is_input_reproduced(story)
    measured = {item["role"]: item for item in story.extra["recordings"]}
    assert measured["repaired"]["mel_distance_db"] < 0.4 * measured["heard"]["mel_distance_db"]
    pystoi = pytest.importorskip("pystoi")
    spoken, repaired = (
        read_recording(folder / name).mono for name in ("input.wav", "repaired.wav")
    )
    assert pystoi.stoi(spoken[: len(repaired)], repaired[: len(spoken)], 16000) >= 0.8


@pytest.mark.slow
def test_everything_is_left_in_the_folder(story: Report, folder: Path) -> None:
    assert {path.name for path in folder.iterdir()} == {
        "input.wav",
        "wrong.wav",
        "repaired.wav",
        "mel.png",
        "report.html",
    }
    page = (folder / "report.html").read_text()
    assert page.count('<script type="text/plain" id="piece-') == 3
    assert not re.findall(r"""(?:src|href)=["']?(?:https?:)?//""", page)
    json.dumps(story.to_json())


def test_the_wrong_model_is_the_storys() -> None:
    state, fresh = half_loaded_model().state_dict(), wrong_model().state_dict()
    trained = {
        name.removeprefix("generator."): tensor
        for name, tensor in open_checkpoint(data.path(data.VOCODER)).items()
    }
    assert len(state) == 394
    assert len(trained) == 94
    loaded = [
        name
        for name in trained
        if tuple(state[name].shape) == trained[name].shape
        and np.array_equal(state[name], trained[name].numpy())
    ]
    untouched = [
        name for name in state if torch.equal(state[name], fresh[name]) and name not in loaded
    ]
    assert len(loaded) == 64
    assert len(untouched) == 330
    assert half_loaded_model().training


def test_the_wrong_model_buzzes_at_the_frame_rate() -> None:
    spoken = read_recording(data.path(data.SENTENCE))
    heard = render_wrongly(spoken)
    assert comb_share(heard.mono, heard.sample_rate, 64) > 0.25
    assert comb_share(spoken.mono, spoken.sample_rate, 64) < 0.1


def test_loudness_of_the_story() -> None:
    quiet = (0.001 * np.sin(np.arange(1000) / 10)).astype(np.float32)
    assert np.abs(apply_story_loudness(quiet)).max() == pytest.approx(0.7 * np.tanh(0.96), rel=1e-3)
    assert not apply_story_loudness(np.zeros(10, np.float32)).any()


def test_diagnose_without_settling_names_the_run_that_settles() -> None:
    spoken = read_recording(data.path(data.SENTENCE))
    report = diagnose(
        data.path(data.VOCODER),
        "auscult.verbs.demo:wrong_model",
        audio=render_wrongly(spoken),
        reference_audio=spoken,
        settle=False,
    )
    causes = {finding.cause: finding for finding in report.findings}
    assert causes["undetermined-by-weights"].settled_by
    assert causes["buzz"].severity is Severity.ERROR
    assert any(skip.where == "settling" for skip in report.skips)
    assert "settlement" not in report.extra


def test_a_checkpoint_alone_is_not_enough(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command_line(["diagnose", str(data.path(data.VOCODER))]) == 3
    assert "--model" in capsys.readouterr().out
