"""How `diff` grows with the number of tensors."""

from __future__ import annotations

import math
import sys
from pathlib import Path

from benchmarks import material
from benchmarks.process import compare_commands
from benchmarks.section import BenchContext, Goal, Section

COUNTS = (1_000, 10_000, 100_000)


def run(bench: BenchContext) -> Section:
    """Whole-process seconds at 1k, 10k and 100k tensors, in different layouts."""
    auscult = str(Path(sys.executable).with_name("auscult"))
    commands = {
        f"{count}": [
            auscult,
            "diff",
            *(
                str(material.write_many_tensors(bench.scratch, count, layout))
                for layout in ("torch", "mlx")
            ),
        ]
        for count in COUNTS
    }
    figures = compare_commands(commands, 2 if bench.quick else 3)
    small, middle, large = (figures[str(count)].seconds for count in COUNTS)
    allowed = 10 * math.log(COUNTS[2]) / math.log(COUNTS[1])
    growth = (large - small) / max(middle - small, 1e-9)
    goals = [
        Goal("100,000 tensors", "< 10 s", f"{large:.1f} s", large < 10),
        Goal(
            "growth from 10k to 100k, start-up taken off",
            f"<= {allowed:.1f}x (n log n)",
            f"{growth:.1f}x",
            growth <= allowed,
        ),
    ]
    rows = [(count, f"{f.seconds:.2f}", f"{f.mebibytes:.0f}") for count, f in figures.items()]
    return Section(
        "Growth",
        "`diff` of two files of small convolutions in different layouts.",
        ("tensors", "seconds", "peak MiB"),
        rows,
        goals,
    )
