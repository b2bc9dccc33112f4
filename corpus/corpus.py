"""The corpus: every planter on every network where it makes sense, at several sizes and seeds."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

import numpy as np

from corpus.networks import iter_networks
from corpus.plant import PlantedDefect, list_planters


def iter_corpus(
    seeds: int, widths: tuple[int, ...] = (16, 32), only: str = ""
) -> Iterator[tuple[str, str, PlantedDefect]]:
    """Yield (cause or port name, network and seed, planted), in a fixed order."""
    for cause, makers in list_planters().items():
        if not cause.startswith(only):
            continue
        for number, make in enumerate(makers):
            for index, network in enumerate(iter_networks(seeds, widths)):
                label = f"{network.name}/{index}/{number}"
                planted = make(
                    network, np.random.default_rng(zlib.crc32(f"{cause}/{label}".encode()))
                )
                if planted is not None:
                    yield cause, label, planted
