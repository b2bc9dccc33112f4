"""`--select`, `--ignore` and `--fail-on`: one meaning for every verb."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from auscult.cli.main import list_verbs
from auscult.finding import Finding, Severity
from auscult.report import json_
from auscult.sound.mel import mel_spectrogram
from auscult.sound.mel_search.families import FAMILIES
from auscult.sound.recording import Recording, write_recording
from auscult.verdict import Report, Verdict
from corpus.networks import build_vocoder
from tests.conftest import Ran

Cli = Callable[..., Ran]
RATE = 22050

NETWORKS = """
from tests.traced_ports import Net

def good(): return Net()
def wrong(): return Net(shortcuts=(True, False))
"""


def save_vocoder(path: Path, **changes: Any) -> Path:
    save_file({**build_vocoder(0).weights, **changes}, path)
    return path


def make_damaged_checkpoint(folder: Path) -> list[object]:
    bias = np.full_like(build_vocoder(0).weights["conv_post.bias"], np.nan)
    return [save_vocoder(folder / "damaged.safetensors", **{"conv_post.bias": bias})]


def make_different_weights(folder: Path) -> list[object]:
    bias = build_vocoder(0).weights["conv_post.bias"] + 1
    return [
        save_vocoder(folder / "other.safetensors", **{"conv_post.bias": bias}),
        save_vocoder(folder / "original.safetensors"),
    ]


def make_wrong_port(folder: Path) -> list[object]:
    pytest.importorskip("torch")
    pytest.importorskip("mlx")
    from tests.traced_ports import SIGNAL

    (folder / "networks.py").write_text(NETWORKS)
    np.savez(folder / "inputs.npz", input=SIGNAL)
    code = folder / "networks.py"
    return [f"{code}:good", f"{code}:wrong", "--inputs", folder / "inputs.npz"]


def make_training_mode(folder: Path) -> list[object]:
    pytest.importorskip("torch")
    code = "from torch import nn\n\ndef build():\n    return nn.Sequential(nn.Conv1d(2, 2, 3), nn.BatchNorm1d(2))\n"
    (folder / "training.py").write_text(code)
    np.save(folder / "x.npy", np.random.default_rng(0).standard_normal((1, 2, 32), np.float32))
    return [f"{folder / 'training.py'}:build", "--inputs", folder / "x.npy", "--only", "mode"]


def make_silence(folder: Path) -> Path:
    silence = np.zeros(RATE, np.float32)
    return write_recording(Recording.from_mono(silence, RATE), folder / "silence.wav")


def make_wrong_mel(folder: Path) -> list[object]:
    samples = np.random.default_rng(0).standard_normal(RATE, np.float32) * np.float32(0.1)
    path = write_recording(Recording.from_mono(samples, RATE), folder / "noise.wav")
    np.save(folder / "mel.npy", mel_spectrogram(samples, FAMILIES["hifigan"].definition))
    return [path, folder / "mel.npy", "--against", "melgan"]


def make_impossible_log(folder: Path) -> list[object]:
    path = folder / "train.log"
    path.write_text("Epoch 1 snr -15.0 dB ratio 1.4\n")
    return ["--log", path]


def make_saved_report(folder: Path) -> list[object]:
    finding = Finding("SND001", "buzz", Severity.ERROR, ("heard.wav",), "buzzes")
    path = folder / "saved.json"
    report = Report("listen", ("heard.wav",), Verdict.DIVERGENT, findings=(finding,))
    path.write_text(json_.render(report))
    return [path]


BAD_INPUTS: dict[str, Callable[[Path], list[object]]] = {
    "inspect": make_damaged_checkpoint,
    "diff": make_different_weights,
    "compare": make_wrong_port,
    "check": make_training_mode,
    "listen": lambda folder: [make_silence(folder)],
    "diagnose": lambda folder: ["--audio", make_silence(folder)],
    "mel": make_wrong_mel,
    "preflight": make_impossible_log,
    "report": make_saved_report,
}
WITHOUT_BAD_INPUTS = {"mcp", "open", "serve", "convert", "demo", "rules", "run", "trace", "train"}
"""Verbs that make something: a bad input is an error of theirs (exit 2), or no finding."""


def test_every_verb_is_tried() -> None:
    assert set(BAD_INPUTS) | WITHOUT_BAD_INPUTS == set(list_verbs())


@pytest.mark.parametrize("verb", BAD_INPUTS)
def test_a_filter_changes_neither_verdict_nor_exit_code(
    auscult: Cli, tmp_path: Path, verb: str
) -> None:
    arguments = [verb, *BAD_INPUTS[verb](tmp_path)]
    plain = auscult(*arguments, "--format", "json")
    report = json.loads(plain.out)
    codes = sorted({finding["code"] for finding in report["findings"]})
    assert codes
    assert plain.exit_code in (1, 3)
    other_codes = [code for code in ("ARC001", "TRN001") if code not in codes]
    for option, values in (("--ignore", codes), ("--select", other_codes)):
        filtered = auscult(*arguments, "--format", "json", option, ",".join(values))
        hidden_report = json.loads(filtered.out)
        assert filtered.exit_code == plain.exit_code
        assert hidden_report["verdict"] == report["verdict"]
        assert hidden_report["coverage"] == report["coverage"]
        assert hidden_report["findings"] == []
        left_out = [skip["where"] for skip in hidden_report["skips"]]
        assert {place.split()[0] for place in left_out if place[:6] in codes} == set(codes)
    text = auscult(*arguments, "--ignore", ",".join(codes), "-v").out
    assert text.startswith(report["verdict"])
    assert "left out as asked" in text


@pytest.mark.parametrize("verb", BAD_INPUTS)
def test_fail_on_changes_the_exit_code(auscult: Cli, tmp_path: Path, verb: str) -> None:
    arguments = [verb, *BAD_INPUTS[verb](tmp_path)]
    report = json.loads(auscult(*arguments, "--format", "json").out)
    code = report["findings"][0]["code"]
    unfound_code = next(known for known in ("ARC001", "TRN001") if known != code)
    severities = {finding["severity"] for finding in report["findings"]}
    inconclusive_code = {"INCONCLUSIVE": 3}.get(report["verdict"], 0)
    assert auscult(*arguments, "--fail-on", code, "--ignore", code).exit_code == 1
    assert auscult(*arguments, "--fail-on", f"{unfound_code},{code[:3]}").exit_code == 1
    assert auscult(*arguments, "--fail-on", unfound_code).exit_code == inconclusive_code
    assert auscult(*arguments, "--fail-on", "info").exit_code == 1
    assert auscult(*arguments, "--fail-on", "never").exit_code == 0
    on_error = auscult(*arguments, "--fail-on", "error").exit_code
    assert on_error == (1 if "error" in severities else inconclusive_code)


@pytest.mark.parametrize("option", ["--select", "--ignore", "--fail-on"])
def test_an_unknown_code_is_a_usage_error(auscult: Cli, tmp_path: Path, option: str) -> None:
    sound = make_silence(tmp_path)
    assert auscult("listen", sound, option, "LAY,XYZ") == Ran(
        2, "", f"auscult: {option}: no rule's code begins with `XYZ`; `auscult rules` lists them\n"
    )
    assert auscult("listen", sound, option, "snd041x").err == (
        f"auscult: {option}: no rule's code begins with `SND041X`; did you mean SND041 or SND064?\n"
    )
    assert "did you mean SND?" in auscult("listen", sound, option, "SNE").err


@pytest.mark.parametrize("word", ["12", "-", "warn"])
def test_what_is_no_code_is_a_usage_error(auscult: Cli, tmp_path: Path, word: str) -> None:
    done = auscult("listen", make_silence(tmp_path), "--fail-on", word)
    assert (done.exit_code, done.out) == (2, "")


def test_a_saved_report_keeps_what_was_hidden(auscult: Cli, tmp_path: Path) -> None:
    saved = tmp_path / "saved.json"
    done = auscult("listen", make_silence(tmp_path), "--select", "LAY", "-o", saved)
    assert done.exit_code == 1
    assert auscult("report", saved).exit_code == 1
    assert auscult("report", saved, "--fail-on", "error").exit_code == 1
    assert auscult("report", saved, "--fail-on", "LAY").exit_code == 0
    assert "SND004" not in auscult("report", saved, "-q").out


def test_never_stands_alone(auscult: Cli, tmp_path: Path) -> None:
    done = auscult("listen", make_silence(tmp_path), "--fail-on", "never,error")
    assert (done.exit_code, done.out) == (2, "")
    assert "never stands alone" in done.err


def test_an_error_keeps_its_exit_code(auscult: Cli, tmp_path: Path) -> None:
    cut = tmp_path / "cut.safetensors"
    whole = save_vocoder(tmp_path / "whole.safetensors")
    cut.write_bytes(whole.read_bytes()[:-100])
    assert auscult("diff", cut, whole, "--fail-on", "never", "-q").exit_code == 2
    assert auscult("inspect", tmp_path / "absent.pth", "--fail-on", "never").exit_code == 2
