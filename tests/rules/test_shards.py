"""One shard of several, and a stray file beside the shards; whole sets are no alarm."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from safetensors.numpy import save_file

from auscult.verbs.diff.diff import diff
from auscult.verbs.inspect.inspect import inspect
from auscult.verdict import Report, Verdict
from tests.rules.models import filled

WEIGHTS = filled({f"layers.{layer}.{part}.weight": (12, 8) for layer in range(6) for part in "qkv"})
NAMES = list(WEIGHTS)


def write_shards(folder: Path) -> Path:
    shards = folder / "model"
    shards.mkdir()
    weight_map: dict[str, str] = {}
    for index in range(3):
        file_name = f"model-0000{index + 1}-of-00003.safetensors"
        names = NAMES[6 * index : 6 * index + 6]
        save_file({name: WEIGHTS[name] for name in names}, shards / file_name)
        weight_map |= dict.fromkeys(names, file_name)
    index_text = json.dumps({"metadata": {}, "weight_map": weight_map})
    (shards / "model.safetensors.index.json").write_text(index_text)
    save_file(WEIGHTS, folder / "whole.safetensors")
    return shards


def causes(report: Report) -> list[str]:
    return [finding.cause for finding in report.findings]


@pytest.mark.parametrize("shard_first", [True, False])
def test_one_shard_is_named_as_that(tmp_path: Path, *, shard_first: bool) -> None:
    sides = [
        str(write_shards(tmp_path) / "model-00001-of-00003.safetensors"),
        str(tmp_path / "whole.safetensors"),
    ]
    report = diff(*(sides if shard_first else sides[::-1]))
    finding = report.findings[0]
    assert finding.cause == "shard-missing"
    assert set(finding.where) == set(NAMES[6:])
    assert "shard 1 of 3" in finding.message
    assert "model-00003-of-00003.safetensors" in finding.message
    assert not {"depth", "tensor-missing", "tensor-extra"} & set(causes(report))


def test_the_whole_set_and_a_shard_with_itself(tmp_path: Path) -> None:
    shards = write_shards(tmp_path)
    assert diff(str(shards), str(tmp_path / "whole.safetensors")).verdict is Verdict.PASS
    lone = str(shards / "model-00002-of-00003.safetensors")
    assert diff(lone, lone).verdict is Verdict.PASS


def test_a_file_that_lacks_layers_has_no_shard_in_its_name(tmp_path: Path) -> None:
    write_shards(tmp_path)
    save_file({name: WEIGHTS[name] for name in NAMES[:6]}, tmp_path / "part.safetensors")
    report = diff(str(tmp_path / "whole.safetensors"), str(tmp_path / "part.safetensors"))
    assert "shard-missing" not in causes(report)


def test_a_stray_copy_beside_the_shards(tmp_path: Path) -> None:
    shards = write_shards(tmp_path)
    assert "stray-file" not in causes(inspect(str(shards)))
    save_file(filled({"speaker.weight": (4, 4)}), shards / "speaker.safetensors")
    assert "stray-file" not in causes(inspect(str(shards)))
    save_file(WEIGHTS, shards / "model.safetensors")
    finding = next(f for f in inspect(str(shards)).findings if f.cause == "stray-file")
    assert finding.where == ("model.safetensors",)
