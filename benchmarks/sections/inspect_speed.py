"""Whole-process `inspect` against `torch.load` of the same file."""

from __future__ import annotations

import sys
from pathlib import Path

from benchmarks import material
from benchmarks.process import compare_commands
from benchmarks.section import BenchContext, Goal, Section

AUSCULT = str(Path(sys.executable).with_name("auscult"))


def run(bench: BenchContext) -> Section:
    """Time and memory at two sizes."""
    commands: dict[str, list[str]] = {}
    for size in (56, 450):
        file = str(material.write_torch_file(bench.scratch, size))
        commands[f"auscult inspect, {size} MB"] = [AUSCULT, "inspect", file]
        commands[f"torch.load, {size} MB"] = [
            sys.executable,
            "-c",
            f"import torch; torch.load({file!r}, weights_only=True)",
        ]
    figures = compare_commands(commands, bench.runs)
    goals = []
    for size in (56, 450):
        ours, theirs = figures[f"auscult inspect, {size} MB"], figures[f"torch.load, {size} MB"]
        faster, smaller = theirs.seconds / ours.seconds, ours.mebibytes / theirs.mebibytes
        goals.append(
            Goal(f"faster than torch.load, {size} MB", ">= 20x", f"{faster:.1f}x", faster >= 20)
        )
        goals.append(
            Goal(
                f"share of its memory, {size} MB",
                "<= 1/6",
                f"1/{1 / smaller:.1f}",
                smaller <= 1 / 6,
            )
        )
    growth = figures["auscult inspect, 450 MB"].seconds / figures["auscult inspect, 56 MB"].seconds
    goals.append(
        Goal("time for 450 MB over time for 56 MB", "<= 1.5x", f"{growth:.2f}x", growth <= 1.5)
    )
    rows = [(name, f"{f.seconds:.2f}", f"{f.mebibytes:.0f}") for name, f in figures.items()]
    return Section(
        "Inspect",
        "Medians of whole processes run in turn.",
        ("command", "seconds", "peak MiB"),
        rows,
        goals,
    )
