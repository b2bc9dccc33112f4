"""What else the config allows: 24 and 44.1 kHz, and training in 16 bits."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soxr

torch = pytest.importorskip("torch")
pytest.importorskip("accelerate")

from auscult.families.codec.config import Config  # noqa: E402
from auscult.families.codec.storage import read_codec  # noqa: E402
from auscult.sound.recording import Recording, read_recording, write_recording  # noqa: E402
from auscult.training.codec.loop import train  # noqa: E402
from auscult.training.codec.trainer import RELEASE  # noqa: E402
from auscult.training.recordings import Speech  # noqa: E402
from auscult.verbs.run import codec as run_codec  # noqa: E402
from tests.training.codec.small import CODEC, RATE, config, speech, tones  # noqa: E402

SMALL: dict[str, Any] = {"core": 1, "latent": 16, "books": 6, "book_size": 16}
AT_24_KHZ = Config(
    sample_rate=24000,
    widths=(4, 6, 8, 12),
    strides=(4, 5, 6),
    units=1,
    delay=120,
    average=0,
    **SMALL,
)
AT_44_KHZ = Config(sample_rate=44100, widths=(1, 24), strides=(36,), delay=72, average=3, **SMALL)


def at(rate: int) -> Speech:
    """The tones, resampled."""
    made = speech()
    training = tuple(soxr.resample(samples, RATE, rate) for samples in made.training)
    validation = tuple(
        (name, soxr.resample(samples, RATE, rate)) for name, samples in made.validation
    )
    held_out = tuple((name, soxr.resample(samples, RATE, rate)) for name, samples in made.held_out)
    return Speech(training, validation, held_out, rate)


@pytest.mark.parametrize("codec", [AT_24_KHZ, AT_44_KHZ], ids=lambda codec: str(codec.sample_rate))
def test_a_codec_of_another_rate_trains_encodes_and_decodes(codec: Config, tmp_path: Path) -> None:
    rate = codec.sample_rate
    start: Any = "random" if len(codec.strides) > 1 else "lapped-transform"
    figures = train(config(tmp_path, codec=codec, start=start, steps=6, batch=2), at(rate))
    assert np.isfinite(figures["snr"])
    x = soxr.resample(tones(1.0, 9), RATE, rate)
    source, file, again = (tmp_path / name for name in ("x.wav", "x.auc", "y.wav"))
    write_recording(Recording.from_mono(x, rate, "x"), source)
    report = run_codec.encode(source, file, codec=tmp_path / RELEASE)
    run_codec.decode(file, again, codec=tmp_path / RELEASE)
    found = read_recording(again)
    assert (found.sample_rate, found.mono.shape) == (rate, x.shape)
    assert (
        codec.bits_per_second / 1000
        <= report.extra["run"]["settings"]["kbit/s"]
        < codec.bits_per_second / 1000 + 2
    )
    if start != "random":  # a transform from its first step on: the sound must be there
        assert 10 * np.log10(np.sum(x**2) / np.sum((x - found.mono) ** 2)) > 2


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_16_bits_train_and_what_must_be_exact_stays_in_32(precision: Any, tmp_path: Path) -> None:
    figures = train(config(tmp_path / precision, steps=8, precision=precision), speech())
    assert figures["snr"] > 10  # the tones start above, as a lapped transform
    saved = read_codec(tmp_path / precision / RELEASE)[0].state_dict()
    assert all(value.dtype == torch.float32 for value in saved.values())


@pytest.mark.parametrize("code_dim", [0, 8])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_a_codec_cast_to_16_bits_encodes_and_decodes(dtype: Any, code_dim: int) -> None:
    from auscult.training.codec.codebooks import Codebooks
    from auscult.training.codec.initial import start_codec

    torch.manual_seed(0)
    codec = start_codec(replace(CODEC, books=4, code_dim=code_dim), "lapped-transform").eval()
    x = torch.from_numpy(tones(1.0, 3))[None, None]
    with torch.no_grad():
        Codebooks(codec.quantizer).start(codec.encoder(codec.padded(x)))
        exact = codec.decode(codec.encode(x))[..., : x.shape[-1]]
        codec.to(dtype)
        found = codec.decode(codec.encode(x.to(dtype)))[..., : x.shape[-1]]
    assert found.dtype == dtype
    noise = (found.float() - exact).square().mean() / exact.square().mean()
    assert 10 * torch.log10(noise) < -10
