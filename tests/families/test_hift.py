"""HiFT: torch against MLX, the strides that follow from its source branch, and the properties of its source."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
mx = pytest.importorskip("mlx.core")

from auscult import families  # noqa: E402
from auscult.families.hift import mlx as hift_mlx  # noqa: E402
from auscult.families.hift import signature  # noqa: E402
from auscult.families.hift import torch as hift  # noqa: E402
from auscult.families.hift.config import Config, tiny  # noqa: E402
from tests.families.chatterbox import randomise, relative  # noqa: E402

CLOSE = 1e-4
FRAMES = 7


@pytest.fixture(scope="module")
def model() -> Any:
    module = randomise(hift.build(tiny()))
    with torch.no_grad():
        module.f0_predictor.classifier.weight.mul_(150.0)  # from unvoiced to 300 Hz
        module.f0_predictor.classifier.bias.fill_(100.0)
    return module


@pytest.fixture(scope="module")
def port(model: Any) -> Any:
    module = hift_mlx.build(tiny())
    hift_mlx.load(module, {name: value.numpy() for name, value in model.state_dict().items()})
    return module


@pytest.fixture(scope="module")
def drawn() -> dict[str, Any]:
    config, draw = tiny(), torch.Generator().manual_seed(1)
    return {
        "mel": torch.randn(2, config.mel_bins, FRAMES, generator=draw),
        "phases": torch.rand(2, config.harmonics, generator=draw),
        "noise": torch.randn(2, config.harmonics, FRAMES * config.hop, generator=draw),
    }


def test_names_and_shapes_are_the_signatures(model: Any) -> None:
    expected = {
        name: shape for name, shape in signature.expected(tiny()).items() if name != "stft_window"
    }
    assert {name: tuple(value.shape) for name, value in model.state_dict().items()} == expected


@pytest.mark.parametrize("config", [tiny(), Config(), replace(Config(), upsample_rates=(7, 5, 3))])
def test_what_shapes_cannot_show_is_inferred_as_usual(config: Config) -> None:
    detection = families.detect_families(signature.expected(config))[0]
    assert (detection.family, detection.score) == ("hift", 1.0)
    assert detection.config == replace(config, upsample_rates=(8, 5, 3))


def test_declared_choices_keep_the_shapes() -> None:
    for choice in signature.choices(Config()):
        assert choice.default in choice.values
        for value in choice.values:
            assert signature.expected(
                replace(Config(), **{choice.field: value})
            ) == signature.expected(Config())
    assert signature.choices(Config(), hop=480)[0].values == ((8, 5, 3),)
    assert Config().hop == 480
    assert Config().source_rates == (15, 3, 1)


@pytest.mark.parametrize("stage", ["f0", "source", "decode", "whole"])
def test_mlx_agrees_with_torch(stage: str, model: Any, port: Any, drawn: dict[str, Any]) -> None:
    mel, phases, noise = drawn["mel"], drawn["phases"], drawn["noise"]
    ours = mx.array(mel.numpy().transpose(0, 2, 1))
    injected = {"phases": mx.array(phases.numpy()), "noise": mx.array(noise.numpy())}
    with torch.no_grad():
        f0 = model.f0_predictor(mel)
        source = model.source(f0, phases=phases, noise=noise)
        expected = {
            "f0": lambda: f0,
            "source": lambda: source[:, 0],
            "decode": lambda: model.decode(mel, source)[:, 0],
            "whole": lambda: model(mel, phases=phases, noise=noise)[:, 0],
        }[stage]()
    found = {
        "f0": lambda: port.f0_predictor(ours),
        "source": lambda: port.source(mx.array(f0.numpy()), **injected)[..., 0],
        "decode": lambda: port.decode(ours, mx.array(source.numpy().transpose(0, 2, 1)))[..., 0],
        "whole": lambda: port(ours, **injected)[..., 0],
    }[stage]()
    assert relative(found, expected) <= CLOSE
    if stage in ("decode", "whole"):
        assert expected.shape == (2, FRAMES * tiny().hop)
        assert 0.01 < expected.std() < 0.9


@pytest.mark.parametrize("form", ["fused", "weight-norm-old", "weight-norm-new"])
def test_any_weight_norm_form_gives_the_same_sound(form: Any, drawn: dict[str, Any]) -> None:
    original = randomise(hift.build(tiny(), "weight-norm-new"))
    other = hift.build(tiny(), form)
    hift.load(other, original.state_dict())
    port = hift_mlx.build(tiny())
    hift_mlx.load(
        port, {name: value.detach().numpy() for name, value in other.state_dict().items()}
    )
    with torch.no_grad():
        source = torch.randn(2, 1, FRAMES * tiny().hop)
        expected = original.decode(drawn["mel"], source)[:, 0]
        assert relative(other.decode(drawn["mel"], source)[:, 0], expected) <= CLOSE
    arguments = (mx.array(array.numpy().transpose(0, 2, 1)) for array in (drawn["mel"], source))
    assert relative(port.decode(*arguments)[..., 0], expected) <= CLOSE


def test_the_source_is_a_tone_at_f0_where_voiced_and_noise_where_not() -> None:
    config, model = tiny(), hift.build(tiny())
    f0 = torch.tensor([[200.0] * 20 + [0.0] * 20])
    samples = 20 * config.hop
    with torch.no_grad():
        model.m_source.l_linear.weight.copy_(torch.tensor([[1.0, 0.0, 0.0]]))
        model.m_source.l_linear.bias.zero_()
        source = model.source(f0, phases=torch.zeros(1, 3), noise=torch.ones(1, 3, 2 * samples))[
            0, 0
        ]
    voiced, unvoiced = source[:samples], source[samples:]
    assert torch.allclose(unvoiced, torch.tanh(torch.tensor(config.sine_amplitude / 3)))
    time = torch.arange(1, samples + 1, dtype=torch.float64) / config.sample_rate
    tone = torch.tanh(
        config.sine_amplitude * torch.sin(2 * np.pi * 200.0 * time) + config.noise_deviation
    )
    assert (voiced.double() - tone).abs().max() < 1e-4


def test_a_drawn_source_can_be_seeded(model: Any, port: Any) -> None:
    f0 = torch.full((1, 5), 150.0)
    with torch.no_grad():
        drawn = [
            model.source(f0, generator=torch.Generator().manual_seed(seed)) for seed in (1, 1, 2)
        ]
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])
    keyed = [
        np.asarray(port.source(mx.array(f0.numpy()), key=mx.random.key(seed))) for seed in (1, 1, 2)
    ]
    assert np.array_equal(keyed[0], keyed[1])
    assert not np.array_equal(keyed[0], keyed[2])


def test_inverse_stft_undoes_the_stft() -> None:
    """The head's transform, given the logarithm of the magnitude and the arc sine of the phase's sine."""
    samples = np.random.default_rng(0).normal(size=(1, 480)).astype(np.float32)
    spectrum = np.asarray(hift_mlx.stft(mx.array(samples), 16, 4))
    exact = torch.stft(
        torch.from_numpy(samples), 16, 4, window=torch.hann_window(16), return_complex=True
    )
    assert np.abs(spectrum[..., :9] - exact.real.numpy().transpose(0, 2, 1)).max() < 1e-5
    assert np.abs(spectrum[..., 9:] - exact.imag.numpy().transpose(0, 2, 1)).max() < 1e-5
    # half of all angles are beyond what a sine of ±1 rad reaches: the head cannot make every spectrum
    angle = np.angle(spectrum[..., :9] + 1j * spectrum[..., 9:]).clip(-1, 1)
    head = np.concatenate(
        (np.log(np.hypot(spectrum[..., :9], spectrum[..., 9:]) + 1e-12), np.arcsin(angle)), axis=-1
    )
    reached = torch.polar(exact.abs(), torch.from_numpy(angle.transpose(0, 2, 1)))
    wanted = torch.istft(reached, 16, 4, window=torch.hann_window(16))
    assert (
        np.abs(
            np.asarray(hift_mlx.istft(mx.array(head.astype(np.float32)), 16, 4)) - wanted.numpy()
        ).max()
        < 1e-4
    )
