"""Fingerprints: the same for the same elements in whatever order, close in another number format."""

from __future__ import annotations

import numpy as np

from auscult.traces.fingerprint import (
    fingerprint_content,
    is_same_content,
    parse_fingerprint,
)
from tests.hand_made import make_noise

WEIGHT = make_noise(8, 4, 3)


def is_close(a: str, b: str) -> bool:
    return parse_fingerprint(a).is_close(parse_fingerprint(b))


def test_the_order_of_axes_does_not_show() -> None:
    turned = fingerprint_content(np.ascontiguousarray(WEIGHT.transpose(2, 0, 1)))
    assert is_same_content(fingerprint_content(WEIGHT), turned)


def test_one_changed_element_shows() -> None:
    changed = WEIGHT.copy()
    changed[0, 0, 0] += 1
    assert not is_same_content(fingerprint_content(WEIGHT), fingerprint_content(changed))


def test_rounded_weights_are_close_but_not_the_same() -> None:
    exact, rounded = fingerprint_content(WEIGHT), fingerprint_content(WEIGHT.astype(np.float16))
    assert is_close(exact, rounded)
    assert not is_same_content(exact, rounded)


def test_other_weights_of_that_size_are_not_close() -> None:
    exact = fingerprint_content(WEIGHT)
    assert not is_close(exact, fingerprint_content(1.1 * WEIGHT))
    assert not is_close(exact, fingerprint_content(WEIGHT[:4]))


def test_the_last_two_fields_are_mean_and_rms() -> None:
    size, *_, mean, rms = fingerprint_content(np.array([3.0, -1.0], np.float32)).split(":")
    assert (size, float(mean), float(rms)) == ("2", 1.0, 2.236068)


def test_the_text_of_a_fingerprint_is_read_back() -> None:
    ones = parse_fingerprint(fingerprint_content(np.ones((2, 3), np.float32)))
    assert (ones.size, ones.width, ones.mean, ones.rms) == (6, 4, 1.0, 1.0)
    assert ones.is_constant
    assert not parse_fingerprint(fingerprint_content(WEIGHT)).is_constant
