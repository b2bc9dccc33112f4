"""`convert` to MLX layout, proof included, against `cp` of the same file."""

from __future__ import annotations

import sys
from pathlib import Path

from benchmarks import material
from benchmarks.process import compare_commands
from benchmarks.section import BenchContext, Goal, Section

BIN = Path(sys.executable).parent


def run(bench: BenchContext) -> Section:
    """Time and memory."""
    source = material.write_safetensors_file(bench.scratch, 450, "torch")
    copy, converted = bench.scratch / "copy.safetensors", bench.scratch / "converted.safetensors"
    figures = compare_commands(
        {
            "auscult convert --to mlx": [
                str(BIN / "auscult"),
                "convert",
                str(source),
                str(converted),
                "--to",
                "mlx",
                "--force",
            ],
            "cp": ["cp", str(source), str(copy)],
        },
        bench.runs,
    )
    ratio = figures["auscult convert --to mlx"].seconds / figures["cp"].seconds
    memory = figures["auscult convert --to mlx"].mebibytes
    largest = (
        max(
            array.nbytes
            for array in material.build_generator(material.WIDTHS[450]).weights.values()
        )
        / 2**20
    )
    goals = [
        Goal("time over `cp`", "<= 2x", f"{ratio:.2f}x", ratio <= 2),
        Goal(
            "peak memory",
            f"<= 3x the largest tensor + 100 MiB = {3 * largest + 100:.0f} MiB",
            f"{memory:.0f} MiB",
            memory <= 3 * largest + 100,
        ),
    ]
    for path in (copy, converted):
        path.unlink(missing_ok=True)
    rows = [(name, f"{f.seconds:.2f}", f"{f.mebibytes:.0f}") for name, f in figures.items()]
    return Section(
        "Convert",
        "450 MB, every convolution permuted, round trip proven.",
        ("command", "seconds", "peak MiB"),
        rows,
        goals,
    )
