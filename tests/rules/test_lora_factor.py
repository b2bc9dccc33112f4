"""A merge with alpha / rank is a convention; with another factor, twice, or with the wrong sign it is a fault."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from auscult.checkpoint.adapter import find_lora_scale
from auscult.finding import Severity
from auscult.verbs.diff.diff import diff
from auscult.verdict import Report, Verdict
from auscult.weights import Checkpoint
from tests.rules.models import Arrays, filled

RANK, ALPHA = 4, 8
STATED = {"hyper_parameters.lora.lora_alpha": str(ALPHA), "hyper_parameters.lora.r": str(RANK)}
BASE = filled({f"layers.{layer}.{part}.weight": (24, 16) for layer in range(3) for part in "qv"})
TABLE = filled({"embed.weight": (60, 16)})


def factors(names: Arrays, prefix: str = "", leaf: str = "", *, table: bool = False) -> Arrays:
    """loralib's and PEFT's factors: A [rank, in], B [out, rank]; of an embedding A [rank, rows], B [width, rank]."""
    result: Arrays = {}
    for seed, (name, weight) in enumerate(names.items()):
        rows, width = weight.shape[::-1] if table else weight.shape
        stem = prefix + name.removesuffix(".weight")
        result |= filled(
            {f"{stem}.lora_A{leaf}": (RANK, width), f"{stem}.lora_B{leaf}": (rows, RANK)}, seed + 9
        )
    return result


def merge(base: Arrays, updates: Arrays, scale: float) -> Arrays:
    merged = dict(base)
    for name, weight in base.items():
        stem = name.removesuffix(".weight")
        if f"{stem}.lora_A" in updates:
            change = updates[f"{stem}.lora_B"] @ updates[f"{stem}.lora_A"]
            merged[name] = weight + np.float32(scale) * change.reshape(-1, weight.shape[1])
    return merged


def run(scale: float, metadata: dict[str, str]) -> Report:
    updates = factors(BASE)
    unmerged = Checkpoint.of(BASE | updates, "a", metadata=metadata)
    return diff(unmerged, Checkpoint.of(merge(BASE, updates, scale), "b"))


def test_the_stated_factor_is_equivalent() -> None:
    report = run(ALPHA / RANK, STATED)
    assert report.verdict is Verdict.EQUIVALENT
    finding = report.findings[0]
    assert (finding.cause, finding.severity) == ("lora-unmerged", Severity.WARNING)
    assert "with the factor 2" in finding.message


@pytest.mark.parametrize(
    ("scale", "words"), [(1.0, "left out"), (4.0, "twice"), (-2.0, "taken off"), (0.37, "0.37")]
)
def test_another_factor_is_a_fault(scale: float, words: str) -> None:
    report = run(scale, STATED)
    assert report.verdict is Verdict.DIVERGENT
    finding = report.findings[0]
    assert (finding.cause, finding.severity) == ("lora-unmerged", Severity.ERROR)
    assert words in finding.message
    assert finding.evidence["scale"] == pytest.approx(scale, rel=1e-3)


def test_without_a_stated_factor_only_the_sign_can_be_wrong() -> None:
    assert run(0.37, {}).verdict is Verdict.EQUIVALENT
    assert run(-0.37, {}).verdict is Verdict.DIVERGENT


def test_an_embedding() -> None:
    updates = factors(TABLE, table=True)
    change = (updates["embed.lora_B"] @ updates["embed.lora_A"]).T
    merged = {"embed.weight": TABLE["embed.weight"] + np.float32(2) * change}
    unmerged = Checkpoint.of(TABLE | updates, "a", metadata=STATED)
    assert diff(unmerged, Checkpoint.of(merged, "b")).verdict is Verdict.EQUIVALENT


def test_peft_adapter_beside_its_base(tmp_path: Path) -> None:
    adapter = tmp_path / "adapter"
    adapter.mkdir()
    save_file(factors(BASE, "base_model.model.", ".weight"), adapter / "adapter_model.safetensors")
    config = {"r": RANK, "lora_alpha": ALPHA, "peft_type": "LORA"}
    (adapter / "adapter_config.json").write_text(json.dumps(config))
    save_file(BASE, tmp_path / "base.safetensors")
    parts = [str(tmp_path / "base.safetensors"), str(adapter / "adapter_model.safetensors")]
    right = merge(BASE, factors(BASE), ALPHA / RANK)
    assert diff(parts, Checkpoint.of(right, "b")).verdict is Verdict.EQUIVALENT
    wrong = diff(parts, Checkpoint.of(merge(BASE, factors(BASE), 1.0), "b"))
    assert wrong.verdict is Verdict.DIVERGENT
    assert wrong.findings[0].evidence["stated"] == 2.0


def test_what_the_metadata_states() -> None:
    assert find_lora_scale(STATED, RANK) == 2.0
    assert find_lora_scale(STATED | {"adapter_config.use_rslora": "True"}, RANK) == 4.0
    assert find_lora_scale({"adapter_config.scale": "20.0"}, RANK) == 20.0
    assert find_lora_scale({"alpha": "3", "lr": "1"}, RANK) is None
    assert find_lora_scale(STATED | {"lora_b.lora_alpha": "16"}, RANK) is None
