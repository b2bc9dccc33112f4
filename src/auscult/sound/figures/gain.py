"""Level of the recording above the reference's, as `auscult.sound.relation` measures it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from auscult.sound.figures import Figure, Pair


def measure(pair: Pair) -> Iterator[Figure]:
    gain = pair.relation.gain_db
    known = bool(np.isfinite(gain))
    yield Figure(
        "gain",
        gain if known else None,
        "dB",
        "zero",
        "spectrum",
        None if known else "the recording is silent",
    )
