"""A small random file in whisper.cpp's ggml format: float32, float16 and a block type."""

from __future__ import annotations

import struct
from pathlib import Path

import gguf
import numpy as np
from numpy.typing import NDArray


def make(path: Path, seed: int) -> None:
    """Write three tensors behind filters and a vocabulary of two words."""
    rng = np.random.default_rng(seed)
    head = b"lmgg" + struct.pack("<11i", 2, 10, 8, 1, 1, 10, 8, 1, 1, 4, 1)
    filters = struct.pack("<2i", 4, 3) + rng.random(12, np.float32).tobytes()
    words = struct.pack("<i", 2) + b"".join(struct.pack("<I", 1) + word for word in (b"a", b"b"))
    block = rng.standard_normal((2, 32), np.float32)
    packed = gguf.quants.quantize(block, gguf.GGMLQuantizationType.Q8_0)
    tensors = (
        pack_tensor(
            "encoder.conv1.weight", (3, 2, 4), 0, rng.standard_normal((3, 2, 4), np.float32)
        ),
        pack_tensor(
            "encoder.conv1.bias", (3, 1), 1, rng.standard_normal((3, 1)).astype(np.float16)
        ),
        pack_tensor("decoder.weight", (2, 32), 8, packed),
    )
    path.write_bytes(head + filters + words + b"".join(tensors))


def pack_tensor(
    name: str, shape: tuple[int, ...], kind: int, elements: NDArray[np.generic]
) -> bytes:
    """The head, the sides with the fastest first, the name, the elements."""
    text = name.encode()
    head = struct.pack("<3i", len(shape), len(text), kind)
    sides = struct.pack(f"<{len(shape)}i", *reversed(shape))
    return head + sides + text + elements.tobytes()
