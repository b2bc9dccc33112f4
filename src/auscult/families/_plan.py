"""The tensors that a model of given hyper-parameters has: name, torch-layout shape, and the layer each belongs to."""

from __future__ import annotations

from typing import NamedTuple

from auscult.facts.layers import CONVOLUTION_TO_MLX_AXES
from auscult.families.records import TensorKind
from auscult.weights import Shape


class PlannedTensor(NamedTuple):
    """One expected tensor.

    Attributes:
        shape: In torch's layout, weight norm fused.
        optional: Absent from some files of the same model (buffers, counters).
        weight_norm: Whether the model as trained keeps it as a weight-norm pair.
        groups: Of a convolution; the shape of a transposed one does not tell them.
    """

    shape: Shape
    kind: TensorKind
    optional: bool = False
    weight_norm: bool = False
    groups: int = 1


ANY_SHAPE: Shape = (-1,)
"""Of a buffer that is known by name alone."""

MAX_TENSORS = 20_000
"""Of any model: eight times the largest known. A file whose names claim more (`ups.9999.bias`) is not planned for."""


class TooLargeError(Exception):
    """The sizes that a checkpoint's names claim are no model's."""


Plan = dict[str, PlannedTensor]


class Planner:
    """Collects a plan layer by layer, in the words of the framework that built the model."""

    def __init__(self) -> None:
        self.plan: Plan = {}

    def _add(self, name: str, planned: PlannedTensor) -> None:
        if len(self.plan) >= MAX_TENSORS:
            raise TooLargeError
        self.plan[name] = planned

    def conv1d(
        self,
        name: str,
        source: int,
        target: int,
        kernel: int,
        *,
        groups: int = 1,
        bias: bool = True,
        norm: bool = False,
    ) -> None:
        """Weight [target, source / groups, kernel]."""
        self._add(
            f"{name}.weight",
            PlannedTensor(
                (target, source // max(groups, 1), kernel), "conv1d", False, norm, groups
            ),
        )
        if bias:
            self._add(f"{name}.bias", PlannedTensor((target,), "bias"))

    def conv_transpose1d(
        self,
        name: str,
        source: int,
        target: int,
        kernel: int,
        *,
        groups: int = 1,
        bias: bool = True,
        norm: bool = False,
    ) -> None:
        """Weight [source, target / groups, kernel]."""
        self._add(
            f"{name}.weight",
            PlannedTensor(
                (source, target // max(groups, 1), kernel), "conv_transpose1d", False, norm, groups
            ),
        )
        if bias:
            self._add(f"{name}.bias", PlannedTensor((target,), "bias"))

    def conv2d(
        self,
        name: str,
        source: int,
        target: int,
        kernel: tuple[int, int],
        *,
        bias: bool = True,
        norm: bool = False,
    ) -> None:
        """Weight [target, source, height, width]."""
        self._add(f"{name}.weight", PlannedTensor((target, source, *kernel), "conv2d", False, norm))
        if bias:
            self._add(f"{name}.bias", PlannedTensor((target,), "bias"))

    def linear(
        self, name: str, source: int, target: int, *, bias: bool = True, norm: bool = False
    ) -> None:
        """Weight [target, source]."""
        self._add(f"{name}.weight", PlannedTensor((target, source), "linear", False, norm))
        if bias:
            self._add(f"{name}.bias", PlannedTensor((target,), "bias"))

    def linear_transposed(self, name: str, source: int, target: int) -> None:
        """GPT-2's Conv1D: weight [source, target] and bias."""
        self._add(f"{name}.weight", PlannedTensor((source, target), "linear_transposed"))
        self._add(f"{name}.bias", PlannedTensor((target,), "bias"))

    def embedding(self, name: str, rows: int, width: int, *, optional: bool = False) -> None:
        """Weight [rows, width]."""
        self._add(f"{name}.weight", PlannedTensor((rows, width), "embedding", optional))

    def norm(self, name: str, width: int, *, bias: bool = True) -> None:
        """A layer, group or RMS norm: weight and bias [width]."""
        self._add(f"{name}.weight", PlannedTensor((width,), "norm"))
        if bias:
            self._add(f"{name}.bias", PlannedTensor((width,), "norm"))

    def batch_norm(self, name: str, width: int, *, affine: bool = True) -> None:
        """Scale and shift where affine, running statistics, and the counter that MLX does not have."""
        if affine:
            self.norm(name, width)
        self._add(f"{name}.running_mean", PlannedTensor((width,), "norm"))
        self._add(f"{name}.running_var", PlannedTensor((width,), "norm"))
        self._add(f"{name}.num_batches_tracked", PlannedTensor((), "counter", optional=True))

    def lstm(self, name: str, source: int, hidden: int, layers: int) -> None:
        """Torch's naming: weight_ih_l0 [4 hidden, source], weight_hh_l0 [4 hidden, hidden], two biases."""
        for layer in range(layers):
            self._add(
                f"{name}.weight_ih_l{layer}",
                PlannedTensor((4 * hidden, source if layer == 0 else hidden), "lstm"),
            )
            self._add(f"{name}.weight_hh_l{layer}", PlannedTensor((4 * hidden, hidden), "lstm"))
            self._add(f"{name}.bias_ih_l{layer}", PlannedTensor((4 * hidden,), "lstm"))
            self._add(f"{name}.bias_hh_l{layer}", PlannedTensor((4 * hidden,), "lstm"))

    def tensor(
        self, name: str, shape: Shape, kind: TensorKind = "parameter", *, optional: bool = False
    ) -> None:
        """Anything else, under its full name."""
        self._add(name, PlannedTensor(shape, kind, optional))

    def include(self, prefix: str, plan: Plan) -> None:
        """Another model's plan, as a part of this one."""
        for name, planned in plan.items():
            self._add(prefix + name, planned)


def extract_shapes(plan: Plan) -> dict[str, Shape]:
    """Name -> torch-layout shape."""
    return {name: planned.shape for name, planned in plan.items()}


def to_mlx_shape(planned: PlannedTensor) -> Shape:
    """The same weight's shape in MLX's layout."""
    axes = CONVOLUTION_TO_MLX_AXES.get(planned.kind)
    if axes is None:
        return planned.shape
    return tuple(planned.shape[axis] for axis in axes)
