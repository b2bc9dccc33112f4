"""The measures against what is known: textbook formulas, quantizers whose gain can be worked out, signals made for it."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from auscult.preflight_checks.measures.amplitude import compute_best_rms_ratio, measure_amplitude
from auscult.preflight_checks.measures.bound import bound, compute_bound_curve, compute_spectra
from auscult.preflight_checks.measures.codebooks import (
    find_codebooks,
    measure_unreachable,
    measure_usage,
)
from auscult.preflight_checks.measures.codes import CodeWatch
from auscult.preflight_checks.measures.gradients import (
    compute_part_norms,
    compute_term_norms,
    measure_derivative_gain,
)
from auscult.preflight_checks.measures.losses import (
    is_deaf,
    measure_term_reactions,
)
from auscult.preflight_checks.measures.straight_through import measure_quantizer_gain


class Book(nn.Module):
    """One straight-through book; `projected` to 4 dimensions and back, as DAC's are."""

    def __init__(self, dim: int = 8, codes: int = 32, *, projected: bool = False) -> None:
        super().__init__()
        inner = 4 if projected else dim
        self.down = nn.Linear(dim, inner) if projected else nn.Identity()
        self.up = nn.Linear(inner, dim) if projected else nn.Identity()
        self.codebook = nn.Embedding(codes, inner)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        z = self.down(x.transpose(1, 2))
        codes = torch.cdist(z, self.codebook.weight[None]).argmin(-1)
        quantized = z + (self.codebook(codes) - z).detach()
        return self.up(quantized).transpose(1, 2), codes


class Residual(nn.Module):
    """A residual quantizer; `detached` gives each book's full gradient to the encoder, `missing` none."""

    def __init__(self, books: int, how: str = "right", *, projected: bool = False) -> None:
        super().__init__()
        self.how = how
        self.layers = nn.ModuleList(Book(projected=projected) for _ in range(books))

    def forward(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        residual, total, codes = x, torch.zeros_like(x), []
        for layer in self.layers:
            quantized, chosen = layer(residual)
            total = total + quantized
            residual = residual - (quantized.detach() if self.how == "detached" else quantized)
            codes.append(chosen)
        return (total.detach() if self.how == "missing" else total), codes


@pytest.fixture
def latents() -> Tensor:
    return torch.randn(2, 8, 25, generator=torch.Generator().manual_seed(0))


def test_usage_is_the_exponential_of_the_entropy() -> None:
    codes = torch.tensor([0, 0, 1, 1, 2, 2, 2, 2, -1])
    found = measure_usage(codes, 16)
    assert (found.used, found.vectors, found.possible) == (3, 8, 8)
    assert found.perplexity == pytest.approx(
        math.exp(-(2 * 0.25 * math.log(0.25) + 0.5 * math.log(0.5)))
    )
    assert measure_usage(torch.empty(0, dtype=torch.long), 16).perplexity == 0


def test_codes_too_long_to_be_nearest_are_unreachable() -> None:
    latents = torch.randn(50, 8)
    codebook = torch.randn(10, 8)
    assert measure_unreachable(codebook, latents) == 0
    codebook[4:] *= 1e4
    assert measure_unreachable(codebook, latents) == pytest.approx(0.6)


@pytest.mark.parametrize("projected", [False, True])
def test_codes_of_every_book_are_caught(latents: Tensor, *, projected: bool) -> None:
    quantizer = Residual(3, projected=projected)
    books = find_codebooks(quantizer)
    assert [book.name for book in books] == [f"layers.{i}.codebook.weight" for i in range(3)]
    with CodeWatch(quantizer, books) as watch:
        _, codes = quantizer(latents)
        taken = watch.take()
        assert watch.take() == {}
    assert [
        bool((taken[book.name].codes == c).all()) for book, c in zip(books, codes, strict=True)
    ] == [True] * 3


def test_codes_of_stacked_tables_are_caught_in_order(latents: Tensor) -> None:
    class Stacked(nn.Module):
        embed: Tensor

        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("embed", torch.randn(2, 16, 8))

        def forward(self, x: Tensor) -> list[Tensor]:
            return [
                torch.cdist(x.transpose(1, 2), table[None]).min(-1).indices for table in self.embed
            ]

    quantizer = Stacked()
    books = find_codebooks(quantizer)
    with CodeWatch(quantizer, books) as watch:
        codes = quantizer(latents)
        taken = watch.take()
    assert [torch.equal(taken[f"embed[{i}]"].codes, codes[i]) for i in range(2)] == [True, True]


@pytest.mark.parametrize("books", [2, 8])
@pytest.mark.parametrize("projected", [False, True])
def test_gain_of_a_right_quantizer_is_one(latents: Tensor, books: int, *, projected: bool) -> None:
    quantizer = Residual(books, projected=projected)
    gain = measure_quantizer_gain(quantizer, latents, find_codebooks(quantizer))
    assert gain is not None
    assert gain.factor == pytest.approx(1, abs=1e-5)
    assert gain.books == books


@pytest.mark.parametrize("books", [2, 8])
def test_gain_is_the_number_of_books_that_pass_the_full_gradient(
    latents: Tensor, books: int
) -> None:
    quantizer = Residual(books, "detached")
    gain = measure_quantizer_gain(quantizer, latents, find_codebooks(quantizer))
    assert gain is not None
    assert gain.factor == pytest.approx(books, abs=1e-5)


def test_gain_without_straight_through_is_zero(latents: Tensor) -> None:
    quantizer = Residual(4, "missing")
    gain = measure_quantizer_gain(quantizer, latents, find_codebooks(quantizer))
    assert gain is not None
    assert gain.factor == 0


def test_derivative_gain_sees_a_scaled_and_a_missing_gradient() -> None:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv1d(1, 8, 7), nn.Tanh(), nn.Conv1d(8, 1, 7))
    x = torch.randn(2, 1, 200)

    def scaled(value: Tensor) -> Tensor:
        y = net(value)
        return 4 * y - 3 * y.detach()

    assert measure_derivative_gain(net, x) == pytest.approx(1, abs=0.02)
    assert measure_derivative_gain(scaled, x) == pytest.approx(4, abs=0.05)
    assert measure_derivative_gain(lambda value: net(value.detach()), x) == 0
    assert math.isnan(measure_derivative_gain(torch.ones_like, x))


def test_norms_of_parts_and_terms() -> None:
    parts = {"a": nn.Linear(2, 2), "b": nn.Linear(2, 2)}
    output = parts["a"](torch.ones(1, 2))
    terms = {"near": output.sum(), "far": 3 * output.sum(), "detached": output.detach().sum()}
    norms = compute_term_norms(terms, [output])
    assert norms["far"] == pytest.approx(3 * norms["near"])
    assert norms["detached"] == 0
    terms["near"].backward()
    assert compute_part_norms(parts) == {"a": pytest.approx(math.sqrt(6)), "b": 0}


def test_amplitude_is_not_fooled_by_dc() -> None:
    target = torch.randn(1, 1, 16000, generator=torch.Generator().manual_seed(1)) * 0.247
    output = torch.randn(1, 1, 16000, generator=torch.Generator().manual_seed(2)) * 0.114 - 0.308
    found = measure_amplitude(output, target)
    assert found.rms_ratio == pytest.approx(1.33, abs=0.03)  # as if a third too loud
    assert found.mean == pytest.approx(-0.308, abs=0.01)
    assert found.ac_ratio == pytest.approx(0.46, abs=0.02)
    assert abs(found.correlation) < 0.03


def test_best_ratio_is_the_least_squares_one() -> None:
    assert [round(compute_best_rms_ratio(snr), 3) for snr in (-3, 0, 5, 10, 15)] == [
        0,
        0,
        0.827,
        0.949,
        0.984,
    ]


def test_reactions_tell_deaf_terms_apart() -> None:
    time = torch.arange(8000) / 16000
    target = (torch.sin(2 * torch.pi * 220 * time) * (1 + torch.sin(2 * torch.pi * 3 * time)))[
        None, None
    ]

    def wave(output: Tensor) -> Tensor:
        return (output - target).abs().mean()

    assert is_deaf(measure_term_reactions(lambda _output: 0.3, target, 16000))
    values = measure_term_reactions(wave, target, 16000)
    assert not is_deaf(values)
    assert values["target"] == 0


def test_cells_hold_the_energy() -> None:
    samples = np.random.default_rng(0).standard_normal(16000)
    cells = compute_spectra(samples, 512)
    assert cells.size == pytest.approx(len(samples), rel=0.05)
    assert cells.sum() == pytest.approx(np.square(samples).sum(), rel=0.02)


def test_bound_of_white_noise_is_shannons_and_the_spectra_for_free() -> None:
    noise = np.random.default_rng(0).standard_normal(64000)
    free = 10 * math.log10(
        math.exp(np.euler_gamma)
    )  # knowing each cell's power saves γ nats of log power: 2.5 dB
    for bits in (4.0, 6.0):
        assert bound(noise, 16000, bits * 16000) == pytest.approx(6.0206 * bits + free, abs=0.15)


def test_bound_rises_with_the_bit_rate_and_with_structure() -> None:
    rng = np.random.default_rng(0)
    noise = rng.standard_normal(16000)
    tone = np.sin(np.arange(16000) * 0.3) + 0.01 * noise
    rates = (2000, 4000, 16000, 64000)
    curve = compute_bound_curve(noise, 16000, rates)
    assert list(curve) == sorted(curve)
    assert all(compute_bound_curve(tone, 16000, rates) > curve)
    assert bound(np.zeros(16000), 16000, 1000) == 200


def test_bound_meets_a_slow_search_of_the_water_level() -> None:
    from auscult.preflight_checks.measures.bound import _compute_snr_db

    cells = np.random.default_rng(3).exponential(size=400) ** 3
    level = 0.3
    bits = np.maximum(0, 0.5 * np.log2(cells / level)).sum()
    wanted = 10 * math.log10(cells.sum() / np.minimum(cells, level).sum())
    assert _compute_snr_db(cells, bits) == pytest.approx(wanted, abs=1e-9)
