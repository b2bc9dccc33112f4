"""Pooled statistics with another divisor, or without the last frame."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.explain.mistakes.code_places import FRAMES, StatisticsPool, list_causes


def test_a_biased_deviation() -> None:
    ((cause, message),) = list_causes(StatisticsPool(), StatisticsPool(unbiased=False), FRAMES)
    assert cause == "statistics-pooling"
    assert message.endswith("it divides the squares of a deviation by n, the reference by n - 1")


def test_a_last_frame_that_is_left_out() -> None:
    ((cause, message),) = list_causes(StatisticsPool(), StatisticsPool(kept=-1), FRAMES)
    assert cause == "statistics-pooling"
    assert "leaves the last frame out" in message


def test_the_same_statistics_have_none() -> None:
    assert list_causes(StatisticsPool(), StatisticsPool(), FRAMES) == []


def test_a_biased_deviation_in_mlx() -> None:
    mx = pytest.importorskip("mlx.core")
    nn = pytest.importorskip("mlx.nn")
    reference = StatisticsPool()

    class Port(nn.Module):  # type: ignore[name-defined]
        def __init__(self, ddof: int) -> None:
            super().__init__()
            self.conv = nn.Conv1d(8, 16, 3, padding=1)
            self.out = nn.Linear(32, 8)
            self.ddof = ddof
            self.conv.weight = mx.array(reference.conv.weight.detach().numpy().swapaxes(1, 2))
            self.conv.bias = mx.array(reference.conv.bias.detach().numpy())  # type: ignore[union-attr]
            self.out.weight = mx.array(reference.out.weight.detach().numpy())
            self.out.bias = mx.array(reference.out.bias.detach().numpy())

        def __call__(self, x: object) -> object:
            h = nn.relu(self.conv(mx.swapaxes(x, 1, 2)))
            spread = mx.std(h, axis=1, ddof=self.ddof)
            return self.out(mx.concatenate([h.mean(1), spread], -1))

    assert [cause for cause, _ in list_causes(reference, Port(0), FRAMES)] == ["statistics-pooling"]
    assert list_causes(reference, Port(1), FRAMES) == []


def test_a_biased_deviation_in_onnx(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    file = tmp_path / "model.onnx"
    wrong = StatisticsPool(unbiased=False).eval()
    torch.onnx.export(wrong, (torch.from_numpy(FRAMES),), str(file), dynamo=False)
    assert [cause for cause, _ in list_causes(StatisticsPool(), file, FRAMES)] == [
        "statistics-pooling"
    ]
