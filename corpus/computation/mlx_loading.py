"""The weights of the torch networks for the MLX ones.

`NAMES` maps a module of the torch network to the MLX module that is the same, where the name differs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import mlx.core as mx
import numpy as np
from mlx import nn
from mlx.utils import tree_flatten

from auscult.weights import Array
from corpus.computation.mlx_conformer import Conformer
from corpus.computation.mlx_networks import WIDTH, Flow, Recurrent, Transformer, Vocoder

NETWORK_CLASSES: Mapping[str, Any] = {
    "transformer": Transformer,
    "conformer": Conformer,
    "flow": Flow,
    "recurrent": Recurrent,
    "istft-vocoder": Vocoder,
}
MLX_NAMES: Mapping[str, Mapping[str, str]] = {
    "transformer": {
        "embed": "tok", "positions": "pos", "blocks": "layers", "norm": "ln_out", "head": "lm_head", "norm1": "ln_a",
        "attn": "attention", "to_q": "query_proj", "to_k": "key_proj", "to_v": "value_proj", "q_norm": "query_norm",
        "k_norm": "key_norm", "to_out": "out_proj", "conv_norm": "ln_c", "depthwise": "dw", "batch_norm": "bn", "pointwise": "pw",
        "norm2": "ln_f", "fc1": "ff_in", "dropout": "drop", "fc2": "ff_out",
    },
    "conformer": {
        "embed": "tok", "positions": "pos", "blocks": "layers", "norm": "ln_out", "head": "lm_head", "norm1": "ln_a",
        "attn": "attention", "linear_q": "q_proj", "linear_k": "k_proj", "linear_v": "v_proj", "linear_pos": "pos_proj",
        "linear_out": "out_proj", "pos_bias_u": "u_bias", "pos_bias_v": "v_bias", "conv_norm": "ln_c", "depthwise": "dw",
        "batch_norm": "bn", "pointwise": "pw", "norm2": "ln_f", "fc1": "ff_in", "dropout": "drop", "fc2": "ff_out",
    },
    "flow": {
        "number": "seconds_emb", "number_proj": "seconds_lin", "up": "up_conv", "estimator": "decoder",
        "time_embedding": "t_emb", "time_mlp": "t_lin", "conv1": "conv_a", "norm1": "gn_a", "conv2": "conv_b", "norm2": "gn_b",
        "mix": "merge", "project": "last",
    },
    "recurrent": {
        "front": "front_lin", "lstm": "rnn1", "norm": "ln", "dropout": "drop", "gru": "rnn2", "scores": "unit_head",
        "units": "unit_emb", "out": "final",
    },
    "istft-vocoder": {
        "embed": "stem", "norm": "ln_in", "blocks": "branches", "post": "after", "phase": "accumulate", "source": "sine",
        "energy": "power", "level": "power_lin", "final_norm": "ln_out", "head": "spec_head", "angle": "arctan",
        "istft": "inverse", "dwconv": "dw", "pwconv1": "pw_in", "pwconv2": "pw_out",
    },
}  # fmt: skip


def rename_path(network: str, path: str) -> str:
    """The MLX name of a torch module (or of a tensor)."""
    names = MLX_NAMES.get(network, {})
    parts = path.split(".")
    if network == "istft-vocoder" and parts[0] == "blocks" and "norm" in parts:
        names = {**names, "norm": "ln"}
    return ".".join(names.get(part, part) for part in parts)


def load_state(model: nn.Module, network: str, state: Mapping[str, Array]) -> None:
    """Fill the model from the torch network's state dict."""
    tensors: dict[str, Array] = {}
    for name, array in state.items():
        path, _, leaf = name.rpartition(".")
        target = rename_path(network, path)
        if leaf in {"num_batches_tracked", "window"}:
            continue
        if leaf.endswith("_l0"):
            _load_recurrent(tensors, target, leaf, array)
        else:
            leaf = MLX_NAMES[network].get(leaf, leaf)
            tensors[f"{target}.{leaf}" if target else leaf] = (
                array.swapaxes(1, 2) if array.ndim == 3 else array
            )
    parameter_names = {name for name, _ in tree_flatten(model.parameters())}
    if parameter_names - set(tensors):
        raise KeyError(sorted(parameter_names - set(tensors)))
    model.load_weights([(name, mx.array(array)) for name, array in tensors.items()])


def _load_recurrent(tensors: dict[str, Array], path: str, leaf: str, array: Array) -> None:
    """An LSTM has one bias; a GRU keeps the hidden part of the new gate's apart."""
    gates = array.shape[0] // WIDTH
    if leaf.startswith("weight"):
        tensors[f"{path}.{'Wx' if '_ih' in leaf else 'Wh'}"] = array
    elif gates == 4:
        tensors[f"{path}.bias"] = tensors.get(f"{path}.bias", 0) + array
    elif "_ih" in leaf:
        tensors[f"{path}.b"] = tensors.get(f"{path}.b", 0) + array
    else:
        tensors[f"{path}.bhn"] = array[2 * WIDTH :]
        zeros = np.zeros(WIDTH, array.dtype)
        tensors[f"{path}.b"] = tensors.get(f"{path}.b", 0) + np.concatenate(
            [array[: 2 * WIDTH], zeros]
        )
