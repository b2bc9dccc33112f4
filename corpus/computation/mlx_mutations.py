"""The same for MLX networks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import mlx.core as mx
from mlx import nn


def get_mlx_module(model: Any, path: str) -> Any:
    return dict(model.named_modules())[path]


def set_mlx_attributes(**attributes: Any) -> Callable[[Any, str], None]:
    """Set attributes of an MLX module."""

    def mutate(model: Any, path: str) -> None:
        for name, value in attributes.items():
            setattr(get_mlx_module(model, path), name, value)

    return mutate


def set_mlx_training(model: Any, path: str) -> None:
    get_mlx_module(model, path).train()


def pad_mlx_conv(
    left: int, right: int, mode: Literal["constant", "edge"] = "constant"
) -> Callable[[Any, str], None]:
    """Another border of an MLX convolution: its class computes it."""

    def mutate(model: Any, path: str) -> None:
        class Conv1d(nn.Conv1d):
            def __call__(self, x: Any) -> Any:
                wide = mx.pad(x, [(0, 0), (left, right), (0, 0)], mode=mode)
                return (
                    mx.conv1d(wide, self["weight"], self.stride, 0, self.dilation, self.groups)
                    + self["bias"]
                )

        get_mlx_module(model, path).__class__ = Conv1d

    return mutate


class HiddenFirst(nn.GRU):
    """The reset gate applied to the state, before the hidden weights."""

    def __call__(self, x: mx.array, hidden: mx.array | None = None) -> mx.array:
        rows, size = [], self.hidden_size
        state = mx.zeros((x.shape[0], size)) if hidden is None else hidden
        for frame in mx.split(x @ self.Wx.T + self.b, x.shape[1], 1):
            gates = frame[:, 0]
            r, z = mx.split(mx.sigmoid(gates[:, : 2 * size] + state @ self.Wh[: 2 * size].T), 2, -1)
            new = mx.tanh(gates[:, 2 * size :] + (r * state) @ self.Wh[2 * size :].T + self.bhn)
            state = (1 - z) * new + z * state
            rows.append(state)
        return mx.stack(rows, 1)


def change_mlx_class(kind: type) -> Callable[[Any, str], None]:
    """Compute as another class does."""

    def mutate(model: Any, path: str) -> None:
        get_mlx_module(model, path).__class__ = kind

    return mutate


def reorder_mlx_rows(order: tuple[int, ...]) -> Callable[[Any, str], None]:
    """Blocks of rows of a recurrent layer's weights in another order than it takes them."""

    def mutate(model: Any, path: str) -> None:
        module = get_mlx_module(model, path)
        for name in ("Wx", "Wh", "bias"):
            parts = mx.split(module[name], len(order))
            module[name] = mx.concatenate([parts[index] for index in order])

    return mutate
