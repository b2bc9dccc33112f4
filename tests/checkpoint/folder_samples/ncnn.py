"""A small random ncnn model: a `.param` of layers, and the `.bin` with their weights in that order."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

OPENED = "model.param"
FLAGS = {"float32": 0, "float16": 0x01306B47, "int8": 0x000D4B38}


@dataclass
class NcnnWriter:
    """Builds a model layer by layer, each taking the one before it."""

    lines: list[str] = field(default_factory=list)
    content: bytearray = field(default_factory=bytearray)

    def add(self, kind: str, name: str, words: str = "") -> None:
        """A layer; its weights are stored next."""
        number = len(self.lines)
        self.lines.append(f"{kind:24} {name:24} 1 1 {number} {number + 1} {words}".rstrip())

    def store(self, array: Any, *, flagged: bool = True) -> None:
        """Numbers, with the flag that says how they are stored, or as they are."""
        if flagged:
            self.content += FLAGS[array.dtype.name].to_bytes(4, "little")
        raw = array.tobytes()
        self.content += raw.ljust(-(-len(raw) // 4) * 4, b"\0")

    def store_table(self, table: Any, indices: Any) -> None:
        """Numbers of entries of a table of 256 values."""
        self.content += b"\1\2\3\4" + table.astype(np.float32).tobytes()
        self.content += indices.tobytes().ljust(-(-indices.size // 4) * 4, b"\0")

    def write(self, path: Path) -> None:
        """Write the `.param`, and the `.bin` beside it."""
        count = len(self.lines)
        path.write_text(f"7767517\n{count} {count + 1}\n" + "\n".join(self.lines) + "\n")
        path.with_suffix(".bin").write_bytes(self.content)


def make(folder: Path, seed: int) -> None:
    """A convolution in float16, a transposed one, an integer Linear, a norm and a recurrent layer."""
    rng = np.random.default_rng(seed)
    model = NcnnWriter()
    model.add("Convolution1D", "conv", "0=6 1=3 5=1 6=72")
    model.store(rng.normal(size=72).astype(np.float16))
    model.store(rng.normal(size=6).astype(np.float32), flagged=False)
    model.add("Deconvolution1D", "up", "0=4 1=4 5=0 6=96")
    model.store(rng.normal(size=96).astype(np.float32))
    model.add("LayerNorm", "norm", "0=4 1=1.0e-5 2=1")
    model.store(rng.normal(size=4).astype(np.float32), flagged=False)
    model.store(rng.normal(size=4).astype(np.float32), flagged=False)
    model.add("InnerProduct", "linear", "0=3 1=0 2=12 8=1")
    model.store(rng.integers(-127, 128, 12, np.int8))
    model.store(rng.uniform(50, 90, 4).astype(np.float32), flagged=False)
    model.add("GRU", "gru", "0=2 1=36 2=2")
    for size in (36, 16, 24):
        model.store(rng.normal(size=size).astype(np.float32))
    model.add("ReLU", "leaky", "0=0.2")
    model.write(folder / OPENED)
