import numpy as np

from auscult.sound.prediction import choose_frames, measure_curve_gain_db, measure_prediction_db

RATE = 16000
TIME = np.arange(RATE) / RATE
TWO_TONES = 0.6 * np.sin(2 * np.pi * 311 * TIME) + 0.4 * np.sin(2 * np.pi * 1240 * TIME)


def test_tones_are_predicted_and_noise_is_not() -> None:
    noise = np.random.default_rng(0).standard_normal((8, 512))
    tones = choose_frames(TWO_TONES.astype(np.float32), RATE)
    assert measure_prediction_db(tones).min() > 30
    assert np.abs(np.median(measure_prediction_db(noise))) < 2


def test_undoing_a_curve_gains_and_bending_loses() -> None:
    bent = choose_frames((TWO_TONES**3).astype(np.float32), RATE)
    straight = choose_frames(TWO_TONES.astype(np.float32), RATE)
    assert measure_curve_gain_db(bent, np.cbrt, (1.0,)) > 0
    assert measure_curve_gain_db(straight, np.cbrt, (1.0,)) < 0


def test_silence_and_what_lies_on_a_constant_give_no_frames() -> None:
    assert len(choose_frames(np.zeros(RATE, np.float32), RATE)) == 0
    assert len(choose_frames((5 + TWO_TONES).astype(np.float32), RATE)) == 0
