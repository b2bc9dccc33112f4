"""The codebooks' start, their running means, and what becomes of dead codes."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")

from auscult.families.codec.config import Config  # noqa: E402
from auscult.families.codec.quantizer import ResidualQuantizer  # noqa: E402
from auscult.training.codec.codebooks import Codebooks, kmeans  # noqa: E402


def made(**changes: Any) -> tuple[Any, Codebooks]:
    torch.manual_seed(0)
    quantizer = ResidualQuantizer(
        Config(**{"latent": 8, "books": 4, "book_size": 32, "average": 0.0, **changes}),
        "weight-norm-new",
    )
    return quantizer, Codebooks(quantizer)


def latents(batch: int = 8, frames: int = 200, seed: int = 1) -> Any:
    """Of very unequal sizes, as those of speech are."""
    draw = torch.Generator().manual_seed(seed)
    size = torch.exp(1.5 * torch.randn(batch, 1, frames, generator=draw))
    return 0.1 * size * torch.randn(batch, 8, frames, generator=draw)


def test_kmeans_finds_clusters() -> None:
    draw = torch.Generator().manual_seed(3)
    centres = 10 * torch.randn(6, 5, generator=draw)
    items = (centres[:, None] + 0.01 * torch.randn(6, 50, 5, generator=draw)).flatten(0, 1)
    found, counts = kmeans(items, 24, draw)
    assert counts.sum() == 300
    assert torch.cdist(centres, found).min(1).values.max() < 0.1


def test_the_start_uses_the_codes_and_each_book_helps() -> None:
    quantizer, books = made()
    z = latents()
    books.start(z)
    errors = [
        float((quantizer(z, torch.full((8,), depth)).values - z).square().mean())
        for depth in (1, 2, 3, 4)
    ]
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 0.3 * float(z.square().mean())
    assert all(len(book.unique()) > 20 for book in quantizer(z).codes.unbind(1))


def test_running_means_are_those_of_the_items() -> None:
    quantizer, books = made(books=1)
    books.decay, books.every = 0.9, 10**9
    z = latents()
    books.start(z)
    usage, sums = books.usage.clone(), books.sums.clone()
    for _ in range(3):
        result = quantizer(z)
        books.update(result)
        for code in range(32):
            mine = result.inputs[0][result.codes[:, 0].flatten() == code]
            usage[0, code] = 0.9 * usage[0, code] + 0.1 * len(mine)
            sums[0, code] = 0.9 * sums[0, code] + 0.1 * mine.sum(0)
    torch.testing.assert_close(books.usage, usage)
    torch.testing.assert_close(books.sums, sums, rtol=1e-4, atol=1e-5)
    used = usage[0] > 0.1
    torch.testing.assert_close(
        quantizer.books[0].codes[used], sums[0, used] / usage[0, used, None], rtol=1e-4, atol=1e-5
    )


def test_codes_out_of_reach_come_back_into_use() -> None:
    """The published codec's fault planted: all but one code of the first book are thrown far away."""
    quantizer, books = made()
    z = latents(32)
    books.start(z)
    with torch.no_grad():
        quantizer.books[0].codes[1:] *= 1e4
    books.usage[0, 1:], books.sums[0] = 0.0, quantizer.books[0].codes * books.usage[0, :, None]
    assert len(quantizer(z).codes[:, 0].unique()) == 1
    books.dead, books.every, books.decay = 0.2, 1, 0.9
    for step in range(60):
        books.update(quantizer(latents(32, seed=step)))
    assert len(quantizer(z).codes[:, 0].unique()) >= 28
    assert min(books.perplexity()) > 0.6


def test_training_with_dropout_and_projections_keeps_the_books_alive() -> None:
    quantizer, books = made(code_dim=3)
    books.start(latents())
    for step in range(20):
        books.update(
            quantizer(
                latents(seed=step),
                torch.randint(1, 5, (8,), generator=torch.Generator().manual_seed(step)),
            )
        )
    assert all(torch.isfinite(book.codes).all() for book in quantizer.books)
    assert min(books.perplexity()) > 0.3


def test_state_is_all_there_is() -> None:
    (quantizer, books), z = made(), latents()
    books.start(z)
    books.update(quantizer(z))
    other_quantizer, other = made()
    other_quantizer.load_state_dict(quantizer.state_dict())
    other.restore({name: value.clone() for name, value in books.state().items()})
    for step in range(25):
        for q, b in ((quantizer, books), (other_quantizer, other)):
            b.update(q(latents(seed=step)))
    for first, second in zip(quantizer.books, other_quantizer.books, strict=True):
        assert torch.equal(first.codes, second.codes)
