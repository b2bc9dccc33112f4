"""The recipe from Keras', TensorFlow's or Flax' kernels to torch's layout and names.

| layer | Keras and TensorFlow | Flax | torch |
|---|---|---|---|
| Dense | kernel (in, out) | the same | weight (out, in) |
| Conv | kernel (k, in, out) | the same | weight (out, in, k) |
| ConvTranspose | kernel (k, out, in) | kernel (k, in, out), reversed in time | weight (in, out, k) |
| LSTM | kernel (in, 4 units), recurrent_kernel, one bias | a Dense for each gate | weight_ih, weight_hh, two biases |

Keras and torch have an LSTM's gates in one order: input, forget, cell, output. Sources: keras.layers, flax.linen
(`transpose_kernel=False`), torch.nn.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from auscult.errors import RecipeError
from auscult.finding import Skip
from auscult.recipe.entry import Entry
from auscult.recipe.layer_evidence import MIN_CONV_RANK, infer_kind_by_name
from auscult.recipe.op import Op
from auscult.recipe.ops.constant import Constant
from auscult.recipe.ops.flip import Flip
from auscult.recipe.ops.permute import Permute
from auscult.recipe.recipe import Recipe
from auscult.weights import Checkpoint, Shape

KERAS_FORMATS = frozenset(("keras", "tensorflow"))
FLAX_FORMATS = frozenset(("flax", "orbax"))
KERNEL_FORMATS = KERAS_FORMATS | FLAX_FORMATS
LSTM_GATES = 4
_TORCH_WORDS = {
    "kernel": "weight",
    "gamma": "weight",
    "scale": "weight",
    "embeddings": "weight",
    "embedding": "weight",
    "beta": "bias",
    "moving_mean": "running_mean",
    "moving_variance": "running_var",
}
_CELL_WORD = re.compile(r"\.(lstm_)?cell$")


def plan_from_kernels(source: Checkpoint) -> tuple[Recipe, tuple[Skip, ...]]:
    """The recipe to torch, and what was kept as it is because no rule covers it.

    Raises:
        RecipeError: If a plain and a transposed convolution of Flax cannot be told apart.
    """
    entries: list[Entry] = []
    skips: list[Skip] = []
    recurrent = _find_recurrent_layers(source)
    for name, tensor in source.items():
        layer, _, word = name.rpartition(".")
        if layer in recurrent:
            if _is_lstm(source, layer):
                entries += _list_lstm_entries(source, layer, word)
                continue
            skips.append(Skip(name, "of a recurrent layer that is no LSTM: kept as it is"))
            entries.append(Entry((name,), (name,)))
        elif word == "kernel":
            ops = _build_kernel_ops(source, name, tensor.shape)
            entries.append(Entry((name,), (_rename(source, name),), ops))
        else:
            if len(tensor.shape) >= MIN_CONV_RANK:
                skips.append(Skip(name, "no layer's kernel: kept as it is"))
            entries.append(Entry((name,), (_rename(source, name),)))
    return Recipe(tuple(entries)).bind(source), tuple(skips)


def _rename(source: Checkpoint, name: str) -> str:
    """torch's name; the own one where another tensor would get that name too."""
    layer, dot, word = name.rpartition(".")
    wanted = f"{layer}{dot}{_TORCH_WORDS.get(word, word)}"
    rivals = [
        other
        for other, torch_word in _TORCH_WORDS.items()
        if torch_word == _TORCH_WORDS.get(word) and f"{layer}{dot}{other}" in source
    ]
    if wanted in source or len(rivals) > 1:
        return name
    return wanted


def _build_kernel_ops(source: Checkpoint, name: str, shape: Shape) -> tuple[Op, ...]:
    rank = len(shape)
    if rank < 2:
        return ()
    spatial_axes = tuple(range(rank - 2))
    to_torch = Permute((rank - 1, rank - 2, *spatial_axes))
    if source.format in KERAS_FORMATS or rank < MIN_CONV_RANK:
        return (to_torch,)
    kind = infer_kind_by_name(name.rpartition(".")[0], rank)
    if kind is None:
        raise RecipeError(
            "cannot tell plain from transposed convolutions: Flax keeps both in one layout, and the names do not say it",
            where=source.path,
            found=f"{name} {list(shape)}",
            hint="give the model with --like module:callable (or a converted file), or a --recipe",
        )
    if kind.startswith("conv_transpose"):
        return (*map(Flip, spatial_axes), Permute((rank - 2, rank - 1, *spatial_axes)))
    return (to_torch,)


def _find_recurrent_layers(source: Checkpoint) -> frozenset[str]:
    return frozenset(
        name.removesuffix(".recurrent_kernel")
        for name in source
        if name.endswith(".recurrent_kernel")
    )


def _is_lstm(source: Checkpoint, layer: str) -> bool:
    """Whether it has four gates: no other layer of Keras has."""
    recurrent_shape = source[f"{layer}.recurrent_kernel"].shape
    kernel, bias = source.get(f"{layer}.kernel"), source.get(f"{layer}.bias")
    if len(recurrent_shape) != 2 or kernel is None or len(kernel.shape) != 2:
        return False
    width = LSTM_GATES * recurrent_shape[0]
    return recurrent_shape[1] == kernel.shape[1] == width and (
        bias is None or bias.shape == (width,)
    )


def _list_lstm_entries(source: Checkpoint, layer: str, word: str) -> Iterator[Entry]:
    """Of one part of an LSTM; its bias is torch's first, and the second is zero."""
    name, path = f"{layer}.{word}", _CELL_WORD.sub("", layer)
    if word == "bias":
        yield Entry((name,), (f"{path}.bias_ih_l0",))
        zeros = Constant(source[name].shape, source[name].dtype, 0)
        yield Entry((), (f"{path}.bias_hh_l0",), (zeros,))
    elif word in {"kernel", "recurrent_kernel"}:
        target = "weight_ih_l0" if word == "kernel" else "weight_hh_l0"
        yield Entry((name,), (f"{path}.{target}",), (Permute((1, 0)),))
    else:
        yield Entry((name,), (name,))
