"""mlx-audio 0.6.2's S3Gen against chatterbox-tts 0.1.7: where they disagree, which layer it is, and which of them is right.

What is found here: the flow agrees. HiFT's last leaky ReLU has slope 0.1 for 0.01. The x-vector's deviation over time is
the biased one and has 1e-5 added, and the last segment's mean is divided by a whole segment's length. Kaldi's triangles
are drawn over Hertz. The prompt's mel has a symmetric Hann window.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
mx = pytest.importorskip("mlx.core")
pytest.importorskip("mlx_audio")

from mlx import nn as mlx_nn  # noqa: E402
from torch import nn as torch_nn  # noqa: E402

from auscult.families.chatterbox_s3gen.features import flow_mel, kaldi_filters, speaker_features  # noqa: E402
from auscult.verbs.compare.compare import compare  # noqa: E402
from auscult.verdict import Verdict  # noqa: E402
from tests.families.chatterbox import randomise, reference, relative  # noqa: E402

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

CLOSE = 1e-4
VOCODER: dict[str, Any] = {
    "in_channels": 20,
    "base_channels": 32,
    "upsample_rates": [8, 5, 3],
    "upsample_kernel_sizes": [16, 11, 7],
    "source_resblock_kernel_sizes": [7, 7, 11],
    "source_resblock_dilation_sizes": [[1, 3, 5]] * 3,
    "sampling_rate": 24_000,
}
FRAMES = 12
SPEAKER = {"feat_dim": 16, "growth_rate": 8, "init_channels": 16, "embedding_size": 12}


class Reference(torch_nn.Module):
    """chatterbox-tts' vocoder without its drawn source."""

    def __init__(self) -> None:
        super().__init__()
        self.mel2wav = reference("models.s3gen.hifigan").HiFTGenerator(**VOCODER)

    def forward(self, mel: Any, source: Any) -> Any:
        return self.mel2wav.decode(mel, source)


class Port(mlx_nn.Module):
    """mlx-audio's."""

    def __init__(self) -> None:
        super().__init__()
        from mlx_audio.tts.models.chatterbox.s3gen.hifigan import HiFTGenerator

        self.mel2wav = HiFTGenerator(**VOCODER)

    def __call__(self, mel: Any, source: Any) -> Any:
        return self.mel2wav.decode(mel, source)


@pytest.fixture
def vocoders() -> tuple[Any, Any]:
    """Both with the same weights, weight norm removed."""
    from torch.nn.utils import parametrize

    theirs, port = randomise(Reference(), gain=0.9), Port()
    for module in list(theirs.modules()):
        if parametrize.is_parametrized(module):
            parametrize.remove_parametrizations(module, "weight")
    moved = []
    for name, value in theirs.state_dict().items():
        array = value.numpy()
        axes = (1, 2, 0) if ".ups." in name else (0, 2, 1)
        moved.append((name, mx.array(array.transpose(axes) if array.ndim == 3 else array)))
    port.load_weights(moved, strict=False)  # its window is a parameter, and stays
    return theirs, port


@pytest.fixture
def arrays() -> dict[str, Any]:
    draw = np.random.default_rng(0)
    return {
        "mel": draw.normal(size=(1, 20, FRAMES)).astype(np.float32),
        "source": (0.1 * draw.normal(size=(1, 1, FRAMES * 480))).astype(np.float32),
    }


def test_compare_names_the_vocoders_last_slope(
    vocoders: tuple[Any, Any], arrays: dict[str, Any]
) -> None:
    report = compare(*vocoders, inputs=arrays)
    assert report.verdict is Verdict.DIVERGENT
    assert [(finding.cause, finding.where) for finding in report.findings] == [
        ("leaky-slope", ("mel2wav.conv_post",))
    ]
    assert "slope 0.1" in report.findings[0].message
    assert "0.01" in report.findings[0].message


def test_with_the_released_slope_the_vocoders_agree(
    vocoders: tuple[Any, Any], arrays: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who is right: HiFi-GAN's `F.leaky_relu(x)` has torch's default of 0.01, and the weights were trained with it."""
    theirs, port = vocoders
    with torch.no_grad():
        expected = theirs(*map(torch.from_numpy, arrays.values()))
    given = [mx.array(array) for array in arrays.values()]
    assert relative(port(*given), expected) > 0.01
    plain, calls = mlx_nn.leaky_relu, []

    def counted(x: Any, negative_slope: float = 0.01) -> Any:
        calls.append(negative_slope)
        return plain(x, 0.01 if len(calls) == 4 else negative_slope)

    monkeypatch.setattr(mlx_nn, "leaky_relu", counted)
    assert relative(port(*given), expected) <= CLOSE
    assert len(calls) == 4


@pytest.fixture
def speakers() -> tuple[Any, Any]:
    from mlx_audio.tts.models.chatterbox.s3gen.xvector import CAMPPlus

    theirs = randomise(
        reference("models.s3gen.xvector").CAMPPlus(memory_efficient=False, **SPEAKER)
    )
    port = CAMPPlus(**SPEAKER)
    weights = port.sanitize(
        {name: mx.array(value.numpy()) for name, value in theirs.state_dict().items()}
    )
    port.load_weights(list(weights.items()), strict=True)
    port.eval()
    return theirs, port


def test_compare_names_the_speaker_encoders_statistics(speakers: tuple[Any, Any]) -> None:
    features = (
        np.random.default_rng(0).normal(size=(1, 200, 16)).astype(np.float32)
    )  # 100 frames inside: one whole segment
    report = compare(*speakers, inputs={"x": features})
    assert report.verdict is Verdict.DIVERGENT
    assert report.extra["first_divergence"]["a"] == "xvector.stats"


def test_with_the_unbiased_deviation_and_a_true_last_mean_the_speaker_encoders_agree(
    speakers: tuple[Any, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlx_audio.tts.models.chatterbox.s3gen import xvector

    theirs, port = speakers

    def error(frames: int) -> float:
        features = np.random.default_rng(0).normal(size=(1, frames, 16)).astype(np.float32)
        with torch.no_grad():
            return relative(port(mx.array(features)), theirs(torch.from_numpy(features)))

    def statistics(x: Any, axis: int = -1, keepdim: bool = False) -> Any:
        return mx.concatenate(
            [mx.mean(x, axis=axis), mx.sqrt(mx.var(x, axis=axis, ddof=1))], axis=-1
        )

    assert error(200) > CLOSE
    monkeypatch.setattr(xvector, "statistics_pooling", statistics)
    assert error(200) <= CLOSE
    assert error(250) > CLOSE  # 125 frames inside: the second segment has 25
    pooled = xvector.CAMLayer.seg_pooling

    def by_size(self: Any, x: Any, seg_len: int = 100, stype: str = "avg") -> Any:
        sizes = mx.minimum(seg_len, x.shape[-1] - (mx.arange(x.shape[-1]) // seg_len) * seg_len)
        return pooled(self, x, seg_len, stype) * seg_len / sizes

    monkeypatch.setattr(xvector.CAMLayer, "seg_pooling", by_size)
    assert error(250) <= CLOSE


def test_kaldis_triangles_are_drawn_over_the_mel_axis(monkeypatch: pytest.MonkeyPatch) -> None:
    """Kaldi's own C++ decides: ours agrees with it, mlx-audio's does once it has these filters."""
    from mlx_audio.tts.models.chatterbox.s3gen import xvector

    samples = (np.random.default_rng(0).normal(size=16_000) * 0.1).astype(np.float32)
    kaldi, _, _ = reference("models.s3gen.xvector").extract_feature(torch.from_numpy(samples)[None])

    def port() -> Any:
        features = xvector.kaldi_fbank(mx.array(samples))
        return features - features.mean(axis=0)

    assert relative(speaker_features(samples), kaldi[0]) <= CLOSE
    assert relative(port(), kaldi[0]) > 1e-3
    filters = np.pad(kaldi_filters(80), ((0, 0), (0, 1))).astype(np.float32)
    monkeypatch.setattr(xvector, "mel_filters", lambda **_: mx.array(filters))
    assert relative(port(), kaldi[0]) <= CLOSE


def test_the_prompts_mel_has_a_periodic_window(monkeypatch: pytest.MonkeyPatch) -> None:
    from mlx_audio.tts.models.chatterbox.s3gen import mel

    samples = (np.random.default_rng(0).normal(size=24_000) * 0.1).astype(np.float32)
    expected = reference("models.s3gen.utils.mel").mel_spectrogram(torch.from_numpy(samples))[0]
    assert relative(flow_mel(samples), expected) <= CLOSE
    assert relative(mel.mel_spectrogram(mx.array(samples)[None])[0], expected) > CLOSE
    plain, periodic = (
        mel.stft,
        mx.array((0.5 - 0.5 * np.cos(2 * np.pi * np.arange(1920) / 1920)).astype(np.float32)),
    )
    monkeypatch.setattr(
        mel, "stft", lambda *given, **options: plain(*given, **options | {"window": periodic})
    )
    assert relative(mel.mel_spectrogram(mx.array(samples)[None])[0], expected) <= CLOSE
