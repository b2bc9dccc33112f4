"""Short-time objective intelligibility (Taal et al., 2011), by pystoi: speech at 10 kHz."""

from __future__ import annotations

import warnings
from collections.abc import Iterator

from auscult.facts.install import format_install_command
from auscult.sound.figures import Figure, SoundPair


def measure(pair: SoundPair) -> Iterator[Figure]:
    try:
        from pystoi import stoi
    except ModuleNotFoundError:
        yield Figure(
            "stoi",
            None,
            "",
            "higher",
            "spectrum",
            f"needs pystoi: {format_install_command('figures')}",
        )
        return
    with warnings.catch_warnings(
        record=True
    ) as caught_warnings:  # too few frames give 1e-5 and a warning
        warnings.simplefilter("always")
        value = float(stoi(pair.wanted, pair.candidate, pair.sample_rate))
    if any("Not enough" in str(warning.message) for warning in caught_warnings):
        yield Figure("stoi", None, "", "higher", "spectrum", "less than 0.4 s of speech")
        return
    yield Figure("stoi", value, "", "higher", "spectrum")
