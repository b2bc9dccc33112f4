"""The fixed vectors that stand for a voice and a way of speaking: unit vectors drawn from their
names.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SPEAKER_DIM = 192
EMOTION_DIM = 256


def vector_from_name(name: str, size: int) -> NDArray[np.float32]:
    """The unit vector [size] of a name, the same on every machine; the empty name (unknown) is the
    zero vector.
    """
    if not name:
        return np.zeros(size, np.float32)
    vector = np.random.default_rng(list(name.encode())).standard_normal(size)
    return (vector / np.linalg.norm(vector)).astype(np.float32)
