"""Level of the recording above the reference's, as `auscult.sound.relation` measures it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from auscult.sound.figures import Figure, SoundPair


def measure(pair: SoundPair) -> Iterator[Figure]:
    gain = pair.relation.gain_db
    is_finite = bool(np.isfinite(gain))
    yield Figure(
        "gain",
        gain if is_finite else None,
        "dB",
        "zero",
        "spectrum",
        None if is_finite else "the recording is silent",
    )
