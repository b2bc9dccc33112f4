"""What real recordings are like, and what is said of it: beside each control the defect that is found all the same."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from auscult.finding import Finding, Severity
from auscult.rules.sound.hearing import run_sound_rules
from auscult.rules.sound.snd026_tone import is_heard
from auscult.rules.sound.subject import SoundFacts, SoundSubject
from auscult.sound.recording import Recording

RATE = 16000
SECONDS = np.arange(4 * RATE) / RATE
NOISE = np.random.default_rng(3).standard_normal(4 * RATE)
BURSTS = NOISE * (np.sin(2 * np.pi * 1.5 * SECONDS) > 0)


def find(samples: NDArray[np.floating], facts: SoundFacts | None = None) -> dict[str, Finding]:
    """Findings by cause of [time] or [channels, time] samples."""
    recording = Recording(np.atleast_2d(samples).astype(np.float32), RATE, "clip")
    findings, _ = run_sound_rules(SoundSubject(recording, facts=facts or SoundFacts()))
    return {finding.cause: finding for finding in findings}


def test_rain_is_a_warning_and_the_output_of_a_model_an_error() -> None:
    assert find(0.1 * NOISE)["noise"].severity is Severity.WARNING
    assert find(0.1 * NOISE, SoundFacts(hop=256))["noise"].severity is Severity.ERROR


def test_a_lopsided_wave_is_no_constant_and_a_constant_is() -> None:
    lopsided = 0.1 * np.abs(BURSTS)
    assert "dc" not in find(np.where(BURSTS != 0, lopsided, 1e-3 * NOISE))
    assert find(0.1 * BURSTS + 0.05)["dc"].severity is Severity.WARNING


def test_sixteen_bits_at_minus_66_dbfs_are_too_quiet_first() -> None:
    quiet = np.rint(16 * np.clip(BURSTS / 3, -1, 1)) / 32768
    found = find(quiet)
    assert next(iter(found)) == "silence"
    assert "too quiet: the peak is -66 dBFS" in found["silence"].message
    assert "silence" not in find(100 * quiet)


def test_half_a_sample_between_channels_is_no_interleaving() -> None:
    smooth = np.convolve(NOISE, np.hanning(16), mode="same") / 30
    assert "interleave" not in find(np.stack([smooth[::2], smooth[1::2]]))
    halves = np.concatenate([smooth, 0.9 * smooth])
    assert "interleave" in find(halves.reshape(-1, 2).T)


def test_a_gain_that_is_too_high_is_not_taken_for_integers() -> None:
    assert "integer-scale" not in find(10 * BURSTS)
    assert "integer-scale" in find(np.rint(30 * BURSTS))


@pytest.mark.parametrize(
    ("hertz", "below_db", "heard"), [(15625, 53, False), (3000, 53, True), (50, 35, False)]
)
def test_a_line_is_heard_above_the_threshold_in_quiet(
    hertz: float, below_db: float, heard: bool
) -> None:
    assert is_heard(hertz, below_db) is heard
