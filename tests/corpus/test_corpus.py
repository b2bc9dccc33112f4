"""The corpus itself: each planter plants something, and a small draw of it is judged in the everyday tests."""

from __future__ import annotations

import numpy as np
import pytest

from corpus.corpus import iter_corpus
from corpus.judge import judge_planted
from corpus.networks import iter_networks
from corpus.plant import PlantedDefect, list_planters

CASES = [
    pytest.param(planted, id=f"{cause}-{label}")
    for cause, label, planted in iter_corpus(seeds=1, widths=(16,))
]


@pytest.mark.parametrize(
    "cause", sorted(cause for cause in list_planters() if not cause.startswith("port:"))
)
def test_each_defect_is_planted_on_three_networks(cause: str) -> None:
    networks = {
        network.name
        for network in iter_networks(1)
        for make in list_planters()[cause]
        if make(network, np.random.default_rng(0))
    }
    assert len(networks) >= 3


@pytest.mark.parametrize("planted", CASES)
def test_answer(planted: PlantedDefect) -> None:
    judgement = judge_planted(planted)
    assert judgement.top1, judgement.answer
    assert judgement.place is not False, judgement
    assert judgement.repair is not False, judgement
    assert not judgement.false_alarm, judgement
