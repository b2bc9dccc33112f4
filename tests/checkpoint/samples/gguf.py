"""A small random GGUF file: plain types, blocks that are read, blocks that are not, and metadata of every kind."""

from __future__ import annotations

from pathlib import Path

import gguf
import numpy as np

BLOCKS = ("Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "BF16")
PLAIN = (np.float32, np.float16, np.float64, np.int8, np.int16, np.int32, np.int64)


def make(path: Path, seed: int, *, big_endian: bool = False) -> None:
    """Write a random file to `path`; block types only in little-endian files."""
    rng = np.random.default_rng(seed)
    order = gguf.GGUFEndian.BIG if big_endian else gguf.GGUFEndian.LITTLE
    writer = gguf.GGUFWriter(path, "sample", endianess=order)
    writer.add_string("sample.text", "héllo")
    writer.add_array("sample.words", ["a", "bc", "def"] * 100)
    writer.add_array("sample.numbers", [1, 2, 3])
    writer.add_bool("sample.flag", val=True)
    writer.add_custom_alignment(int(rng.choice([16, 32, 64])))
    for kind in PLAIN:
        shape = rng.integers(1, 6, int(rng.integers(1, 5)))
        writer.add_tensor(
            f"plain.{np.dtype(kind).name}", (rng.normal(size=shape) * 100).astype(kind)
        )
    for name in () if big_endian else BLOCKS:
        values = rng.normal(size=(int(rng.integers(1, 4)), 32 * int(rng.integers(1, 4)))).astype(
            np.float32
        )
        kind = gguf.GGMLQuantizationType[name]
        writer.add_tensor(f"block.{name}", gguf.quants.quantize(values, kind), raw_dtype=kind)
    if not big_endian:
        blocks = rng.integers(0, 255, (2, 144), np.uint8)
        writer.add_tensor("block.Q4_K", blocks, raw_dtype=gguf.GGMLQuantizationType.Q4_K)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
