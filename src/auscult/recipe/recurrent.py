"""Recurrent layers between PyTorch and MLX: other names, and one bias where PyTorch keeps two.

Gates come in the same order in both (LSTM i, f, g, o; GRU r, z, n). torch.nn.LSTM and RNN add two biases that MLX keeps as their
sum. In a GRU the hidden bias of the last gate is multiplied by r, so it stays apart: `bhn`.
"""

from __future__ import annotations

from collections.abc import Iterator

from auscult.finding import Skip
from auscult.recipe.entry import Entry
from auscult.recipe.op import Op
from auscult.recipe.ops.concat import Concat
from auscult.recipe.ops.constant import Constant
from auscult.recipe.ops.parallel import Parallel
from auscult.recipe.ops.route import Route
from auscult.recipe.ops.split import Split
from auscult.recipe.ops.sum import Sum
from auscult.recipe.weight_names import group_recurrent_weights
from auscult.weights import Checkpoint

MLX_NAMES = {1: ("Wxh", "Whh"), 3: ("Wx", "Wh"), 4: ("Wx", "Wh")}
"""Input and hidden weight by number of gates: RNN, GRU, LSTM."""


def convert_recurrent_to_mlx(source: Checkpoint) -> tuple[list[Entry], list[Skip]]:
    """Entries for every recurrent layer of a torch checkpoint that MLX has too, and what it does not have."""
    entries: list[Entry] = []
    skips: list[Skip] = []
    for path, suffixes in group_recurrent_weights(source.tensors).items():
        hidden = source.get(f"{path}weight_hh_l0")
        if hidden is not None and len(hidden.shape) == 2:
            gates = hidden.shape[0] // max(1, hidden.shape[1])
        else:
            gates = 0
        if suffixes != ("_l0",) or f"{path}weight_hr_l0" in source or gates not in MLX_NAMES:
            reason = "MLX's recurrent layers have one layer and one direction: kept under torch's names; map them with --recipe"
            skips.append(Skip(path.rstrip(".") or "(top level)", reason))
            continue
        entries += _iter_mlx_entries(source, path, gates)
    return entries, skips


def _iter_mlx_entries(source: Checkpoint, path: str, gates: int) -> Iterator[Entry]:
    for part, name in zip(("ih", "hh"), MLX_NAMES[gates], strict=True):
        yield Entry((f"{path}weight_{part}_l0",), (path + name,))
    biases = (f"{path}bias_ih_l0", f"{path}bias_hh_l0")
    if any(name not in source for name in biases):
        return
    if gates != 3:
        yield Entry(biases, (f"{path}bias",), (Sum(2),))
        return
    hidden = source[biases[0]].shape[0] // 3
    yield Entry(biases, (f"{path}b", f"{path}bhn"), build_gru_bias_operations(hidden))


def build_gru_bias_operations(hidden: int) -> tuple[Op, ...]:
    """From torch's two biases of a GRU, [3 * hidden] each, to MLX's: `b` [3 * hidden], in which r and z have both added up, and
    `bhn` [hidden], the hidden bias of n.
    """
    halves = Split(0, (2 * hidden, hidden))
    return (
        Parallel(
            ((1, 2, (halves,)), (1, 2, (halves,)))
        ),  # ih of r and z, ih of n, hh of r and z, hh of n
        Route((0, 2, 1, 3)),
        Parallel(((2, 1, (Sum(2),)), (1, 1, ()), (1, 1, ()))),
        Parallel(((2, 1, (Concat(0, (2 * hidden, hidden)),)), (1, 1, ()))),
    )


def convert_recurrent_to_torch(source: Checkpoint) -> list[Entry]:
    """Entries for every recurrent layer of an MLX checkpoint; the bias that MLX has no second of becomes zeros."""
    entries: list[Entry] = []
    for gates, (input_name, hidden_name) in (
        (4, ("Wx", "Wh")),
        (3, ("Wx", "Wh")),
        (1, ("Wxh", "Whh")),
    ):
        for name in source:
            path = name.removesuffix(input_name)
            hidden = source.get(path + hidden_name)
            is_layer = (
                name == path + input_name
                and (not path or path.endswith("."))
                and hidden is not None
            )
            if (
                is_layer
                and hidden is not None
                and len(hidden.shape) == 2
                and hidden.shape[0] == gates * hidden.shape[1]
            ):
                entries += _iter_torch_entries(source, path, gates)
    return entries


def _iter_torch_entries(source: Checkpoint, path: str, gates: int) -> Iterator[Entry]:
    for part, name in zip(("ih", "hh"), MLX_NAMES[gates], strict=True):
        yield Entry((path + name,), (f"{path}weight_{part}_l0",))
    inner, hidden = f"{path}bias_ih_l0", f"{path}bias_hh_l0"
    if gates == 3 and f"{path}b" in source and f"{path}bhn" in source:
        last = source[f"{path}bhn"]
        h = last.shape[0]
        zeros = Constant((2 * h,), last.dtype, 0)
        yield Entry((f"{path}b",), (inner,))
        yield Entry(
            (f"{path}bhn",),
            (hidden,),
            (Parallel(((0, 1, (zeros,)), (1, 1, ()))), Concat(0, (2 * h, h))),
        )
    elif gates != 3 and f"{path}bias" in source:
        bias = source[f"{path}bias"]
        yield Entry((f"{path}bias",), (inner,))
        yield Entry((), (hidden,), (Constant(bias.shape, bias.dtype, 0),))
