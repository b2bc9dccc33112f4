"""Random draws, recorded in one run and drawn again in another: a seed gives other draws in another
framework.
"""

from __future__ import annotations

from itertools import permutations

import numpy as np

from auscult.errors import TraceError
from auscult.traces.records import Record, Trace
from auscult.traces.sketch import get_canonical_shape
from auscult.weights import Array, Shape

DISTRIBUTION_KINDS = {
    "gaussian": (
        "normal",
        "randn",
        "normal_",
        "randn_like",
        "normal_functional",
        "truncated_normal",
        "RandomNormal",
        "RandomNormalLike",
    ),
    "uniform": (
        "uniform",
        "rand",
        "rand_like",
        "uniform_",
        "random",
        "RandomUniform",
        "RandomUniformLike",
    ),
    "binary": ("bernoulli", "bernoulli_", "native_dropout", "Bernoulli"),
    "choice": ("categorical", "multinomial", "Multinomial"),
    "integers": ("randint", "randint_like", "random_"),
    "order": ("permutation", "randperm"),
}


def find_distribution_kind(name: str) -> str:
    """Which distribution a function draws from, whatever the framework calls it; its own name where
    it is none of KINDS.
    """
    return next(
        (kind for kind, names in DISTRIBUTION_KINDS.items() if name in names), name.rstrip("_")
    )


class NoiseReplay:
    """Hands out the noise of a trace, draw by draw.

    Raises:
        TraceError: From `draw`, if the run asks for another draw than the trace holds next.
    """

    def __init__(self, trace: Trace) -> None:
        self.trace = trace
        by_key = {record.key: record for record in trace.records}
        self._records = [by_key[key] for key in trace.manifest.noise if key in by_key]
        self._next = 0

    def draw(self, name: str, shape: Shape) -> Array:
        """The next recorded draw that fits, with its axes in the order that `shape` asks for.

        What the run does not draw itself, because it has a table of noise or none, is passed over.
        """
        where = f"{self.trace.path} draw {self._next}"
        if self._next >= len(self._records):
            hint = "the two sides draw noise another number of times"
            raise TraceError(
                "holds no more noise",
                where=where,
                expected=f"{name} {list(shape)}",
                found="nothing",
                hint=hint,
            )
        unfit: TraceError | None = None
        for index in range(self._next, len(self._records)):
            try:
                value = self._read_fitting_draw(index, name, shape)
            except TraceError as error:
                unfit = unfit or error
                continue
            self._next = index + 1
            return value
        assert unfit is not None
        raise unfit

    def _read_fitting_draw(self, index: int, name: str, shape: Shape) -> Array:
        record, where = self._records[index], f"{self.trace.path} draw {index}"
        if find_distribution_kind(record.type) != find_distribution_kind(name):
            hint = "the two sides draw in another order"
            raise TraceError(
                "holds another kind of noise",
                where=where,
                expected=name,
                found=record.type,
                hint=hint,
            )
        return fit_noise_axes(self.trace.tensor(record), shape, where, record)

    @property
    def left(self) -> int:
        """Draws behind the last one that was handed out."""
        return len(self._records) - self._next


def fit_noise_axes(array: Array, shape: Shape, where: str, record: Record) -> Array:
    """The array with its axes in the order of `shape`, where lengths leave no choice.

    Raises:
        TraceError: If no order of axes gives that shape, or more than one does.
    """
    if array.shape == shape:
        return array
    lengths = get_canonical_shape(shape)
    if get_canonical_shape(array.shape) != lengths:
        raise TraceError(
            "holds noise of another shape",
            where=where,
            expected=list(shape),
            found=list(record.shape),
        )
    squeezed = array.reshape([length for length in array.shape if length != 1])
    target_lengths = tuple(length for length in shape if length != 1)
    fitting_orders = [
        axes
        for axes in permutations(range(squeezed.ndim))
        if squeezed.transpose(axes).shape == target_lengths
    ]
    if len(fitting_orders) > 1 and squeezed.shape != target_lengths:
        raise TraceError(
            "holds noise whose axes fit in more than one way",
            where=where,
            expected=list(shape),
            found=list(record.shape),
        )
    if squeezed.shape == target_lengths:
        axes = tuple(range(squeezed.ndim))
    else:
        axes = fitting_orders[0]
    return np.ascontiguousarray(squeezed.transpose(axes)).reshape(shape)
