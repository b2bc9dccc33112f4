"""`auscult diff` as a user sees it: whole outputs, beside their exit codes."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib import resources
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from auscult.cli.main import run_command_line
from auscult.verbs.diff.diff import diff
from auscult.weights import Checkpoint
from tests.rules.models import Arrays, code, filled, in_mlx_layout

Run = Callable[..., tuple[int, str, str]]


def small() -> Arrays:
    shapes = {f"ups.{stage}.weight": (16 >> stage, 8 >> stage, 4) for stage in range(2)}
    shapes |= {
        f"blocks.{block}.{conv}.weight": (8, 8, 3)
        for block in range(2)
        for conv in ("conv1", "conv2")
    }
    return filled(shapes | {"out.weight": (1, 4, 7), "out.bias": (1,)})


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run the command in a folder with good.safetensors; gives exit code, stdout, stderr."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NO_COLOR", "1")
    save_file(small(), "good.safetensors")

    def command(*words: str) -> tuple[int, str, str]:
        code = run_command_line(words)
        out, err = capsys.readouterr()
        return code, out, err

    return command


def test_identical(run: Run) -> None:
    assert run("diff", "good.safetensors", "good.safetensors") == (
        0,
        "PASS  good.safetensors against good.safetensors\n8 tensors = 8 identical\n\nnothing found\n",
        "",
    )


def test_mlx_layout(run: Run) -> None:
    save_file(in_mlx_layout(small()), "mlx.safetensors")
    code, out, _ = run("diff", "good.safetensors", "mlx.safetensors")
    assert code == 0
    assert out == (
        "EQUIVALENT  good.safetensors against mlx.safetensors\n"
        "next  auscult diff good.safetensors mlx.safetensors --fix OUT\n"
        "8 tensors = 1 identical + 7 equivalent (equal once rearranged)\n"
        "\n"
        "info    layout-conv1d (LAY001): 5 1-D convolutions of the candidate in another"
        " axis order than the reference's: permute (0, 2, 1) gives the reference's values"
        " (blocks.0.conv1.weight: reference [8, 8, 3], candidate [8, 3, 8])\n"
        "        blocks.{0..1}.conv{1..2}.weight, out.weight\n"
        "        fix (safe): permute (0, 2, 1), from the candidate to the reference\n"
        "info    layout-conv-transpose1d (LAY002): 2 transposed 1-D convolutions of the candidate in another"
        " axis order than the reference's: permute (2, 0, 1) gives the reference's values"
        " (ups.0.weight: reference [16, 8, 4], candidate [8, 4, 16])\n"
        "        ups.{0..1}.weight\n"
        "        fix (safe): permute (2, 0, 1), from the candidate to the reference\n"
        "\n"
        "2 info\n"
    )


def test_swapped_then_fixed(run: Run) -> None:
    good = small()
    one, two = "blocks.0.conv1.weight", "blocks.1.conv2.weight"
    save_file(good | {one: good[two], two: good[one]}, "bad.safetensors")
    code, out, _ = run("diff", "good.safetensors", "bad.safetensors")
    assert code == 1
    assert out == (
        "DIVERGENT  good.safetensors against bad.safetensors\n"
        "next  auscult diff good.safetensors bad.safetensors --fix OUT\n"
        "8 tensors = 6 identical + 2 equivalent (equal once rearranged)\n"
        "\n"
        "error   swapped (CKP008): 2 tensors of the candidate in each other's places:"
        " blocks.1.conv2.weight and blocks.0.conv1.weight\n"
        "        blocks.1.conv2.weight, blocks.0.conv1.weight\n"
        "        fix (safe): put each under the name that its content belongs to, from the candidate to the reference\n"
        "\n"
        "1 error\n"
    )
    code, out, _ = run("diff", "good.safetensors", "bad.safetensors", "--fix", "out.safetensors")
    assert code == 0
    assert out.splitlines()[:4] == [
        "PASS  good.safetensors against bad.safetensors",
        "next  auscult rules CKP008",
        "8 tensors = 8 identical",
        "wrote out.safetensors and compared it again; before, the verdict was DIVERGENT",
    ]
    assert run("diff", "good.safetensors", "out.safetensors")[0] == 0


def test_code_that_was_never_trained_so(run: Run) -> None:
    pytest.importorskip("torch")
    Path("net.py").write_text(
        "import torch\n"
        "def build(norm=True):\n"
        "    layers = {'conv': torch.nn.Conv1d(8, 8, 3, groups=4)}\n"
        "    return torch.nn.ModuleDict(layers | ({'norm': torch.nn.BatchNorm1d(8)} if norm else {}))\n"
    )
    save_file(filled({"conv.weight": (8, 8, 3), "conv.bias": (8,)}), "trained.safetensors")
    code, out, _ = run("diff", "trained.safetensors", "net.py:build", "--select", "ARC")
    assert code == 1
    assert out.splitlines()[:3] == [
        "DIVERGENT  trained.safetensors against net.py:build",
        "next  auscult rules ARC005",
        "7 tensors = 1 identical + 1 different + 5 only in b",
    ]
    heads = [line.split(":")[0].split() for line in out.splitlines() if " (ARC" in line]
    assert [(severity, code) for severity, _, code in heads] == [
        ("error", "(ARC005)"),
        ("error", "(ARC001)"),
        ("warning", "(ARC006)"),
    ]
    assert (
        run("diff", "trained.safetensors", "net.py:build", "--kwargs", '{"norm": false}', "-q")[0]
        == 1
    )


def test_json_has_the_envelope(run: Run) -> None:
    save_file({f"m.{name}": array for name, array in small().items()}, "prefixed.safetensors")
    code, out, _ = run("diff", "good.safetensors", "prefixed.safetensors", "--format", "json")
    report = json.loads(out)
    assert code == 0
    assert report["verdict"] == "EQUIVALENT"
    assert report["coverage"] == {
        "unit": "tensors",
        "total": 8,
        "identical": 8,
        "equivalent": 0,
        "close": 0,
        "different": 0,
        "only_in_a": 0,
        "only_in_b": 0,
        "skipped": 0,
    }
    assert report["findings"][0]["cause"] == "prefix"
    assert report["mapping"][0] == {
        "a": "blocks.0.conv1.weight",
        "b": "m.blocks.0.conv1.weight",
        "ops": [],
        "equality": "exact",
    }


def test_errors_are_one_line_and_exit_with_2(run: Run) -> None:
    code, out, err = run("diff", "nowhere.safetensors", "good.safetensors")
    assert (code, out) == (2, "")
    assert err == "auscult: nowhere.safetensors: is no file or folder; check the path\n"
    code, out, err = run("diff", "good.safetensors", "good.safetensors", "--kwargs", "[1]")
    assert (code, out) == (2, "")
    assert err.startswith("auscult: invalid value for '--kwargs': is not a JSON object")


def test_a_cut_file_exits_with_2_and_says_why(run: Run) -> None:
    save_file(small() | {"big": np.ones(1000, np.float32)}, "whole.safetensors")
    Path("cut.safetensors").write_bytes(Path("whole.safetensors").read_bytes()[:-100])
    code, out, _ = run("diff", "whole.safetensors", "cut.safetensors")
    assert code == 2
    assert out.startswith("ERROR  whole.safetensors against cut.safetensors\n")
    assert "error   truncated (CKP010): the file is cut off" in out


def test_every_kind_of_report_fits_the_schema(run: Run) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    schema = json.loads((resources.files("auscult") / "schemas" / "report.schema.json").read_text())
    save_file(in_mlx_layout(small()), "mlx.safetensors")
    Path("cut.safetensors").write_bytes(Path("good.safetensors").read_bytes()[:-100])
    for words in (
        ("good", "good"),
        ("good", "mlx"),
        ("good", "cut"),
        ("good", "mlx", "--fix", "out.safetensors"),
    ):
        files = [f"{words[0]}.safetensors", f"{words[1]}.safetensors", *words[2:]]
        jsonschema.validate(json.loads(run("diff", *files, "--format", "json")[1]), schema)
    shapes_only = diff(
        Checkpoint.of(in_mlx_layout(small())),
        code({name: array * 0 for name, array in small().items()}),
    )
    assert any(entry.compared == "shapes" for entry in shapes_only.mapping)
    jsonschema.validate(shapes_only.to_json(), schema)
