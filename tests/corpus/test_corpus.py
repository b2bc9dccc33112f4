"""The corpus itself: each planter plants something, and a small draw of it is judged in the everyday tests."""

from __future__ import annotations

import numpy as np
import pytest

from corpus.corpus import corpus
from corpus.judge import judge
from corpus.networks import every_network
from corpus.plant import Planted, planters

CASES = [
    pytest.param(planted, id=f"{cause}-{label}")
    for cause, label, planted in corpus(seeds=1, widths=(16,))
]


@pytest.mark.parametrize(
    "cause", sorted(cause for cause in planters() if not cause.startswith("port:"))
)
def test_each_defect_is_planted_on_three_networks(cause: str) -> None:
    networks = {
        network.name
        for network in every_network(1)
        for make in planters()[cause]
        if make(network, np.random.default_rng(0))
    }
    assert len(networks) >= 3


@pytest.mark.parametrize("planted", CASES)
def test_answer(planted: Planted) -> None:
    judgement = judge(planted)
    assert judgement.top1, judgement.answer
    assert judgement.place is not False, judgement
    assert judgement.repair is not False, judgement
    assert not judgement.false_alarm, judgement
