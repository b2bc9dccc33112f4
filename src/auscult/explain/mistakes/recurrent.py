"""An LSTM or GRU with its gates in another order, its reset gate at another place, or without the hidden side's bias."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import permutations

import numpy as np
from scipy.special import expit

from auscult.explain.algebra.nearness import relative_error, to_float64
from auscult.explain.case import Explanation, LayerCase
from auscult.explain.wiring import get_candidate_limit, get_reference_limit
from auscult.weights import Array

NAMES = ("gate-order", "gru-reset", "bias-missing")
GATES = {3: "rzn", 4: "ifgo"}
"""As torch and MLX stack them; the letters of ONNX and Keras for the same gates are z, r, h and i, o, f, c."""
SCREENING_FRAMES = 6  # frames on which a reading is tried before all are


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


def explain(case: LayerCase, floor: float) -> Iterator[Explanation]:
    layers, x = read_layers(case.weights), case.input
    if (
        case.role != "output"
        or layers is None
        or x is None
        or x.ndim != 3
        or x.dtype.kind != "f"
        or len(case.inputs) > 1
    ):
        return
    if case.candidate.shape != case.reference.shape:
        return

    def batch_first(tensor: Array) -> Array:
        return to_float64(
            tensor
            if case.module.attributes.get("batch_first", "Wx" in case.weights)
            else tensor.swapaxes(0, 1)
        )

    frames, reference, candidate = (
        batch_first(tensor) for tensor in (x, case.reference, case.candidate)
    )
    usual_cell = CellConvention(GATES[len(layers[0].hidden) // layers[0].hidden.shape[1]])
    if relative_error(run_layers(usual_cell, layers, frames), reference) > get_reference_limit(
        case
    ):
        return
    limit = get_candidate_limit(case, floor)
    for cell in _iter_conventions(usual_cell):
        screened_output = run_layers(cell, layers, frames[:, :SCREENING_FRAMES])
        if relative_error(screened_output, candidate[:, :SCREENING_FRAMES]) > 2 * limit + 1e-9:
            continue
        if (residual := relative_error(run_layers(cell, layers, frames), candidate)) <= limit:
            yield _build_explanation(usual_cell, cell, residual)


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


def _iter_conventions(usual_cell: CellConvention) -> Iterator[CellConvention]:
    """Every other reading, the nearest first."""
    for order in permutations(usual_cell.order):
        for reset in ("after", "before") if len(order) == 3 else ("after",):
            for hidden_bias in (True, False):
                cell = CellConvention("".join(order), reset, hidden_bias)
                if cell != usual_cell:
                    yield cell


def _build_explanation(
    reference: CellConvention, candidate: CellConvention, residual: float
) -> Explanation:
    unequal = [
        name
        for name in ("order", "reset", "hidden_bias")
        if getattr(reference, name) != getattr(candidate, name)
    ]
    sides = {
        "reference": {n: getattr(reference, n) for n in unequal},
        "candidate": {n: getattr(candidate, n) for n in unequal},
    }
    if "order" in unequal:
        cause, message = (
            "gate-order",
            f"it takes the rows of its weights as {', '.join(candidate.order)}; they are {', '.join(reference.order)}",
        )
        fix = f"reorder the blocks of rows to the order of this layer: they are stored as {', '.join(reference.order)}"
    elif "reset" in unequal:
        cause, message = (
            "gru-reset",
            f"its reset gate acts {candidate.reset} the hidden product, the reference's {reference.reset}",
        )
        fix = "n = tanh(W x + b + r * (U h + c)): linear_before_reset=1, reset_after=True"
    else:
        cause, message = "bias-missing", "it does not add the bias of the hidden side"
        fix = "add both biases (their sum, but for the new gate of a GRU)"
    return Explanation(cause, sides, residual, message, fix=fix, complexity=len(unequal))
