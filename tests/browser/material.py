"""Reports with something of everything in them, made from code."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from auscult.finding import Finding, Fix, Severity, Skip
from auscult.report.sections.compare import CompareSection
from auscult.report.sections.inspect import InspectSection
from auscult.report.sections.listen import ListenSection
from auscult.report.sections.train import StudySection
from auscult.sound.recording import Recording, write_recording
from auscult.verdict import Coverage, Equality, MappingEntry, Report, Section, Verdict

RATE = 16_000
SECONDS = 4.0
INPUT_HZ, HEARD_HZ = 440.0, 1000.0
AMPLITUDE = 0.5
GAPS = ((1.0, 1.2), (2.5, 2.6))


def tone(
    hertz: float, seconds: float = SECONDS, rate: int = RATE, amplitude: float = AMPLITUDE
) -> NDArray[np.float32]:
    return np.asarray(
        amplitude * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate), np.float32
    )


def written(samples: NDArray[np.float32], path: Path, rate: int = RATE) -> str:
    return str(write_recording(Recording(np.atleast_2d(samples), rate), path))


def recordings(folder: Path) -> list[dict[str, Any]]:
    """A tone, and another one with two gaps."""
    broken = tone(HEARD_HZ)
    for start, stop in GAPS:
        broken[round(start * RATE) : round(stop * RATE)] = 0.0
    sounds = {"input": tone(INPUT_HZ), "heard": broken}
    return [
        {
            "role": role,
            "file": written(samples, folder / f"{role}.wav"),
            "seconds": SECONDS,
            "sample_rate": RATE,
            "rms": 0.35,
        }
        for role, samples in sounds.items()
    ]


def layers(count: int) -> list[dict[str, Any]]:
    """`count` layers, four in a block; an error is born in the middle and grows from there."""
    first = count // 2

    def layer(name: str, index: int) -> dict[str, Any]:
        wrong = index >= first
        return {
            "a": name,
            "b": name,
            "error": (0.01 if wrong else 1e-7) * (1 + 0.5 * np.sin(index)),
            "floor": 2e-7,
            "limit": 4e-7,
            "born": index == first,
            "grown": index > first,
            "type": "Conv1d",
            "causes": ["leaky-slope"] if index == first else [],
        }

    names = [
        f"blocks.{index // 4}" if index % 4 == 0 else f"blocks.{index // 4}.convs.{index % 4}"
        for index in range(count - 1)
    ]
    return [layer("", 0), *(layer(name, index + 1) for index, name in enumerate(names))]


def mapping(count: int) -> tuple[MappingEntry, ...]:
    """Convolutions that must be permuted, biases that need nothing, every tenth of them wrong."""
    made = []
    for index in range(count):
        leaf = "weight" if index % 2 == 0 else "bias"
        name = f"blocks.{index // 8}.convs.{index % 8 // 2}.{leaf}"
        ops = ({"op": "permute", "axes": [0, 2, 1]},) if leaf == "weight" else ()
        equality = Equality.DIFFERENT if index % 10 == 9 else Equality.EXACT
        made.append(MappingEntry((f"generator.{name}",), (name,), ops, equality))
    return tuple(made)


def findings(rows: tuple[MappingEntry, ...], file: str) -> tuple[Finding, ...]:
    weights = tuple(entry.b[0] for entry in rows if entry.ops)
    return (
        Finding(
            "LAY001",
            "layout-conv1d",
            Severity.ERROR,
            weights,
            f"{len(weights)} convolutions in another order of axes",
            evidence={"axes": [0, 2, 1], "nested": {"of": {"kinds": 2}}},
            fix=Fix("safe", "permute", code="w.transpose(0, 2, 1)"),
            rank=1,
        ),
        Finding(
            "SND010",
            "dropouts",
            Severity.WARNING,
            (file,),
            "two gaps",
            confidence=0.9,
            times=GAPS,
            settled_by="auscult listen",
        ),
    )


@dataclass(frozen=True)
class EverythingSection:
    """What several verbs add, in one report."""

    inner: tuple[Section, ...]

    def to_json(self) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for section in self.inner:
            values |= section.to_json()
        return values


def everything(folder: Path, count: int = 80, sounds: list[dict[str, Any]] | None = None) -> Report:
    """A report as no single verb gives it: every part of the page is there."""
    rows = mapping(count)
    items = recordings(folder) if sounds is None else sounds
    tree = layers(count)
    born = next(layer for layer in tree if layer["born"])
    first = {
        "a": born["a"],
        "b": born["b"],
        "role": "output",
        "call": 0,
        "error": 0.01,
        "floor": 2e-7,
        "parent": None,
        "born": True,
    }
    tensors = [
        {"name": entry.a[0], "shape": [8, 8, 3], "dtype": "float32", "bytes": 768, **STATISTICS}
        for entry in rows
    ]
    return Report(
        "diagnose",
        ("generator.pth", "model.py:Generator"),
        Verdict.DIVERGENT,
        Coverage("tensors", {"identical": count // 2, "equivalent": count // 2, "different": 3}),
        findings(rows, items[-1]["file"]),
        (Skip("slope", "not settled by the weights"),),
        rows,
        EverythingSection(
            (
                ListenSection(items),
                CompareSection(
                    tree,
                    first,
                    {"how": "measured", "what": "float64 against float32", "factor": 8},
                    {},
                ),
                InspectSection(
                    {
                        "format": "torch",
                        "tensors": count,
                        "parameters": 192 * count,
                        "bytes": 768 * count,
                        "tensor_list": tensors,
                        "modules": [
                            {"path": f"blocks.{i}", "count": 1, "parameters": 9, "tensors": []}
                            for i in range(count // 8)
                        ],
                    }
                ),
                StudySection({"loss": 0.125}),
            )
        ),
    )


STATISTICS = {"minimum": -0.5, "maximum": 0.5, "mean": 0.0, "std": 0.1, "fresh": None}
