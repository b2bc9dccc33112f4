"""`preflight` as a function and as a command: verdict, envelope, text, exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from jsonschema import Draft202012Validator

from auscult.cli.preflight import command
from auscult.errors import TargetError, UsageError
from auscult.report import json_, text
from auscult.verbs.preflight import preflight
from auscult.verdict import Verdict
from corpus.training.trainers import Knobs, build_trainer
from tests.cli.test_main import schema

TRAINER = """
from corpus.training.trainers import Knobs, build_trainer

def trainer(shape="hifigan", **claims):
    return {**build_trainer(Knobs(shape)), "claims": claims}
"""


@pytest.fixture
def target(tmp_path: Path) -> str:
    (tmp_path / "mine.py").write_text(TRAINER)
    return f"{tmp_path / 'mine.py'}:trainer"


def test_a_healthy_training_passes_and_shows_its_measures() -> None:
    report = preflight(build_trainer(Knobs("encodec")), steps=4, seconds=5.0)
    assert report.verdict is Verdict.PASS
    assert report.subjects == ("Codec",)
    shown = text.render(report)
    for words in (
        "loss  ",
        "quantizer ×1",
        "bound ",
        "layers.0._codebook.embed",
        "half level",
        "commitment",
    ):
        assert words in shown
    assert len(shown.splitlines()) < 40
    envelope = json.loads(json_.render(report))
    Draft202012Validator(schema()).validate(envelope)
    assert envelope["preflight"]["lengths"]["target"] == envelope["preflight"]["lengths"]["output"]
    assert len(envelope["preflight"]["books"][0]["used"]) == 4


def test_the_command_runs_code_and_ends_with_the_verdict(target: str) -> None:
    arguments = [
        target,
        "--steps",
        "3",
        "--seconds",
        "1",
        "--kwargs",
        '{"snr_db": -15, "rms_ratio": 1.4}',
        "--format",
        "json",
    ]
    result = CliRunner().invoke(command, arguments)
    assert result.exit_code == 1, result.output
    envelope = json.loads(result.stdout)
    assert (envelope["verdict"], envelope["findings"][0]["cause"]) == (
        "DIVERGENT",
        "metrics-inconsistent",
    )


def test_a_log_alone(tmp_path: Path) -> None:
    log = tmp_path / "train.log"
    log.write_text("Epoch 1 snr -15.0 dB ratio 1.4\nEpoch 2 snr -3.7 dB ratio 0.42 corr 0.1\n")
    result = CliRunner().invoke(command, ["--log", str(log)])
    assert result.exit_code == 1
    assert "epoch 1: -15 dB, where RMS ratio 1.4 allows at least -7.6 dB" in result.stdout
    log.write_text("Epoch 2 snr -0.3 dB ratio 0.42 corr 0.1\n")
    assert CliRunner().invoke(command, ["--log", str(log)]).exit_code == 0


def test_what_cannot_be_looked_at_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="needs a trainer, a log or a folder of recordings"):
        preflight()
    with pytest.raises(TargetError, match="names no code"):
        preflight(str(tmp_path / "model.pth"))
    with pytest.raises(UsageError, match="at least three steps"):
        preflight(build_trainer(Knobs("hifigan")), steps=1)
