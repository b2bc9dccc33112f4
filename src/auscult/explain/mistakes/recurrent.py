"""An LSTM or GRU with its gates in another order, its reset gate at another place, or without the hidden side's bias."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import permutations

import numpy as np
from scipy.special import expit

from auscult.explain.algebra.nearness import error, real
from auscult.explain.case import Explanation, LayerCase
from auscult.explain.wiring import candidate_limit, reference_limit
from auscult.weights import Array

NAMES = ("gate-order", "gru-reset", "bias-missing")
GATES = {3: "rzn", 4: "ifgo"}
"""As torch and MLX stack them; the letters of ONNX and Keras for the same gates are z, r, h and i, o, f, c."""
SCREENED = 6  # frames on which a reading is tried before all are


@dataclass(frozen=True)
class Cell:
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
class Layer:
    """Weights [gates * width, inputs] and [gates * width, width], biases [gates * width]."""

    taken: Array
    hidden: Array
    taken_bias: Array
    hidden_bias: Array


def explain(case: LayerCase, floor: float) -> Iterator[Explanation]:
    layers, x = layers_of(case.weights), case.input
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
        return real(
            tensor
            if case.module.attributes.get("batch_first", "Wx" in case.weights)
            else tensor.swapaxes(0, 1)
        )

    frames, right, got = (batch_first(tensor) for tensor in (x, case.reference, case.candidate))
    plain = Cell(GATES[len(layers[0].hidden) // layers[0].hidden.shape[1]])
    if error(run(plain, layers, frames), right) > reference_limit(case):
        return
    limit = candidate_limit(case, floor)
    for cell in _cells(plain):
        drawn = run(cell, layers, frames[:, :SCREENED])
        if error(drawn, got[:, :SCREENED]) > 2 * limit + 1e-9:
            continue
        if (residual := error(run(cell, layers, frames), got)) <= limit:
            yield _told(plain, cell, residual)


def layers_of(weights: Mapping[str, Array]) -> tuple[Layer, ...] | None:
    """The layers that run one after the other, forwards; None for any other module."""
    found: list[Layer] = []
    while (taken := weights.get(f"weight_ih_l{len(found)}")) is not None:
        number, zeros = len(found), np.zeros(len(taken))
        biases = (real(weights.get(f"bias_{side}_l{number}", zeros)) for side in ("ih", "hh"))
        found.append(Layer(real(taken), real(weights[f"weight_hh_l{number}"]), *biases))
    if not found and {"Wx", "Wh"} <= set(weights):
        held = real(weights.get("bias", weights.get("b", np.zeros(len(weights["Wx"])))))
        last = real(weights.get("bhn", np.zeros(0)))
        found.append(
            Layer(
                real(weights["Wx"]),
                real(weights["Wh"]),
                held,
                np.pad(last, (len(held) - len(last), 0)),
            )
        )
    strange = any("_reverse" in name or name.startswith("weight_hr") for name in weights)
    usual = all(
        layer.hidden.ndim == 2 and len(layer.hidden) in {n * layer.hidden.shape[1] for n in GATES}
        for layer in found
    )
    return tuple(found) if found and usual and not strange else None


def run(cell: Cell, layers: tuple[Layer, ...], x: Array) -> Array:
    """x [batch, time, inputs] gives [batch, time, width], from a state of zeros."""
    for layer in layers:
        x = _layer(cell, layer, x)
    return x


def _layer(cell: Cell, layer: Layer, x: Array) -> Array:
    width = layer.hidden.shape[1]
    bias = layer.hidden_bias * cell.hidden_bias
    given = np.einsum("bti,oi->tbo", x, layer.taken, optimize=True) + layer.taken_bias
    state = memory = np.zeros((x.shape[0], width))
    rows = []
    for frame in given:
        if len(cell.order) == 4:
            gates = dict(
                zip(cell.order, np.split(frame + state @ layer.hidden.T + bias, 4, -1), strict=True)
            )
            memory = expit(gates["f"]) * memory + expit(gates["i"]) * np.tanh(gates["g"])
            state = expit(gates["o"]) * np.tanh(memory)
        else:
            state = _gru(cell, layer, bias, frame, state)
        rows.append(state)
    return np.stack(rows, 1)


def _gru(cell: Cell, layer: Layer, bias: Array, frame: Array, state: Array) -> Array:
    taken = dict(zip(cell.order, np.split(frame, 3, -1), strict=True))
    matrices = dict(zip(cell.order, np.split(layer.hidden, 3, 0), strict=True))
    biases = dict(zip(cell.order, np.split(bias, 3), strict=True))
    r, z = (expit(taken[gate] + state @ matrices[gate].T + biases[gate]) for gate in "rz")
    if cell.reset == "after":
        new = np.tanh(taken["n"] + r * (state @ matrices["n"].T + biases["n"]))
    else:
        new = np.tanh(taken["n"] + (r * state) @ matrices["n"].T + biases["n"])
    return np.asarray((1 - z) * new + z * state)


def _cells(plain: Cell) -> Iterator[Cell]:
    """Every other reading, the nearest first."""
    for order in permutations(plain.order):
        for reset in ("after", "before") if len(order) == 3 else ("after",):
            for hidden_bias in (True, False):
                cell = Cell("".join(order), reset, hidden_bias)
                if cell != plain:
                    yield cell


def _told(right: Cell, got: Cell, residual: float) -> Explanation:
    unequal = [
        name
        for name in ("order", "reset", "hidden_bias")
        if getattr(right, name) != getattr(got, name)
    ]
    sides = {
        "reference": {n: getattr(right, n) for n in unequal},
        "candidate": {n: getattr(got, n) for n in unequal},
    }
    if "order" in unequal:
        cause, says = (
            "gate-order",
            f"it takes the rows of its weights as {', '.join(got.order)}; they are {', '.join(right.order)}",
        )
        fix = f"reorder the blocks of rows to the order of this layer: they are stored as {', '.join(right.order)}"
    elif "reset" in unequal:
        cause, says = (
            "gru-reset",
            f"its reset gate acts {got.reset} the hidden product, the reference's {right.reset}",
        )
        fix = "n = tanh(W x + b + r * (U h + c)): linear_before_reset=1, reset_after=True"
    else:
        cause, says = "bias-missing", "it does not add the bias of the hidden side"
        fix = "add both biases (their sum, but for the new gate of a GRU)"
    return Explanation(cause, sides, residual, says, fix=fix, complexity=len(unequal))
