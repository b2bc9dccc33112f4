"""auscult convert: the command."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from safetensors.numpy import save_file

from auscult.cli.convert import command, parse_size_argument
from auscult.cli.main import main
from tests.verbs.convert_samples import equal, in_mlx, vocoder


@pytest.fixture
def invoke(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str, str]]:
    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["auscult", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capsys.readouterr()
        return int(ended.value.code or 0), out, err

    return run


def test_the_command_converts_reports_and_exits(
    tmp_path: Path, invoke: Callable[..., tuple[int, str, str]]
) -> None:
    save_file(vocoder(), tmp_path / "a.safetensors")
    arguments = ("convert", tmp_path / "a.safetensors", tmp_path / "b.safetensors", "--to", "mlx")
    code, out, err = invoke(*arguments, "--format", "json")
    assert (code, err) == (0, "")
    report = json.loads(out)
    assert report["verdict"] == "EQUIVALENT"
    assert report["coverage"]["total"] == len(vocoder())
    assert equal(tmp_path / "b.safetensors", in_mlx(vocoder()))
    code, out, err = invoke(*arguments)
    assert (code, out) == (2, "")
    assert "--force" in err
    assert len(err.strip().splitlines()) == 1


def test_emitted_code_is_all_of_stdout_and_runs(
    tmp_path: Path, invoke: Callable[..., tuple[int, str, str]]
) -> None:
    mx = pytest.importorskip("mlx.core")
    save_file(vocoder(), tmp_path / "a.safetensors")
    code, out, err = invoke(
        "convert", tmp_path / "a.safetensors", "--to", "mlx", "--emit-code", "mlx"
    )
    assert (code, err) == (0, "")
    space: dict[str, Any] = {}
    exec(compile(out, "sanitize.py", "exec"), space)
    weights = {name: mx.array(array) for name, array in vocoder().items()}
    once = space["sanitize"](weights)
    for name, array in in_mlx(vocoder()).items():
        np.testing.assert_array_equal(np.array(once[name]), array)
    assert space["sanitize"](once) is once


def test_the_command_asks_for_a_destination() -> None:
    result = CliRunner().invoke(command, ["a.safetensors"])
    assert result.exit_code == 2
    assert "DESTINATION" in result.output


@pytest.mark.parametrize(
    ("text", "size"), [("500MB", 500_000_000), ("2GiB", 2**31), ("1.5k", 1500), ("10", 10)]
)
def test_sizes(text: str, size: int) -> None:
    assert parse_size_argument(None, None, text) == size  # type: ignore[arg-type]
