"""`auscult compare` as a user sees it, beside its exit codes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from auscult.cli.main import run_command_line
from tests.traced_ports import SIGNAL

Run = Callable[..., tuple[int, str, str]]

CODE = """
from tests.traced_ports import FoldedNet, Net

def good(): return Net()
def folded(): return FoldedNet(Net())
def wrong(): return Net(shortcuts=(True, False))
"""


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run the command in a folder with nets.py and x.npz; gives exit code, stdout, stderr."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NO_COLOR", "1")
    (tmp_path / "nets.py").write_text(CODE)
    np.savez(tmp_path / "x.npz", input=SIGNAL)

    def command(*words: str) -> tuple[int, str, str]:
        code = run_command_line(words)
        out, err = capsys.readouterr()
        return code, out, err

    return command


def test_the_same_model(run: Run) -> None:
    code, out, _ = run("compare", "nets.py:good", "nets.py:good", "--inputs", "x.npz")
    assert (code, out) == (
        0,
        "PASS  nets.py:good against nets.py:good\n"
        "10 layers = 10 identical\n"
        "noise floor (what rounding alone does): the reference in float64 against float32\n"
        "\n"
        "nothing found\n",
    )


def test_a_wrong_port_shows_tree_and_table(run: Run) -> None:
    code, out, _ = run("compare", "nets.py:good", "nets.py:wrong", "--inputs", "x.npz")
    assert code == 1
    lines = out.splitlines()
    assert lines[0] == "DIVERGENT  nets.py:good against nets.py:wrong"
    assert lines[1] == "next  auscult rules PAR026"
    assert (
        lines[2]
        == "10 layers = 7 identical + 1 born (wrong by itself) + 2 grown (wrong by what came in)"
    )
    assert lines[5].startswith("first divergence  output of decoder, error ")
    assert lines[7].startswith("error ▁▁▁▁▁▁▁")
    assert lines[8].startswith("floor ▁▁")
    tree = lines[11 : lines.index("", 12)]
    assert tree == [
        "(the whole model)  grown",
        "  encoder  same and 3 inside",
        "  decoder  born  residual-missing  <- first divergence",
        "    conv  same",
        "    norm  same",
        "    act  same",
        "  head  grown",
    ]
    place = lines.index("        decoder")
    assert lines[place - 1].startswith("error   residual-missing (PAR026): ")


def test_stages_and_a_map(run: Run) -> None:
    code, out, _ = run(
        "compare",
        "nets.py:good",
        "nets.py:wrong",
        "--inputs",
        "x.npz",
        "--stages",
        "encoder,decoder",
    )
    assert code == 1
    assert "stage encoder  right, own error 0.0e+00" in out
    assert "stage decoder  guilty" in out
    code, out, err = run(
        "compare", "nets.py:good", "nets.py:folded", "--inputs", "x.npz", "--map", "encoder=nothing"
    )
    assert (code, out) == (2, "")
    assert "names no layer of the candidate" in err


def test_another_granularity(run: Run) -> None:
    code, out, _ = run("compare", "nets.py:good", "nets.py:folded", "--inputs", "x.npz", "-q")
    assert (code, out) == (0, "EQUIVALENT  nets.py:good against nets.py:folded\n")


def test_traces_written_by_the_command_before(run: Run) -> None:
    for name in ("good", "wrong"):
        assert (
            run("trace", f"nets.py:{name}", "--inputs", "x.npz", "-o", f"{name}.safetensors")[0]
            == 0
        )
    code, out, _ = run("compare", "good.safetensors", "wrong.safetensors", "--format", "json")
    envelope = json.loads(out)
    assert (code, envelope["verdict"]) == (1, "DIVERGENT")
    assert envelope["first_divergence"]["a"] == "decoder"
    assert envelope["floor"]["how"] == "estimated"
    code, out, _ = run(
        "compare",
        "good.safetensors",
        "wrong.safetensors",
        "--cand-model",
        "nets.py:wrong",
        "--format",
        "json",
    )
    assert [layer["a"] for layer in json.loads(out)["layers"] if layer["born"]] == ["decoder"]
    assert json.loads(out)["coverage"]["grown"] == 2


def test_errors_are_one_line(run: Run) -> None:
    code, out, err = run("compare", "nets.py:good", "nets.py:good")
    assert (code, out) == (2, "")
    assert "give --inputs FILE" in err.splitlines()[-1]
    Path("map.json").write_text("[1]")
    assert (
        run("compare", "nets.py:good", "nets.py:good", "--inputs", "x.npz", "--map", "map.json")[0]
        == 2
    )
    assert (
        run(
            "compare",
            "nets.py:good",
            "nets.py:good",
            "--inputs",
            "x.npz",
            "--floor",
            "nothing.safetensors",
        )[0]
        == 2
    )
