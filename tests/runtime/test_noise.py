"""Draws of one side, drawn again on the other."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from auscult.errors import TraceError
from auscult.runtime.noise import NoiseReplay, find_distribution_kind, fit_noise_axes
from auscult.traces.records import Trace
from auscult.weights import Array
from tests.hand_made import make_noise, make_record, make_trace

FIRST, SECOND = make_noise(1, 3, 5), make_noise(4)


def make_replay(*draws: tuple[str, Array]) -> NoiseReplay:
    trace = make_trace([(f"a#{number}:noise", array) for number, (_, array) in enumerate(draws)])
    records = tuple(
        replace(record, type=kind) for record, (kind, _) in zip(trace.records, draws, strict=True)
    )
    manifest = replace(trace.manifest, noise=tuple(record.key for record in records))
    return NoiseReplay(Trace(manifest, records, trace.values))


def test_names_of_one_distribution() -> None:
    assert find_distribution_kind("randn") == find_distribution_kind("normal") == "gaussian"
    assert find_distribution_kind("poisson_") == "poisson"


def test_draws_come_in_order_and_in_the_axes_that_are_asked_for() -> None:
    replay = make_replay(("randn", FIRST), ("normal", SECOND))
    assert np.array_equal(replay.draw("normal", (1, 5, 3)), FIRST.transpose(0, 2, 1))
    assert replay.left == 1
    assert np.array_equal(replay.draw("randn", (4,)), SECOND)
    with pytest.raises(TraceError, match="holds no more noise"):
        replay.draw("randn", (4,))


def test_a_draw_that_one_side_does_not_make_is_passed_over() -> None:
    replay = make_replay(("rand", FIRST), ("randn", SECOND))
    assert np.array_equal(replay.draw("normal", (4,)), SECOND)


def test_another_kind_or_shape_is_refused() -> None:
    with pytest.raises(TraceError, match="another kind of noise"):
        make_replay(("rand", FIRST)).draw("randn", FIRST.shape)
    with pytest.raises(TraceError, match="another shape"):
        make_replay(("randn", FIRST)).draw("randn", (3, 4))


def test_axes_of_one_length_are_not_guessed() -> None:
    cube = make_noise(2, 3, 2)
    record = make_record("a:noise", cube)
    assert fit_noise_axes(cube, (2, 3, 2), "t", record) is cube
    with pytest.raises(TraceError, match="more than one way"):
        fit_noise_axes(cube, (3, 2, 2), "t", record)
