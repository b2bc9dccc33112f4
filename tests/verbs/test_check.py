"""`check` as a function and as a command: verdict, envelope, text, page, exit codes, recipe, exports."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from jsonschema import Draft202012Validator
from safetensors.numpy import load_file, save_file

pytest.importorskip("torch")

import torch

import auscult
from auscult.cli.check import command
from auscult.cli.main import run_command_line
from auscult.errors import TargetError, UsageError
from auscult.report import json_, text
from auscult.verbs.check.check import check
from auscult.verdict import Verdict
from tests.cli.test_main import schema
from tests.properties.checked_networks import ConvVocoder, Snake

MEL = np.random.default_rng(0).standard_normal((1, 8, 64)).astype(np.float32)
CODE = """
from torch import nn
from tests.properties.checked_networks import ConvVocoder, Snake

def right():
    return ConvVocoder().eval()

def training():
    return ConvVocoder(nn.BatchNorm1d(12))
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "nets.py").write_text(CODE)
    np.savez(tmp_path / "mel.npz", mel=MEL)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_everything_of_a_right_model() -> None:
    report = auscult.check(ConvVocoder().eval(), {"mel": MEL})
    assert report.verdict is Verdict.PASS
    assert report.subjects == ("ConvVocoder",)
    assert [(row["property"], row["outcome"]) for row in report.extra["properties"]] == [
        ("determinism", "holds"),
        ("mode", "holds"),
        ("batch", "holds"),
        ("channels", "skipped"),
        ("gain", "measured"),
        ("headroom", "measured"),
        ("padding", "changed"),
        ("precision", "measured"),
        ("shift", "holds"),
        ("streaming", "measured"),
    ]
    assert [row["format"] for row in report.extra["precision"]] == ["float16", "bfloat16", "int8"]
    Draft202012Validator(schema()).validate(json.loads(json_.render(report)))
    shown = text.render(report)
    for words in ("batch        holds", "weights rounded", "bfloat16", "4 frames before its own"):
        assert words in shown
    assert len(shown.splitlines()) < 30


def test_the_page_shows_properties_and_bars() -> None:
    pytest.importorskip("jinja2")
    from auscult.report import html

    page = html.render(check(ConvVocoder().eval(), {"mel": MEL}, only=["precision", "batch"]))
    assert "an item in a batch of two is what it is alone" in page
    assert page.count('class="histogram"') == 3
    assert 'title="up: ' in page


def test_the_command_ends_with_the_verdict(folder: Path) -> None:
    cheap = ["--inputs", "mel.npz", "--only", "mode"]
    right = CliRunner().invoke(command, ["nets.py:right", *cheap])
    assert right.exit_code == 0
    assert right.stdout.splitlines()[0] == "PASS  nets.py:right"
    wrong = CliRunner().invoke(command, ["nets.py:training", *cheap, "-o", "report.json"])
    assert wrong.exit_code == 1
    report = json.loads((folder / "report.json").read_text())
    assert [finding["code"] for finding in report["findings"]] == ["INV005"]
    assert report["findings"][0]["where"] == ["norm"]
    short = ["--inputs", "mel.npz", "--only", "streaming", "--chunk", "64"]
    assert CliRunner().invoke(command, ["nets.py:right", *short]).exit_code == 3


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--inputs", "mel.npz", "--only", "colour"],
        ["--inputs", "mel.npz", "--overlap", "4"],
        ["--inputs", "mel.npz", "--export", "paper"],
    ],
)
def test_what_cannot_be_asked_ends_with_two(arguments: list[str]) -> None:
    assert run_command_line(["check", "nets.py:right", *arguments]) == 2


def test_what_is_no_live_module_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    from auscult.runtime.exports.onnx import make_export

    path = make_export(ConvVocoder().eval(), [torch.from_numpy(MEL)], {}, tmp_path)
    with pytest.raises(UsageError, match="cannot be checked against itself"):
        check(path, {"0": MEL})


def test_a_model_that_does_not_run_is_an_error() -> None:
    with pytest.raises(TargetError, match="raised RuntimeError"):
        check(ConvVocoder().eval(), {"mel": MEL[:, :3]})


def test_the_model_itself_is_left_as_it_was() -> None:
    model = ConvVocoder(torch.nn.BatchNorm1d(12)).train()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    check(model, {"mel": MEL}, only=["mode", "precision"], formats=["float16"])
    assert model.training
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())


def test_the_recipe_does_what_was_measured(folder: Path) -> None:
    model = ConvVocoder().eval()
    options: dict[str, Any] = {
        "only": ["precision"],
        "expect_formats": ["bfloat16"],
        "max_error": 1.5e-3,
    }
    report = check(model, {"mel": MEL}, save_recipe="keep.json", **options)
    (row,) = report.extra["precision"]
    state = {name: tensor.numpy() for name, tensor in model.state_dict().items()}
    save_file(state, folder / "model.safetensors")
    arguments = ["convert", "model.safetensors", "half.safetensors", "--recipe", "keep.json"]
    assert run_command_line(arguments) == 0
    converted = load_file(folder / "half.safetensors")
    kept = {name for name in state if converted[name].dtype == np.float32}
    assert kept == {f"{path}.{name}" for path in row["kept"] for name in ("weight", "bias")}


def test_an_export_that_agrees_and_one_that_does_not() -> None:
    pytest.importorskip("onnxruntime")
    options: dict[str, Any] = {"only": ["mode"], "exports": ["onnx", "torchscript"]}
    right = check(ConvVocoder().eval(), {"mel": MEL}, **options)
    assert right.verdict is Verdict.PASS

    class Branching(torch.nn.Module):
        """Traced with one branch, which the second call does not take."""

        def __init__(self) -> None:
            super().__init__()
            self.conv = torch.nn.Conv1d(8, 1, 1)

        def forward(self, mel: torch.Tensor) -> torch.Tensor:
            y = self.conv(mel)
            is_tracing = torch.jit.is_tracing()  # type: ignore[attr-defined]
            return y if is_tracing else 2 * y

    wrong = check(Branching().eval(), {"mel": MEL}, **options)
    assert wrong.verdict is Verdict.DIVERGENT
    assert {finding.cause for finding in wrong.findings} == {"export-differs"}


def test_a_form_that_cannot_be_made_is_left_open() -> None:
    class Stubborn(torch.nn.Module):
        def forward(self, mel: torch.Tensor) -> torch.Tensor:
            if torch.jit.is_tracing():  # type: ignore[attr-defined]
                raise RuntimeError("not me")
            return mel

    report = check(Stubborn(), {"mel": MEL}, only=["mode"], exports=["torchscript"])
    assert report.verdict is Verdict.INCONCLUSIVE
    assert "not me" in report.skips[0].reason


def test_mlx_models() -> None:
    pytest.importorskip("mlx")
    import mlx.core as mx
    import mlx.nn as mlx_nn

    frames = np.random.default_rng(1).standard_normal((1, 64, 8)).astype(np.float32)
    mx.random.seed(0)
    right = mlx_nn.Sequential(mlx_nn.Conv1d(8, 8, 3, padding=1), mlx_nn.Tanh())
    right.eval()
    report = check(right, {"0": frames}, chunk=16, overlap=1, lookahead=1)
    assert report.verdict is Verdict.PASS, text.render(report)
    assert {row["format"] for row in report.extra["precision"]} == {"float16", "bfloat16", "int8"}
    wrong = mlx_nn.Sequential(mlx_nn.Conv1d(8, 8, 3, padding=1), mlx_nn.Dropout(0.5))
    report = check(wrong, {"0": frames}, only=["mode", "determinism"])
    assert [finding.cause for finding in report.findings] == ["training-mode"]


def test_a_snake_that_overflows_is_shown_with_its_module() -> None:
    shown = text.render(check(ConvVocoder(Snake()).eval(), {"mel": MEL}, only=["precision"]))
    assert "warning half-overflow (INV016): " in shown
    assert "\n        norm\n" in shown


def test_a_device_that_is_not_there_is_told() -> None:
    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    with pytest.raises(UsageError, match="no NVIDIA GPU"):
        check(torch.nn.Conv1d(2, 2, 3, padding=1), np.ones((1, 2, 8), np.float32), device="cuda")
