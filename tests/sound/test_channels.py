import numpy as np

from auscult.sound.channels import measure_pairing

RATE = 8000


def make_vowel_and_sibilant() -> np.ndarray:
    """A low sound, then a hiss near half the sample rate of the same energy, [time]."""
    random = np.random.default_rng(0)
    time = np.arange(RATE // 2) / RATE
    vowel = sum(np.sin(2 * np.pi * 130 * n * time) / n for n in range(1, 9))
    hiss = random.standard_normal(RATE // 2) * np.cos(np.pi * np.arange(RATE // 2))
    hiss = np.convolve(hiss, [0.25, -0.5, 0.25], "same")
    parts = [part / np.sqrt(np.mean(part**2)) for part in (vowel, hiss)]
    return np.concatenate(parts).astype(np.float32)


def test_a_low_sound_before_a_hiss_cancels_in_the_whole_and_not_in_blocks() -> None:
    pairing = measure_pairing(make_vowel_and_sibilant())
    assert pairing.skip > 0.2
    assert pairing.skip_in_blocks < 0


def test_two_unlike_channels_read_as_one_come_in_pairs_in_blocks_too() -> None:
    time = np.arange(2 * RATE) / RATE
    left, right = np.sin(2 * np.pi * 170 * time), np.sin(2 * np.pi * 233 * time**1.1)
    pairing = measure_pairing(np.stack([left, right]).T.reshape(-1).astype(np.float32))
    assert pairing.skip > 0.5
    assert pairing.skip_in_blocks > 0.5
