"""The gates of an LSTM or GRU are taken in another order.

**What it finds.** Rows of the weights that are taken for other gates: i, f, g, o against i, o, f,
g; r, z, n against z, r, n.

**What you hear.** Silence, a drone, or a mumble.

**Why it happens.** Every framework stacks the gates in an order of its own: torch and MLX i, f, g,
o and r, z, n, ONNX i, o, f, c and z, r, h. All orders have one shape.

**Blind spots.** States that do not start at zero, and one of two directions alone. `auscult diff`
sees weights that were stored in another order.

**How it is measured.** The layer's own weights, run in torch's order, give the reference's output.
Run with their blocks of rows in each other order (23 of an LSTM, 5 of a GRU), with the reset gate
in either place and with or without the hidden side's bias, they give the candidate's. Of two
directions, both are run.

**Example.**

```python
# torch, wrong
lstm.weight_ih_l0.data = onnx_weight
# torch, right
i, o, f, g = onnx_weight.chunk(4)
lstm.weight_ih_l0.data = torch.cat([i, f, g, o])
# MLX, wrong
lstm.Wx = onnx_weight
# MLX, right
i, o, f, g = mx.split(onnx_weight, 4)
lstm.Wx = mx.concatenate([i, f, g, o])
```

**Fix.** Reorder the blocks of rows. Safety: lossy (equal within the number format).

**References.** ONNX operators LSTM and GRU; torch.nn.LSTM, torch.nn.GRU.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import permutations, product

from auscult.explain.case import Explanation, LayerCase
from auscult.explain.searches import directions, recurrent
from auscult.explain.searches.recurrent import CellConvention

CODE = "PAR062"
NAME = "gate-order"
RANK = 17
SEARCHES = (recurrent.SEARCH, directions.SEARCH)


def explain(case: LayerCase, floor: float) -> Iterator[Explanation]:
    """The layer with its blocks of rows taken for other gates."""
    one_way = recurrent.read_recurrent(case, floor)
    both_ways = directions.read_directions(case, floor)
    if one_way is not None:
        fitting = one_way.iter_fitting(_iter_variants(one_way.usual))
        yield from _explain_cells(one_way.usual, fitting)
    if both_ways is not None:
        fitting = both_ways.iter_fitting_cells(_iter_variants(both_ways.usual))
        yield from _explain_cells(both_ways.usual, fitting)


def _explain_cells(
    usual: CellConvention, fitting: Iterable[tuple[CellConvention, float]]
) -> Iterator[Explanation]:
    """One explanation for each order that gives the candidate's output."""
    reference_order = ", ".join(usual.order)
    for cell, residual in fitting:
        message = (
            f"it takes the rows of its weights as {', '.join(cell.order)}; they are"
            f" {reference_order}"
        )
        fix = (
            "reorder the blocks of rows to the order of this layer: they are stored as"
            f" {reference_order}"
        )
        yield recurrent.explain_cell(usual, NAME, cell, residual, message=message, fix=fix)


def _iter_variants(usual: CellConvention) -> Iterator[CellConvention]:
    """Every other order; of a GRU with either place of the reset gate."""
    if usual.order == recurrent.GRU_GATES:
        resets: tuple[str, ...] = ("after", "before")
    else:
        resets = ("after",)
    for gates, reset, hidden_bias in product(permutations(usual.order), resets, (True, False)):
        order = "".join(gates)
        if order != usual.order:
            yield CellConvention(order, reset, hidden_bias)
