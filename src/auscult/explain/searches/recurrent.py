"""An LSTM or GRU run again as each of several mistakes would run it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from auscult.explain.algebra.nearness import relative_error, to_float64
from auscult.explain.case import Explanation, LayerCase
from auscult.explain.limits import get_candidate_limit, get_reference_limit
from auscult.explain.searches import run_once_per_case
from auscult.weights import Array

SEARCH = "recurrent"
GRU_GATES, LSTM_GATES = "rzn", "ifgo"
GATES = {3: GRU_GATES, 4: LSTM_GATES}
"""As torch and MLX stack them; the letters of ONNX and Keras for the same gates are z, r, h and i, o, f, c."""
SCREENING_FRAMES = 6
"""Frames on which a reading is tried before all are.

Chosen, not measured."""
SCREENING_SLACK = 2.0
"""Limits that the error of these frames may have: they may be worse than the whole.

Chosen, not measured."""


@dataclass(frozen=True)
class CellConvention:
    """How one kind of cell is computed.

    Attributes:
        order: Which gate each block of rows is taken for.
        reset: Of a GRU: `after` multiplies what the hidden weights gave (torch, MLX, ONNX's linear_before_reset=1), `before`
            the state that they take (ONNX's default, Keras's `reset_after=False`, Cho et al. 2014).
        hidden_bias: Whether the hidden side's bias is added.
    """

    order: str
    reset: str = "after"
    hidden_bias: bool = True

    @property
    def says(self) -> str:
        if len(self.order) == 4:
            return f"gates {', '.join(self.order)}"
        return f"gates {', '.join(self.order)}, reset {self.reset} the hidden product"


@dataclass(frozen=True, eq=False)
class RecurrentWeights:
    """Weights [gates * width, inputs] and [gates * width, width], biases [gates * width]."""

    taken: Array
    hidden: Array
    taken_bias: Array
    hidden_bias: Array


@dataclass(frozen=True, eq=False)
class RecurrentTrial:
    """A recurrent layer whose weights give the reference's output, ready to be run as a mistake would run it.

    Attributes:
        usual: How torch and MLX compute it.
        frames: Input [batch, time, inputs].
        expected: The candidate's output [batch, time, width].
    """

    usual: CellConvention
    layers: tuple[RecurrentWeights, ...]
    frames: Array
    expected: Array
    limit: float

    def iter_fitting(
        self, conventions: Iterable[CellConvention]
    ) -> Iterator[tuple[CellConvention, float]]:
        """Those of the conventions that give the candidate's output, each with its residual."""
        start = self.expected[:, :SCREENING_FRAMES]
        for cell in conventions:
            screened_output = run_layers(cell, self.layers, self.frames[:, :SCREENING_FRAMES])
            if relative_error(screened_output, start) > SCREENING_SLACK * self.limit + 1e-9:
                continue
            residual = relative_error(run_layers(cell, self.layers, self.frames), self.expected)
            if residual <= self.limit:
                yield cell, residual

    def to_explanation(
        self, cause: str, cell: CellConvention, residual: float, message: str, fix: str
    ) -> Explanation:
        """The explanation of a place by another cell."""
        return explain_cell(self.usual, cause, cell, residual, message=message, fix=fix)


def explain_cell(
    usual: CellConvention,
    cause: str,
    cell: CellConvention,
    residual: float,
    *,
    message: str,
    fix: str,
) -> Explanation:
    """The explanation of a place by another cell than the usual one."""
    unequal = [
        name
        for name in ("order", "reset", "hidden_bias")
        if getattr(usual, name) != getattr(cell, name)
    ]
    sides = {
        "reference": {name: getattr(usual, name) for name in unequal},
        "candidate": {name: getattr(cell, name) for name in unequal},
    }
    return Explanation(cause, sides, residual, message, fix=fix, complexity=len(unequal))


@run_once_per_case
def read_recurrent(case: LayerCase, floor: float) -> RecurrentTrial | None:
    """The recurrent layer at this place; None where it is none, or its weights do not give the reference's output."""
    layers, x = read_layers(case.weights), case.input
    if (
        case.role != "output"
        or layers is None
        or x is None
        or x.ndim != 3
        or x.dtype.kind != "f"
        or len(case.inputs) > 1
        or case.candidate.shape != case.reference.shape
    ):
        return None
    frames, reference, candidate = (
        _put_batch_first(case, tensor) for tensor in (x, case.reference, case.candidate)
    )
    usual = CellConvention(GATES[len(layers[0].hidden) // layers[0].hidden.shape[1]])
    if relative_error(run_layers(usual, layers, frames), reference) > get_reference_limit(case):
        return None
    return RecurrentTrial(usual, layers, frames, candidate, get_candidate_limit(case, floor))


def _put_batch_first(case: LayerCase, tensor: Array) -> Array:
    is_batch_first = case.module.attributes.get("batch_first", "Wx" in case.weights)
    if not is_batch_first:
        tensor = tensor.swapaxes(0, 1)
    return to_float64(tensor)


def read_layers(weights: Mapping[str, Array]) -> tuple[RecurrentWeights, ...] | None:
    """The layers that run one after the other, forwards; None for any other module."""
    layers: list[RecurrentWeights] = []
    while (input_weight := weights.get(f"weight_ih_l{len(layers)}")) is not None:
        number, zeros = len(layers), np.zeros(len(input_weight))
        biases = (to_float64(weights.get(f"bias_{side}_l{number}", zeros)) for side in ("ih", "hh"))
        layers.append(
            RecurrentWeights(
                to_float64(input_weight), to_float64(weights[f"weight_hh_l{number}"]), *biases
            )
        )
    if not layers and {"Wx", "Wh"} <= set(weights):
        bias = to_float64(weights.get("bias", weights.get("b", np.zeros(len(weights["Wx"])))))
        new_gate_bias = to_float64(weights.get("bhn", np.zeros(0)))
        layers.append(
            RecurrentWeights(
                to_float64(weights["Wx"]),
                to_float64(weights["Wh"]),
                bias,
                np.pad(new_gate_bias, (len(bias) - len(new_gate_bias), 0)),
            )
        )
    is_unsupported = any("_reverse" in name or name.startswith("weight_hr") for name in weights)
    has_usual_shapes = all(
        layer.hidden.ndim == 2 and len(layer.hidden) in {n * layer.hidden.shape[1] for n in GATES}
        for layer in layers
    )
    if layers and has_usual_shapes and not is_unsupported:
        return tuple(layers)
    return None


def run_layers(cell: CellConvention, layers: tuple[RecurrentWeights, ...], x: Array) -> Array:
    """x [batch, time, inputs] gives [batch, time, width], from a state of zeros."""
    for layer in layers:
        x = _run_layer(cell, layer, x)
    return x


def _run_layer(cell: CellConvention, layer: RecurrentWeights, x: Array) -> Array:
    width = layer.hidden.shape[1]
    bias = layer.hidden_bias * cell.hidden_bias
    input_products = np.einsum("bti,oi->tbo", x, layer.taken, optimize=True) + layer.taken_bias
    state = memory = np.zeros((x.shape[0], width))
    rows = []
    for frame in input_products:
        if len(cell.order) == 4:
            gates = dict(
                zip(cell.order, np.split(frame + state @ layer.hidden.T + bias, 4, -1), strict=True)
            )
            memory = expit(gates["f"]) * memory + expit(gates["i"]) * np.tanh(gates["g"])
            state = expit(gates["o"]) * np.tanh(memory)
        else:
            state = _step_gru(cell, layer, bias, frame, state)
        rows.append(state)
    return np.stack(rows, 1)


def _step_gru(
    cell: CellConvention, layer: RecurrentWeights, bias: Array, frame: Array, state: Array
) -> Array:
    input_gates = dict(zip(cell.order, np.split(frame, 3, -1), strict=True))
    matrices = dict(zip(cell.order, np.split(layer.hidden, 3, 0), strict=True))
    biases = dict(zip(cell.order, np.split(bias, 3), strict=True))
    r, z = (expit(input_gates[gate] + state @ matrices[gate].T + biases[gate]) for gate in "rz")
    if cell.reset == "after":
        new = np.tanh(input_gates["n"] + r * (state @ matrices["n"].T + biases["n"]))
    else:
        new = np.tanh(input_gates["n"] + (r * state) @ matrices["n"].T + biases["n"])
    return np.asarray((1 - z) * new + z * state)
