"""`auscult inspect` on the command line: whole blocks, exit codes, the schema."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from safetensors.numpy import save_file

from corpus.networks import build_vocoder, draw_trained_weights
from tests.cli.test_main import schema
from tests.conftest import Ran

Cli = Callable[..., Ran]

BLOCK = """\
PASS  two.safetensors
3 tensors = 3 read whole

format          safetensors
content         3 tensors, 1,608 values, 6.4 kB, float32
layout          unknown: of the convolutions 2 can be read either way
parametrisation none: no weight-norm pairs: fused, or never normed
family          none that auscult knows
health          finite, no constant or untrained-looking tensors; all values read
metadata        by=me

convs.{0..1}    ×2  weight 10×8×10
head             ×1  bias 8

nothing found
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def two(here: Path) -> str:
    rng = np.random.default_rng(0)
    arrays = {
        f"convs.{i}.weight": draw_trained_weights((10, 8, 10), "conv1d", rng) for i in range(2)
    } | {"head.bias": draw_trained_weights((8,), "bias", rng)}
    save_file(arrays, "two.safetensors", {"by": "me"})
    return "two.safetensors"


def test_text_as_a_whole(auscult: Cli, two: str) -> None:
    ran = auscult("inspect", two)
    assert ran.exit_code == 0
    assert [line.split() for line in ran.out.splitlines()] == [
        line.split() for line in BLOCK.replace(" ×1 ", " ").splitlines()
    ]


def test_json_fits_the_schema(auscult: Cli, two: str) -> None:
    ran = auscult("inspect", two, "--tensors", "--histogram", "convs.*", "--format", "json")
    envelope = json.loads(ran.out)
    jsonschema.validate(envelope, schema())
    assert envelope["checkpoint"]["metadata"] == {"by": "me"}
    buckets = dict(envelope["coverage"])
    assert buckets.pop("unit") == "tensors"
    assert buckets.pop("total") == sum(buckets.values()) == 3


def test_findings_exit_1_and_can_be_hidden(auscult: Cli, here: Path) -> None:
    weights = build_vocoder(0).weights
    weights["ups.0.weight"][:] = np.nan
    save_file(weights, "bad.safetensors")
    ran = auscult("inspect", "bad.safetensors")
    assert ran.exit_code == 1
    assert ran.out.startswith("DIVERGENT  bad.safetensors\nnext  auscult rules CKP050\n")
    assert "error   non-finite (CKP050): 1 tensor with 1024 NaN" in ran.out
    assert "        ups.0.weight\n" in ran.out
    assert ran.out.endswith("\n1 error\n")
    ignored = auscult("inspect", "bad.safetensors", "--ignore", "CKP05")
    assert ignored.exit_code == 1
    assert ignored.out.startswith("DIVERGENT  bad.safetensors\n")
    assert "(CKP050)" not in ignored.out
    assert "CKP050 non-finite: left out as asked (1 places)" in ignored.out


def test_tensors_and_histogram_in_text(auscult: Cli, two: str) -> None:
    out = auscult("inspect", two, "--tensors", "--histogram", "convs.1.weight").out
    assert "convs.0.weight           10×8×10  float32" in out
    assert "largest bin" in out


def test_every_format_renders(auscult: Cli, two: str) -> None:
    for format in ("sarif", "junit", "github"):
        ran = auscult("inspect", two, "--format", format)
        assert (ran.exit_code, ran.err) == (0, ""), format
        assert ran.out


def test_containers_of_a_torch_file(auscult: Cli, here: Path) -> None:
    torch = pytest.importorskip("torch")
    state = {name: torch.from_numpy(array) for name, array in build_vocoder(0).weights.items()}
    ema = {name: value * 2 for name, value in state.items()}
    torch.save(
        {
            "model": state,
            "ema": ema,
            "optimizer": {"state": {0: {"exp_avg": torch.ones(3)}}, "param_groups": []},
        },
        "last.ckpt",
    )
    out = auscult("inspect", "last.ckpt").out
    assert '["model"]: 64 tensors' in out.replace(f"{len(state)} tensors", "64 tensors")
    assert "not looked at (ema)" in out
    assert "not looked at (optimizer)" in out
    assert "wrapped" in out
    chosen = json.loads(
        auscult("inspect", "last.ckpt", "--container", "ema", "--format", "json").out
    )
    assert chosen["checkpoint"]["container"] == ["ema"]


def test_code_says_that_it_runs(auscult: Cli, here: Path) -> None:
    Path("net.py").write_text(
        "import numpy\ndef make(n=4):\n    print('hello')\n    return {'w': numpy.eye(n)}\n"
    )
    ran = auscult("inspect", "net.py:make", "--kwargs", '{"n": 6}', "--format", "json")
    assert json.loads(ran.out)["checkpoint"]["parameters"] == 36
    assert ran.err == "auscult: running your code: net.py:make\nhello\n"
