"""Defects of files and names: the tensors are right, but not where they are looked for."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from corpus.networks import Arrays, Network, trained
from corpus.plant import Planted, plants

PREFIXES = ("generator.", "module.", "_orig_mod.", "model.model.", "decoder.estimator.")
WRAPPERS = (("generator",), ("model_state_dict",), ("state_dict",), ("model", "ema"))
# Pairs as they were seen in ports: a pattern in torch's names and what the port calls the same module.
RENAMINGS: tuple[tuple[tuple[str, str], ...], ...] = (
    (
        (r"\.attn1\.to_([qkv])\b", r".attn.\1_proj"),
        (r"\.to_out\.0\.", ".out_proj."),
        (r"\.ff\.net\.0\.proj", ".ff.layers.0"),
    ),
    ((r"^ups\.(\d+)", r"upsamplers_\1"), (r"^resblocks\.(\d+)", r"blocks_\1")),
    ((r"^(encoder|decoder)\.block\.(\d+)", r"\1_blocks.\2"), (r"^head\.", "stem.")),
)


def rewrite(arrays: Arrays, rules: tuple[tuple[str, str], ...]) -> dict[str, str]:
    """Old name to new name under regex rules."""
    names = {}
    for name in arrays:
        new = name
        for pattern, replacement in rules:
            new = re.sub(pattern, replacement, new)
        names[name] = new
    return names


@plants("prefix")
def prefix(network: Network, rng: np.random.Generator) -> Planted:
    head = PREFIXES[int(rng.integers(len(PREFIXES)))]
    candidate = {head + name: array for name, array in network.weights.items()}
    return Planted("prefix", candidate, network.weights, frozenset(candidate))


@plants("renamed")
def renamed(network: Network, rng: np.random.Generator) -> Planted | None:
    mappings = [rewrite(network.weights, rules) for rules in RENAMINGS]
    options = [names for names in mappings if any(old != new for old, new in names.items())]
    names = options[int(rng.integers(len(options)))]
    candidate = {names[name]: array for name, array in network.weights.items()}
    moved = frozenset(new for old, new in names.items() if old != new)
    return Planted("renamed", candidate, network.weights, moved)


@plants("wrapped")
def wrapped(network: Network, rng: np.random.Generator) -> Planted:
    path = WRAPPERS[int(rng.integers(len(WRAPPERS)))]

    def write(folder: Path) -> Path:
        import torch

        tree: object = {
            name: torch.from_numpy(np.array(array)) for name, array in network.weights.items()
        }
        for step in reversed(path):
            tree = {step: tree}
        file = folder / "wrapped.pth"
        torch.save(tree, file)
        return file

    return Planted("wrapped", write, network.weights, frozenset(network.weights))


@plants("tensor-missing")
def tensor_missing(network: Network, rng: np.random.Generator) -> Planted:
    modules = sorted(
        {name.rsplit(".", 1)[0] for name in network.of_kind("conv1d", "linear", "conv_transpose1d")}
    )
    gone = modules[int(rng.integers(len(modules)))]
    lost = frozenset(name for name in network.weights if name.rsplit(".", 1)[0] == gone)
    candidate = {name: array for name, array in network.weights.items() if name not in lost}
    return Planted("tensor-missing", candidate, network.weights, lost, repairable=False)


@plants("tensor-extra")
def tensor_extra(network: Network, rng: np.random.Generator) -> Planted:
    extra = {
        "final_proj.weight": trained((24, 12), "linear", rng),
        "final_proj.bias": trained((24,), "bias", rng),
    }
    return Planted("tensor-extra", network.weights | extra, network.weights, frozenset(extra))


@plants("swapped")
def swapped(network: Network, rng: np.random.Generator) -> Planted | None:
    by_shape: dict[tuple[int, ...], list[str]] = {}
    for name, array in network.weights.items():
        if array.size >= 8:
            by_shape.setdefault(array.shape, []).append(name)
    groups = [names for names in by_shape.values() if len(names) >= 2]
    names = groups[int(rng.integers(len(groups)))]
    first, second = (names[int(index)] for index in rng.choice(len(names), 2, replace=False))
    if np.array_equal(network.weights[first], network.weights[second]):
        return None  # biases that are added to the same sum are trained to the same values: nothing to notice
    candidate = dict(network.weights)
    candidate[first], candidate[second] = network.weights[second], network.weights[first]
    return Planted("swapped", candidate, network.weights, frozenset({first, second}))


@plants("tie-lost")
def tie_lost(network: Network, rng: np.random.Generator) -> Planted | None:
    """The reference ties two names; the candidate stores both, and one was trained on."""
    source = next(iter(network.of_kind("embedding", "linear")), None)
    if source is None:
        return None
    reference = dict(network.weights)
    reference["tied.weight"] = reference[source]
    drift = reference[source] + 0.02 * rng.standard_normal(reference[source].shape).astype(
        np.float32
    )
    candidate = dict(network.weights) | {"tied.weight": drift}
    ties = {"ties": ((source, "tied.weight"),)}
    return Planted(
        "tie-lost", candidate, reference, frozenset({"tied.weight"}), reference_details=ties
    )
