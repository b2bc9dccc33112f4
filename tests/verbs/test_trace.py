"""auscult trace: the verb and the command."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from auscult.cli.main import main
from auscult.errors import UsageError
from auscult.traces.file import read_trace
from auscult.verbs.trace import record_trace

CODE = """
import torch
from torch import nn

class Noisy(nn.Module):
    def __init__(self, width=4):
        super().__init__()
        self.pre = nn.Linear(3, width)
        self.drop = nn.Dropout(0.5)
    def forward(self, x):
        return self.drop(self.pre(x)) + torch.randn(1)

def load(width=4):
    torch.manual_seed(0)
    print("loading")
    return Noisy(width)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "noisy.py").write_text(CODE)
    np.savez(tmp_path / "x.npz", x=np.ones((2, 3), np.float32))
    return tmp_path


def run(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    monkeypatch.setattr(sys, "argv", ["auscult", "trace", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


def test_the_command_writes_a_trace_and_reports(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import torch  # noqa: F401  (a code target brings its framework; here the test does)

    target, out = f"{folder}/noisy.py:load", folder / "t.safetensors"
    report = folder / "report.json"
    arguments = (
        target,
        "--inputs",
        folder / "x.npz",
        "--kwargs",
        '{"width": 5}',
        "-o",
        out,
        "-o",
        report,
    )
    assert run(monkeypatch, *arguments) == 0
    text = capsys.readouterr().out
    assert text.splitlines()[0] == f"PASS  {target}"
    assert f"wrote {out}" in text
    assert "training mode" in text
    envelope = json.loads(report.read_text())
    made = read_trace(out)
    assert envelope["coverage"]["total"] == len(made) == envelope["trace"]["records"]
    assert envelope["coverage"]["same"] == sum(record.same_as is not None for record in made)
    assert (envelope["trace"]["noise"], envelope["trace"]["framework"]) == (2, "torch")
    assert made.find("pre").shape == (2, 5)  # type: ignore[union-attr]

    again = folder / "again.safetensors"
    assert run(monkeypatch, *arguments[:-4], "-o", again, "--replay-noise", out, "-q") == 0
    replayed = read_trace(again)
    np.testing.assert_array_equal(made.tensor(made.find("")), replayed.tensor(replayed.find("")))  # type: ignore[arg-type]
    assert run(monkeypatch, *arguments[:-4], "-o", again) == 2
    assert "already there" in capsys.readouterr().err
    assert (
        run(
            monkeypatch,
            *arguments[:-4],
            "-o",
            again,
            "--force",
            "--detail",
            "sketch",
            "--outputs-only",
        )
        == 0
    )
    assert {record.role for record in read_trace(again)} == {"output", "noise"}
    assert run(monkeypatch, *arguments[:-4], "-o", again, "--force", "--max-bytes", "50") == 0
    assert "over the limit" in capsys.readouterr().out


def test_a_folder_of_npy_files(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    np.save(folder / "0__up__output.npy", np.array([1.0, np.nan], np.float32))
    out = folder / "t.safetensors"
    assert run(monkeypatch, "--from-npy", folder, "-o", out) == 0
    assert "the first is up#0:output" in capsys.readouterr().out
    assert read_trace(out).find("up").statistics.mean == 1  # type: ignore[union-attr]


def test_arguments_that_do_not_fit(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "x.py:f", "--inputs", "x.npz") == 2
    assert "give the trace to write" in capsys.readouterr().err
    assert run(monkeypatch, f"{folder}/noisy.py:load", "-o", folder / "t.safetensors") == 2
    assert "needs inputs" in capsys.readouterr().err
    assert (
        run(
            monkeypatch,
            folder / "x.npz",
            "--inputs",
            folder / "x.npz",
            "-o",
            folder / "t.safetensors",
        )
        == 2
    )
    assert "cannot be run" in capsys.readouterr().err
    assert not (folder / "t.safetensors").exists()
    with pytest.raises(UsageError, match="either a target"):
        record_trace(output=folder / "t.safetensors")


def test_the_device_is_recorded_and_one_that_is_not_there_is_told(folder: Path) -> None:
    torch = pytest.importorskip("torch")
    target, inputs = f"{folder / 'noisy.py'}:load", str(folder / "x.npz")
    report = record_trace(target, inputs, output=folder / "t.safetensors", device="cpu")
    assert report.extra["trace"]["device"] == "cpu"
    assert read_trace(folder / "t.safetensors").manifest.device == "cpu"
    if not torch.cuda.is_available():
        with pytest.raises(UsageError, match="no NVIDIA GPU here"):
            record_trace(target, inputs, output=folder / "u.safetensors", device="cuda")
