"""Defects of files and names: the tensors are right, but not where they are looked for."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from corpus.networks import Arrays, Network, draw_trained_weights
from corpus.plant import PlantedDefect, register_planter

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


@register_planter("prefix")
def prefix(network: Network, rng: np.random.Generator) -> PlantedDefect:
    head = PREFIXES[int(rng.integers(len(PREFIXES)))]
    candidate = {head + name: array for name, array in network.weights.items()}
    return PlantedDefect("prefix", candidate, network.weights, frozenset(candidate))


@register_planter("renamed")
def renamed(network: Network, rng: np.random.Generator) -> PlantedDefect | None:
    mappings = [rewrite(network.weights, rules) for rules in RENAMINGS]
    options = [names for names in mappings if any(old != new for old, new in names.items())]
    names = options[int(rng.integers(len(options)))]
    candidate = {names[name]: array for name, array in network.weights.items()}
    moved = frozenset(new for old, new in names.items() if old != new)
    return PlantedDefect("renamed", candidate, network.weights, moved)


@register_planter("wrapped")
def wrapped(network: Network, rng: np.random.Generator) -> PlantedDefect:
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

    return PlantedDefect("wrapped", write, network.weights, frozenset(network.weights))


@register_planter("tensor-missing")
def tensor_missing(network: Network, rng: np.random.Generator) -> PlantedDefect:
    modules = sorted(
        {
            name.rsplit(".", 1)[0]
            for name in network.names_of_kind("conv1d", "linear", "conv_transpose1d")
        }
    )
    gone = modules[int(rng.integers(len(modules)))]
    lost = frozenset(name for name in network.weights if name.rsplit(".", 1)[0] == gone)
    candidate = {name: array for name, array in network.weights.items() if name not in lost}
    return PlantedDefect("tensor-missing", candidate, network.weights, lost, repairable=False)


@register_planter("tensor-extra")
def tensor_extra(network: Network, rng: np.random.Generator) -> PlantedDefect:
    extra = {
        "final_proj.weight": draw_trained_weights((24, 12), "linear", rng),
        "final_proj.bias": draw_trained_weights((24,), "bias", rng),
    }
    return PlantedDefect("tensor-extra", network.weights | extra, network.weights, frozenset(extra))


@register_planter("swapped")
def swapped(network: Network, rng: np.random.Generator) -> PlantedDefect | None:
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
    return PlantedDefect("swapped", candidate, network.weights, frozenset({first, second}))


@register_planter("tie-lost")
def tie_lost(network: Network, rng: np.random.Generator) -> PlantedDefect | None:
    """The reference ties two names; the candidate stores both, and one was trained on."""
    source = next(iter(network.names_of_kind("embedding", "linear")), None)
    if source is None:
        return None
    reference = dict(network.weights)
    reference["tied.weight"] = reference[source]
    drift = reference[source] + 0.02 * rng.standard_normal(reference[source].shape).astype(
        np.float32
    )
    candidate = dict(network.weights) | {"tied.weight": drift}
    ties = {"ties": ((source, "tied.weight"),)}
    return PlantedDefect(
        "tie-lost", candidate, reference, frozenset({"tied.weight"}), reference_details=ties
    )
