"""Images of the spectrum by physics: planted ones have their level and stride, and what masks them counts."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from auscult.sound.images import find_images, iter_steady_tones
from auscult.sound.masking import HEARD_DB, noise_to_mask_db

RATE = 24000
STRIDES = (2, 3, 4, 5, 8)
Floats = NDArray[np.float32]


def low_noise(seed: int = 0, seconds: float = 3.0) -> Floats:
    """Noise that comes and goes, with next to nothing above 2 kHz, [time]."""
    rng = np.random.default_rng(seed)
    spectrum = np.fft.rfft(rng.standard_normal(int(seconds * RATE)))
    spectrum[np.fft.rfftfreq(int(seconds * RATE), 1 / RATE) > 2000] = 0
    noise = np.fft.irfft(spectrum)
    swelling = noise * (0.3 + np.abs(np.sin(np.arange(len(noise)) / RATE * 9)))
    return (swelling + 1e-4 * rng.standard_normal(len(noise))).astype(np.float32)


def with_images(samples: Floats, stride: int, level_db: float) -> Floats:
    """Every `stride`-th sample counts more: copies of the spectrum at multiples of rate / stride."""
    weight = np.zeros(stride, np.float32)
    weight[0] = stride
    pattern = np.tile(weight, len(samples) // stride + 1)[: len(samples)] - 1
    return np.asarray(samples * (1 + 10.0 ** (level_db / 20) * pattern), np.float32)


@pytest.mark.parametrize(
    ("stride", "level_db"),
    [(2, -20.0), (3, -20.0), (4, -20.0), (5, -20.0), (8, -20.0), (7, -20.0), (4, -40.0)],
)
def test_images_have_their_stride_and_level(stride: int, level_db: float) -> None:
    found = find_images(with_images(low_noise(), stride, level_db), RATE, (*STRIDES, 7))
    assert found.stride == stride
    copies = 10 * np.log10(stride - 1)  # of all images together
    assert found.level_db == pytest.approx(level_db + copies, abs=0.5)
    assert found.audible_db > 12


@pytest.mark.parametrize("seed", range(3))
def test_a_sound_without_an_upsampling_has_none(seed: int) -> None:
    treble = 0.05 * np.random.default_rng(seed).standard_normal(3 * RATE).astype(np.float32)
    assert find_images(low_noise(seed), RATE, STRIDES).audible_db < HEARD_DB
    assert find_images(low_noise(seed) + treble, RATE, STRIDES).audible_db < HEARD_DB
    assert find_images(low_noise(seed)[:1000], RATE, STRIDES).share == 0.0


def test_treble_masks_images() -> None:
    imaged = with_images(low_noise(), 4, -30.0)
    treble = np.random.default_rng(1).standard_normal(len(imaged)).astype(np.float32) * imaged.std()
    bare, covered = (
        find_images(samples.astype(np.float32), RATE, STRIDES).audible_db
        for samples in (imaged, imaged + treble)
    )
    assert covered < HEARD_DB < bare


def test_gain_does_not_matter() -> None:
    imaged = with_images(low_noise(), 2, -30.0)
    loud, quiet = find_images(imaged, RATE, STRIDES), find_images(0.01 * imaged, RATE, STRIDES)
    assert quiet.audible_db == pytest.approx(loud.audible_db, abs=0.1)


@pytest.mark.parametrize("stride", [8, 7])
def test_a_steady_tone_of_an_upsampling(stride: int) -> None:
    tone = 0.01 * np.cos(2 * np.pi * np.arange(3 * RATE) / stride)
    (found,) = iter_steady_tones((low_noise() * 0.1 + tone).astype(np.float32), RATE, [stride])
    assert found.hertz == pytest.approx(RATE / stride)
    assert found.agreement > 0.9
    assert found.level_db == pytest.approx(
        20 * np.log10(0.01 / np.sqrt(2) / (low_noise() * 0.1).std()), abs=0.5
    )


def test_noise_masks_noise_in_its_band_and_not_far_above() -> None:
    """40 dB below a band of noise nothing is heard in it; 40 dB below, four octaves higher, it is."""
    bins, frames = 481, 20
    hertz = np.linspace(0, RATE / 2, bins)
    power = np.full((frames, bins), 1e-12, np.float32)
    near, far = (hertz > 480) & (hertz < 620), (hertz > 7800) & (hertz < 8200)
    power[:, near] = 1.0
    power[:, far] = 1e-4
    ratio, centres = noise_to_mask_db(power, np.where(near, 1e-4, 0).astype(np.float32), RATE)
    assert ratio.max() < HEARD_DB
    ratio, centres = noise_to_mask_db(power, far.astype(np.float32), RATE)
    assert ratio.max() > HEARD_DB
    assert centres[ratio.argmax()] == pytest.approx(8000, rel=0.1)
