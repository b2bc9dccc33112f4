"""A validation loss that parts from the training's is named; healthy logs are not."""

from __future__ import annotations

import csv
import io
import json
import math
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from auscult.finding import Finding
from auscult.verbs.preflight import preflight

STEPS = range(100, 4100, 100)
Curve = Callable[[int], float]


def fall(step: int) -> float:
    return 0.2 + math.exp(-step / 1000)


def part(step: int) -> float:
    return fall(step) + 0.1 + max(0.0, step - 1500) * 3e-4


def write_csv(training: Curve, validation: Curve, seed: int = 0) -> str:
    """Lightning's metrics.csv: validation in rows of its own."""
    noise = random.Random(seed)
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["epoch", "step", "train_loss_step", "val_loss"])
    for step in STEPS:
        writer.writerow([0, step - 1, training(step) * noise.gauss(1, 0.03), ""])
        writer.writerow([0, step - 1, "", validation(step) * noise.gauss(1, 0.03)])
    return text.getvalue()


def find_parting(tmp_path: Path, text: str, name: str = "metrics.csv") -> list[Finding]:
    file = tmp_path / name
    file.write_text(text, encoding="utf-8")
    return [f for f in preflight(log=file).findings if f.code == "TRN036"]


def test_lightning_csv_is_named_with_its_place(tmp_path: Path) -> None:
    (finding,) = find_parting(tmp_path, write_csv(fall, part))
    assert 1000 <= int(str(finding.evidence["best_step"])) <= 2000
    assert finding.severity.name == "WARNING"


def test_json_lines_are_named(tmp_path: Path) -> None:
    lines = (
        json.dumps({"_step": s, "train": {"mel_loss": fall(s)}, "val": {"mel_loss": part(s)}})
        for s in STEPS
    )
    assert find_parting(tmp_path, "\n".join(lines), "log.jsonl")


@pytest.mark.parametrize(
    ("training", "validation"),
    [
        (fall, lambda step: fall(step) + 0.1),
        (fall, lambda _: 0.5),
        (part, part),
        (fall, lambda step: part(min(step, 1800))),
        (
            lambda step: fall(step % 1300 + step / 4),
            lambda step: fall(step % 1300 + step / 4) + 0.1,
        ),
    ],
    ids=["both fall", "level", "both rise", "stopped early", "warm restarts"],
)
def test_healthy_logs_are_not_named(tmp_path: Path, training: Curve, validation: Curve) -> None:
    alarms = [
        seed for seed in range(20) if find_parting(tmp_path, write_csv(training, validation, seed))
    ]
    assert alarms == []


def test_adversarial_losses_may_rise(tmp_path: Path) -> None:
    lines = (
        json.dumps({"_step": s, "train": {"gen_loss": fall(s)}, "val": {"gen_loss": part(s)}})
        for s in STEPS
    )
    assert find_parting(tmp_path, "\n".join(lines), "log.jsonl") == []
