"""Health: the sums against textbook formulas, the sample against the whole, and how often a trained tensor is called fresh."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from auscult.checkpoint import glance, moments
from auscult.checkpoint.health import Health, examine_checkpoint
from auscult.weights import Checkpoint
from corpus.networks import draw_trained_weights


def health_of(array: NDArray[Any], *, full: bool = True) -> Health:
    return examine_checkpoint(Checkpoint.of({"w": array}), full=full).health["w"]


@given(
    st.integers(0, 2**32 - 1), st.lists(st.integers(0, 700), min_size=1, max_size=3), st.booleans()
)
def test_a_glance_and_a_full_read_measure_the_same(
    seed: int, lengths: list[int], damaged: bool
) -> None:
    rng = np.random.default_rng(seed)
    pieces = [np.where(rng.random(n) < 0.1, 0.0, rng.standard_normal(n)) for n in lengths]
    if damaged and lengths[0] > 2:
        pieces, pieces[0][0], pieces[0][1] = pieces[:1], np.nan, np.inf
    quick = glance.measure_pieces([piece.tolist() for piece in pieces], closely=True)
    whole = moments.make_empty_sums()
    for piece in pieces:
        moments.merge_sums(whole, moments.measure_values(piece))
    assert set(quick) == set(whole) == set(moments.COLUMNS)
    nonzero = [
        abs(x)
        for x in np.concatenate(pieces)[np.isfinite(np.concatenate(pieces))][:: glance.LOG_STEP]
        if x
    ]
    left = whole["count"] - whole["nan"] - whole["inf"] - whole["zeros"]
    whole["log"] = float(np.mean(np.log2(nonzero))) * left if nonzero else 0.0
    assert {
        name: pytest.approx(value, rel=1e-9, abs=1e-9) for name, value in whole.items()
    } == quick


@given(st.integers(0, 2**32 - 1), st.integers(0, 700))
def test_sums_are_those_of_the_textbook(seed: int, length: int) -> None:
    rng = np.random.default_rng(seed)
    part = np.where(rng.random(length) < 0.1, 0.0, rng.standard_normal(length))
    blocks = [float(np.mean(part[i : i + 256] ** 2)) for i in range(0, length - 255, 256)]
    lag = sum(float(part[i] * part[i + 1]) for i in range(length - 1))
    wanted = {
        "count": length,
        "nan": 0,
        "inf": 0,
        "zeros": (part == 0).sum(),
        "s1": part.sum(),
        "s2": (part**2).sum(),
        "lag": lag,
    }
    wanted |= {
        "s3": (part**3).sum(),
        "s4": (part**4).sum(),
        "log": np.log2(np.abs(part[part != 0])).sum(),
        "blocks": len(blocks),
    }
    wanted |= {"v1": sum(blocks), "v2": sum(b * b for b in blocks)}
    wanted |= {"minimum": min(part, default=np.inf), "maximum": max(part, default=-np.inf)}
    found = moments.measure_values(part)
    assert {
        name: pytest.approx(value, rel=1e-9, abs=1e-9) for name, value in wanted.items()
    } == found


def test_measures_are_numpys() -> None:
    values = np.random.default_rng(0).standard_t(6, (300, 40, 7)).astype(np.float32)
    health = health_of(values)
    exact = values.astype(np.float64)
    centred = exact - exact.mean()
    assert health.seen == health.size == values.size
    assert (health.minimum, health.maximum) == (exact.min(), exact.max())
    assert health.mean == pytest.approx(exact.mean(), abs=1e-12)
    assert health.std == pytest.approx(exact.std())
    assert health.kurtosis == pytest.approx(np.mean(centred**4) / exact.var() ** 2)
    assert health.geometric == pytest.approx(np.exp(np.mean(np.log(np.abs(exact)))))


def test_a_sample_is_bounded_and_says_so() -> None:
    values = np.random.default_rng(0).standard_t(6, (512, 512, 7)).astype(np.float32)
    result = examine_checkpoint(Checkpoint.of({"w": values, "b": values[0, :, 0]}))
    assert result.health["w"].seen == 1024
    assert result.health["b"].seen == 512
    assert (result.seen, result.size) == (1536, values.size + 512)
    assert result.health["w"].std == pytest.approx(values.std(), rel=0.1)
    assert result.health["w"].channels == 0  # dead channels were not looked for


@pytest.mark.parametrize("full", [False, True])
def test_non_finite_zero_and_constant(*, full: bool) -> None:
    bad = np.ones((20, 30), np.float32)
    bad[3, 4:6], bad[7, 7] = np.nan, -np.inf
    health = health_of(bad, full=full)
    assert (health.nan, health.inf, health.zeros) == (2, 1, 0)
    assert health.is_constant
    assert health_of(np.zeros((4, 5)), full=full).is_zero
    assert health_of(np.full(8, np.nan), full=full).nan == 8
    assert health_of(np.zeros((0, 4)), full=full).seen == 0
    assert not health_of(np.zeros(()), full=full).is_constant


def test_dead_channels() -> None:
    values = np.random.default_rng(0).standard_normal((64, 200, 30)).astype(np.float32)
    values[[5, 9]] = 0.0
    values[11] *= 1e-9
    assert health_of(values).dead == (5, 9, 11)
    assert health_of(values).channels == 64
    assert health_of(np.zeros((4, 5))).dead == ()


@pytest.mark.parametrize(
    "dtype",
    [
        "float16",
        "int8",
        "uint8",
        "int64",
        "bool",
        "complex64",
        "float64",
        "bfloat16",
        "float8_e4m3fn",
    ],
)
@pytest.mark.parametrize("full", [False, True])
def test_every_dtype(dtype: str, *, full: bool) -> None:
    import ml_dtypes

    kind = np.dtype(getattr(ml_dtypes, dtype, dtype))
    values = (np.arange(60).reshape(6, 10) % 7).astype(kind)
    health = health_of(values, full=full)
    assert (health.seen, health.maximum) == (60, 1.0 if dtype == "bool" else 6.0)


def initialised(
    rng: np.random.Generator, shape: tuple[int, int, int]
) -> dict[str, NDArray[np.float64]]:
    fan_in, fan_out = shape[1] * shape[2], shape[0] * shape[2]
    cut = rng.standard_normal((shape[0] * 2, *shape[1:])).reshape(-1)
    cut = cut[np.abs(cut) < 2][: shape[0] * fan_in] / 0.8796
    long, short = max(shape[0], fan_in), min(shape[0], fan_in)
    basis = np.linalg.qr(rng.standard_normal((long, short)))[0]
    return {
        "uniform (1/sqrt(fan_in)": rng.uniform(-1, 1, shape) / np.sqrt(fan_in),
        "uniform (Xavier)": rng.uniform(-1, 1, shape) * np.sqrt(6 / (fan_in + fan_out)),
        "normal (0.01": rng.standard_normal(shape) * 0.01,
        "normal (0.02": rng.standard_normal(shape) * 0.02,
        "normal (Kaiming)": rng.standard_normal(shape) * np.sqrt(2 / fan_in),
        "truncated normal (1/sqrt(fan_in)": cut.reshape(shape) / np.sqrt(fan_in),
        "normal (orthogonal)": (basis if shape[0] == long else basis.T).reshape(shape),
    }


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_initialised_tensors_are_called_fresh(dtype: str) -> None:
    missed, count = [], 0
    for seed in range(25):
        rng = np.random.default_rng(seed)
        shape = (
            int(rng.integers(24, 200)),
            int(rng.integers(24, 200)),
            int(rng.choice([1, 3, 7, 11])),
        )
        for name, values in initialised(rng, shape).items():
            found = health_of(values.astype(dtype), full=False).fresh
            count += 1
            if found is None or found.partition(" (")[0] != name.partition(" (")[0]:
                missed.append((name, shape, found))
    assert len(missed) <= 0.02 * count, missed


def test_trained_looking_tensors_are_not_called_fresh() -> None:
    alarms = []
    for seed in range(300):
        rng = np.random.default_rng(seed)
        shape = (
            int(rng.integers(16, 200)),
            int(rng.integers(16, 200)),
            int(rng.choice([1, 3, 7, 11])),
        )
        if health_of(draw_trained_weights(shape, "conv1d", rng), full=False).fresh:
            alarms.append((seed, shape))
    assert alarms == []


def test_an_initialisation_with_gains_is_not_called_fresh() -> None:
    """The hardest case: exactly normal values of a known scale, whose rows differ in gain as the least trained row does."""
    alarms = 0
    for seed in range(100):
        rng = np.random.default_rng(seed)
        gains = np.exp(0.2 * rng.standard_normal((256, 1, 1)))
        alarms += (
            health_of(rng.standard_normal((256, 128, 3)) * 0.01 * gains, full=False).fresh
            is not None
        )
    assert alarms <= 3


def test_torch_and_mlx_constructors() -> None:
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    layers = [
        torch.nn.Conv1d(64, 96, 7),
        torch.nn.ConvTranspose1d(64, 32, 8),
        torch.nn.Linear(100, 120),
        torch.nn.Embedding(200, 64),
    ]
    for layer in layers:
        assert health_of(layer.weight.detach().numpy(), full=False).fresh, layer
