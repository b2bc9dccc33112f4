"""`diff` of two 450 MB files in different layouts, against a peer that gets it wrong and against reading both files."""

from __future__ import annotations

import sys
from pathlib import Path

from benchmarks import material
from benchmarks.process import compare_commands
from benchmarks.section import BenchContext, Goal, Section

BIN = Path(sys.executable).parent
READ = """
import sys
for name in sys.argv[1:]:
    with open(name, "rb", 0) as file:
        block = bytearray(1 << 22)
        while file.readinto(block):
            pass
"""


def run(bench: BenchContext) -> Section:
    """Time and memory, with what each said."""
    a, b = (
        str(material.write_safetensors_file(bench.scratch, 450, layout))
        for layout in ("torch", "mlx")
    )
    commands = {
        "auscult diff": [str(BIN / "auscult"), "diff", a, b],
        "sft diff --delta": [str(BIN / "sft"), "diff", "--delta", a, b],
        "reading both files once": [sys.executable, "-S", "-c", READ, a, b],
    }
    figures = compare_commands(commands, bench.runs)
    ours = figures["auscult diff"].seconds
    against_peer = ours / figures["sft diff --delta"].seconds
    against_read = ours / figures["reading both files once"].seconds
    goals = [
        Goal("time over `sft diff --delta`", "< 1x", f"{against_peer:.2f}x", against_peer < 1),
        Goal(
            "time over reading both files once (page cache warm)",
            "<= 3x",
            f"{against_read:.1f}x",
            against_read <= 3,
        ),
    ]
    said = {
        "auscult diff": "EQUIVALENT: every permuted weight matched bit for bit",
        "sft diff --delta": "equal for the tensors it compared; the permuted weights are skipped",
        "reading both files once": "–",
    }
    rows = [
        (name, f"{f.seconds:.2f}", f"{f.mebibytes:.0f}", said[name]) for name, f in figures.items()
    ]
    text = "The same generator, 112 M parameters, in torch's and in MLX's layout. Medians of whole processes run in turn."
    return Section("Diff", text, ("command", "seconds", "peak MiB", "answer"), rows, goals)
