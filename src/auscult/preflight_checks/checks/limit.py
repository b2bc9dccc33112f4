"""The bit rate, as stated or as the codes give it, and the best SNR it allows on the batch."""

from __future__ import annotations

import math
from collections.abc import Mapping

from auscult.preflight_checks.measures.bound import bound
from auscult.preflight_checks.records import BitRateLimit, BookHistory
from auscult.preflight_checks.setup import Setup, as_wave


def measure_limit(setup: Setup, books: Mapping[str, BookHistory]) -> BitRateLimit | None:
    """None where neither a bit rate was given nor codes were seen."""
    if setup.target is None:
        return None
    rate, origin = setup.bitrate, "as given"
    if rate is None:
        seconds = setup.target.shape[0] * setup.target.shape[-1] / setup.sample_rate
        bits = sum(math.log2(book.size) * book.vectors for book in books.values())
        rate, origin = (
            bits / seconds,
            f"{len(books)} books, all codes of one batch at log2(size) bits",
        )
    if rate <= 0:
        return None
    waves = as_wave(setup.target).detach().cpu().double().numpy()
    return BitRateLimit(
        rate, round(bound(list(waves), setup.sample_rate, rate), 2), origin, setup.sample_rate
    )
