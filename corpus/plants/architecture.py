"""Code that is not the network which was trained: the reference here is a template with fresh weights."""

from __future__ import annotations

import numpy as np

from corpus.networks import Arrays, Network, widen_network
from corpus.plant import PlantedDefect, register_planter


def initialised(arrays: Arrays, rng: np.random.Generator) -> Arrays:
    """Fresh weights in the same names and shapes, as a constructor would leave them."""
    fresh: Arrays = {}
    for name, array in arrays.items():
        fan_in = int(np.prod(array.shape[1:])) if array.ndim > 1 else max(array.size, 1)
        bound = 1 / np.sqrt(fan_in)
        fresh[name] = rng.uniform(-bound, bound, array.shape).astype(array.dtype)
    return fresh


def against(
    network: Network, template: Arrays, cause: str, where: set[str], rng: np.random.Generator
) -> PlantedDefect:
    return PlantedDefect(
        cause,
        network.weights,
        initialised(template, rng),
        frozenset(where),
        repairable=False,
        template=True,
    )


@register_planter("conv-grouped")
def conv_grouped(network: Network, rng: np.random.Generator) -> PlantedDefect | None:
    template = dict(network.weights)
    names = [
        n
        for n in network.names_of_kind("conv1d")
        if template[n].shape[0] == template[n].shape[1] and template[n].shape[1] % 4 == 0
    ]
    if not names:
        return None
    for name in names:
        out, inner, kernel = template[name].shape
        template[name] = np.zeros((out, inner // 4, kernel), np.float32)
    return against(network, template, "conv-grouped", set(names), rng)


@register_planter("kernel-size")
def kernel_size(network: Network, rng: np.random.Generator) -> PlantedDefect | None:
    template = dict(network.weights)
    kernels = sorted({template[n].shape[2] for n in network.names_of_kind("conv1d")} - {1})
    kernel = kernels[int(rng.integers(len(kernels)))]
    names = [n for n in network.names_of_kind("conv1d") if template[n].shape[2] == kernel]
    for name in names:
        out, inner, _ = template[name].shape
        template[name] = np.zeros((out, inner, kernel + 2), np.float32)
    return against(network, template, "kernel-size", set(names), rng)


@register_planter("width")
def width(network: Network, rng: np.random.Generator) -> PlantedDefect:
    """The same code with other channel counts."""
    template = widen_network(network)
    where = {name for name in template if template[name].shape != network.weights[name].shape}
    return against(network, template, "width", where, rng)


LAST_BLOCK = {
    "transformer": ("layers.3.", "layers.4."),
    "codec": ("quantizer.layers.3.", "quantizer.layers.4."),
    "speaker": ("xvector.block2.", "xvector.block3."),
    "diffusion": ("layers.3.", "layers.4."),
}


@register_planter("depth")
def depth(network: Network, rng: np.random.Generator) -> PlantedDefect | None:
    """The code has one more block at the end of a repeated row of blocks."""
    if network.name not in LAST_BLOCK:
        return None
    last, more = LAST_BLOCK[network.name]
    extra = {
        more + name.removeprefix(last): array
        for name, array in network.weights.items()
        if name.startswith(last)
    }
    return against(network, dict(network.weights) | extra, "depth", set(extra), rng)


@register_planter("modules-never-trained")
def modules_never_trained(network: Network, rng: np.random.Generator) -> PlantedDefect:
    """Norm, LoRA and attention that the checkpoint has never seen, inside the modules that it has."""
    convs = [name.removesuffix(".weight") for name in network.names_of_kind("conv1d", "linear")][
        1:7
    ]
    extra: Arrays = {}
    for module in convs:
        channels = network.weights[f"{module}.weight"].shape[0]
        parent = module.rpartition(".")[0]
        leaf = module.rpartition(".")[2]
        base = f"{parent}.{leaf}" if parent else leaf
        extra[f"{base}_norm.weight"] = np.ones(channels, np.float32)
        extra[f"{base}_norm.bias"] = np.zeros(channels, np.float32)
        extra[f"{base}_lora.lora_A"] = np.zeros((4, channels), np.float32)
        extra[f"{base}_lora.lora_B"] = np.zeros((channels, 4), np.float32)
        extra[f"{base}_channel_attention.1.weight"] = np.zeros(
            (max(channels // 4, 1), channels, 1), np.float32
        )
    return against(network, dict(network.weights) | extra, "modules-never-trained", set(extra), rng)


@register_planter("partial-load")
def partial_load(network: Network, rng: np.random.Generator) -> PlantedDefect:
    """The state of a model after load_state_dict raised: what fitted was copied, the rest is as it was initialised."""
    state = initialised(network.weights, rng)
    names = list(network.weights)
    stale = {
        name
        for name in network.names_of_kind("conv1d", "linear")
        if rng.random() < 0.5 and network.weights[name].size > 16
    }
    candidate = {name: state[name] if name in stale else network.weights[name] for name in names}
    return PlantedDefect(
        "partial-load", candidate, network.weights, frozenset(stale), repairable=False
    )
