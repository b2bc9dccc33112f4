"""A spectrogram in the model's own code, under another window."""

from __future__ import annotations

from tests.explain.mistakes.code_places import WAVE, Features, list_causes


def test_a_window_that_is_made_in_the_code() -> None:
    assert list_causes(Features(), Features(periodic=False), WAVE) == [
        ("stft-window", "what reaches out: its window is hann-symmetric, the reference's hann")
    ]


def test_the_same_window_is_none() -> None:
    assert list_causes(Features(), Features(), WAVE) == []
