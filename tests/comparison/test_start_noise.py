"""Noise that was never left, from statistics."""

from __future__ import annotations

import numpy as np
import pytest

from auscult.comparison.align.pairs import LayerAlignment, LayerPair
from auscult.comparison.start_noise import (
    compute_median_peak,
    explain_start_noise,
    find_noise_moments,
    find_noisy_pairs,
    is_plausible_peak,
)
from auscult.traces.statistics import summarise_tensor
from auscult.weights import Array
from tests.hand_made import make_noise, make_trace, make_tree


def moments(array: Array) -> dict[str, float] | None:
    return find_noise_moments(summarise_tensor(array).statistics, array.size)


def test_noise_is_told_from_what_only_resembles_it() -> None:
    noise = make_noise(4096)
    assert moments(noise) is not None
    assert moments(1.2 * noise) is None
    assert moments(noise + np.float32(0.2)) is None
    assert moments(np.clip(noise, -2, 2)) is None
    uniform = np.random.default_rng(0).uniform(-(3**0.5), 3**0.5, 4096)
    assert moments(uniform.astype(np.float32)) is None
    assert moments(noise[:100]) is None  # too few to tell


def test_the_largest_of_many_draws() -> None:
    assert compute_median_peak(1) == pytest.approx(0.6745, abs=1e-4)
    assert compute_median_peak(10_880) == pytest.approx(4.0, abs=0.1)
    assert is_plausible_peak(4.0, 10_880)
    assert not is_plausible_peak(2.0, 10_880)
    assert not is_plausible_peak(9.0, 10_880)
    assert not is_plausible_peak(0.0, 10_880)


def test_a_sampler_that_gives_its_start_noise_back() -> None:
    noise, speech = make_noise(1, 4096), np.sin(np.arange(4096, dtype=np.float32))[None]
    ref = make_tree([("", speech)])
    cand = make_tree([(":noise", noise), ("", noise * 1)])
    pairs = LayerAlignment((LayerPair(("",), ("",), "root"),))
    ((_, explanation),) = find_noisy_pairs(ref, cand, pairs)
    assert explanation.cause == "velocity-zero"
    assert explanation.evidence["correlation_with_noise"] == pytest.approx(1.0)
    assert list(find_noisy_pairs(ref, ref, pairs)) == []
    other_noise = make_trace([(":noise", make_noise(1, 4096, seed=5)), ("", noise * 1)])
    records = ref.trace.records[0], other_noise.records[1]
    assert explain_start_noise(other_noise, *records) is None
    assert explain_start_noise(cand.trace, cand.trace.records[1], cand.trace.records[1]) is None
