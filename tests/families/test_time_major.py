"""Convolutions over time-major memory compute what torch's own compute, and keep the order in memory."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")

from auscult.families._time_major import Conv1d, ConvTranspose1d, to_time_major  # noqa: E402


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        (Conv1d, {"kernel_size": 7, "padding": 9, "dilation": 3}),
        (Conv1d, {"kernel_size": 30, "stride": 15, "padding": 7}),
        (Conv1d, {"kernel_size": 1}),
        (Conv1d, {"kernel_size": 3, "groups": 4, "bias": False}),
        (ConvTranspose1d, {"kernel_size": 11, "stride": 5, "padding": 3}),
        (
            ConvTranspose1d,
            {"kernel_size": 4, "stride": 3, "output_padding": 1, "dilation": 2, "groups": 2},
        ),
    ],
)
@pytest.mark.parametrize("batch", [1, 3])
def test_the_same_as_torchs_own(kind: Any, options: dict[str, Any], batch: int) -> None:
    torch.manual_seed(0)
    ours = kind(8, 12, **options)
    theirs = getattr(torch.nn, kind.__name__)(8, 12, **options)
    theirs.load_state_dict(ours.state_dict())
    x = torch.randn(batch, 8, 64)
    with torch.no_grad():
        expected, found = theirs(x), ours(to_time_major(x))
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(ours(x), expected, rtol=1e-4, atol=1e-5)
    assert found.transpose(1, 2).is_contiguous()
