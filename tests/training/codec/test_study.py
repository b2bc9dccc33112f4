"""The amplitude study: the faults of the broken quantiser, and what the page says of a table."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("accelerate")

from auscult.training.codec.designs import DESIGNS, STUDY_CODEC, BrokenQuantizer, StudyCodec  # noqa: E402
from auscult.training.codec.study import list_claims, render_page  # noqa: E402


def test_the_broken_quantizer_multiplies_the_gradient_by_its_books_and_collapses() -> None:
    torch.manual_seed(0)
    quantizer = BrokenQuantizer(STUDY_CODEC)
    latent = torch.randn(4, 32, 200, requires_grad=True)
    first = quantizer(latent)
    first.values.sum().backward()
    torch.testing.assert_close(latent.grad, torch.full_like(latent, 8.0))
    second = quantizer(latent)
    assert len(first.codes[:, 0].unique()) > 100
    assert max(len(book.unique()) for book in quantizer(latent).codes.unbind(1)) <= len(
        first.codes[:, 0].unique()
    )
    assert sum(len(book.unique()) for book in second.codes.unbind(1)) < 0.5 * sum(
        len(b.unique()) for b in first.codes.unbind(1)
    )


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_the_broken_quantizer_runs_under_mixed_precision(dtype: Any) -> None:
    """As a user's would: preflight looks at it there, too."""
    codec = StudyCodec(next(design for design in DESIGNS if design.quantizer == "broken"))
    with torch.autocast("cpu", dtype=dtype):
        output, quantized = codec(torch.randn(1, 1, 1600))
    assert output.isfinite().all()
    assert all(table.dtype == torch.float32 for table in codec.codec.quantizer.parameters())
    assert quantized.codes.shape == (1, STUDY_CODEC.books, 1600 // STUDY_CODEC.hop)


@pytest.mark.parametrize("design", DESIGNS, ids=lambda design: design.name)
def test_the_ends_are_what_they_are_called(design: Any) -> None:
    torch.manual_seed(0)
    codec = StudyCodec(design)
    audio = 3 * torch.randn(1, 1, 1600)
    with torch.no_grad():
        codec.codec.decoder.stages[0].conv.bias += 5  # type: ignore[union-attr, operator]
        peak = float(codec(audio)[0].abs().max())
    limit = {"tanh, scale 3": 3.0, "unbounded": float("inf")}.get(design.end, 1.0)
    assert peak <= limit
    assert peak > 0.9 * min(limit, 3.0)
    assert (float(codec.level_loss(audio, 2 * audio)) > 0) == (
        design.end == "tanh, scale 1, level loss x 15"
    )


def table(**changes: float) -> dict[str, Any]:
    rows = []
    for design in DESIGNS:
        snr = changes.get(design.name, 12.0 if design.quantizer == "healthy" else -0.5)
        row = {
            "snr": snr,
            "rms_ratio": 0.3,
            "ac_ratio": 0.3,
            "best_ratio": 0.0,
            "correlation": 0.01,
            "dc": 0.0,
            "gain": 8.0,
        }
        rows.append(
            {
                **row,
                "end": design.end,
                "quantizer": design.quantizer,
                "codes": [1],
                "codes_at_step_2": [2],
                "snr_spread": 0,
            }
        )
    return {
        "rows": rows,
        "bound_db": 30.0,
        "steps": 5,
        "seeds": 1,
        "seconds": 60.0,
        "kbit_per_second": 16.0,
    }


def test_claims_follow_the_figures() -> None:
    assert [" does not hold" in claim for claim in list_claims(table())] == [True] * 5
    free = list_claims(table(**{"unbounded; broken quantiser": 16.0}))
    assert " holds" in free[0]
    assert " holds" in free[1]
    bounded = list_claims(table(**{"tanh; healthy quantiser": 2.0}))
    assert " holds" in bounded[2]
    text = render_page(table())
    assert text.count("\n| ") == 7
    assert "**30.0 dB**" in text
