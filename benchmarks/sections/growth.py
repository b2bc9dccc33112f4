"""How `diff` grows with the number of tensors."""

from __future__ import annotations

import math
import sys
from pathlib import Path

from benchmarks import material
from benchmarks.process import compare_commands
from benchmarks.section import BenchContext, Goal, Section

COUNTS = (1_000, 10_000, 100_000)
MAX_SECONDS, MAX_GROWTH = 4.0, 11.0
"""Goals for the largest count, and for it over the one before."""


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
    log_linear = 10 * math.log(COUNTS[2]) / math.log(COUNTS[1])
    growth = (large - small) / max(middle - small, 1e-9)
    goals = [
        Goal("100,000 tensors", f"<= {MAX_SECONDS:.0f} s", f"{large:.1f} s", large <= MAX_SECONDS),
        Goal(
            "growth from 10k to 100k, start-up taken off",
            f"<= {MAX_GROWTH:.0f}x (n log n is {log_linear:.1f}x)",
            f"{growth:.1f}x",
            growth <= MAX_GROWTH,
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
