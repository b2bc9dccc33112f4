"""What `--format json` prints fits the schema in the package, for every verb that works on weights."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import jsonschema
import pytest
from safetensors.numpy import save_file

from corpus.networks import build_vocoder
from tests.cli.test_main import schema
from tests.conftest import Ran

Cli = Callable[..., Ran]


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    weights = build_vocoder(0).weights
    save_file(weights, tmp_path / "a.safetensors")
    weights["conv_pre.weight"] = weights["conv_pre.weight"].transpose(0, 2, 1).copy()
    weights["conv_post.bias"] += 1
    save_file(
        {f"module.{name}": array for name, array in weights.items()}, tmp_path / "b.safetensors"
    )
    return tmp_path / "a.safetensors", tmp_path / "b.safetensors"


def checked(ran: Ran) -> None:
    envelope = json.loads(ran.out)
    jsonschema.validate(envelope, schema())
    coverage = envelope["coverage"]
    if coverage:
        assert (
            sum(value for key, value in coverage.items() if key not in ("unit", "total"))
            == coverage["total"]
        )


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(schema())


def test_diff(auscult: Cli, files: tuple[Path, Path]) -> None:
    ran = auscult("diff", *files, "--format", "json")
    checked(ran)
    assert ran.exit_code == 1
    assert json.loads(ran.out)["findings"]


def test_convert(auscult: Cli, files: tuple[Path, Path], tmp_path: Path) -> None:
    checked(auscult("convert", files[0], tmp_path / "out.npz", "--format", "json"))


@pytest.mark.parametrize("args", [("--full",), ("--tensors",), ()])
def test_inspect(auscult: Cli, files: tuple[Path, Path], args: tuple[str, ...]) -> None:
    checked(auscult("inspect", files[0], *args, "--format", "json"))


def test_rules(auscult: Cli) -> None:
    checked(auscult("rules", "--format", "json"))
