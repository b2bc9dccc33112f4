"""Names and shapes of Stable Audio Open (small, 1.0, and inpainting models). Source: stable-audio-tools 0.0.19."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from auscult.families._plan import Plan, Planner, extract_shapes
from auscult.families._score import SignatureFact
from auscult.families._shapes import Shapes
from auscult.families.stable_audio.config import OPEN_1_0, OPEN_SMALL, PUBLISHED, Config
from auscult.weights import Shape

DIT = "model.model"
VAE = "pretransform.model"
NUMBERS = "conditioner.conditioners"
EVIDENCE = (
    SignatureFact("no diffusion transformer under `model.model`", any_of=(f"{DIT}.transformer.",)),
    SignatureFact("no autoencoder under `pretransform.model`", any_of=(f"{VAE}.",)),
)


_UNSEEN_1_0: dict[str, Any] = {
    name: getattr(OPEN_1_0, name)
    for name in ("objective", "number_range", "prompt_tokens", "sample_size")
    if getattr(OPEN_1_0, name) != getattr(OPEN_SMALL, name)
}
"""What no tensor shows, in the model that has two numbers."""


def infer(shapes: Shapes) -> Config | None:
    """See `auscult.families.signature`."""
    depth = shapes.count(f"{DIT}.transformer.layers.")
    layers = [f"{DIT}.transformer.layers.{layer}" for layer in range(depth)]
    width = shapes.find(
        (f"{DIT}.transformer.project_in.weight", 0),
        *((f"{name}.self_attn.to_out.weight", 0) for name in layers),
    )
    if not depth or not width:
        return None
    numbers = tuple(
        name for name in ("seconds_start", "seconds_total") if shapes.has(f"{NUMBERS}.{name}.")
    )
    number = f"{NUMBERS}.{(numbers or ('seconds_total',))[-1]}.embedder.embedding"
    head = shapes.find(
        *(
            (f"{name}.{attn}.q_norm.weight", 0)
            for name in layers
            for attn in ("self_attn", "cross_attn")
        )
    )
    entry = shapes.find(
        (f"{DIT}.transformer.project_in.weight", 1), (f"{DIT}.preprocess_conv.weight", 0)
    )
    latent = shapes.size(
        (f"{DIT}.transformer.project_out.weight", 0),
        (f"{DIT}.postprocess_conv.weight", 0),
        default=entry or 64,
    )
    widths, kernels, channels = _infer_vae(shapes)
    return Config(
        latent=latent,
        width=width,
        depth=depth,
        head_dim=head or 64,
        qk_norm=head is not None,
        hidden=shapes.size(*((f"{name}.ff.ff.2.weight", 1) for name in layers), default=4 * width),
        cond_dim=shapes.size((f"{DIT}.to_cond_embed.0.weight", 1), default=768),
        cond_width=shapes.size(
            (f"{DIT}.to_cond_embed.0.weight", 0),
            *((f"{n}.cross_attn.to_kv.weight", 1) for n in layers),
            default=width,
        ),
        global_dim=shapes.size((f"{DIT}.to_global_embed.0.weight", 1), default=768),
        time_features=shapes.size((f"{DIT}.timestep_features.weight", 0), default=128),
        concat=max((entry or latent) - latent, 0),
        rotary=shapes.size((f"{DIT}.transformer.rotary_pos_emb.inv_freq", 0), default=32),
        vae_channels=channels,
        vae_widths=widths,
        vae_kernels=kernels,
        numbers=numbers,
        **(_UNSEEN_1_0 if len(numbers) > 1 else {}),
        number_dim=shapes.size((f"{number}.1.weight", 0), (f"{number}.1.bias", 0), default=768),
        number_features=shapes.size((f"{number}.0.weights", 0), default=128),
    )


def _infer_vae(shapes: Shapes) -> tuple[tuple[int, ...], tuple[int, ...], int]:
    """Widths from the input inwards, kernels of the strided convolutions, audio channels; empty without a VAE."""
    stages = max(shapes.count(f"{VAE}.decoder.layers."), shapes.count(f"{VAE}.encoder.layers.")) - 3
    if stages < 1:
        return (), (), 2
    first = shapes.size(
        (f"{VAE}.encoder.layers.0.weight", 0), (f"{VAE}.encoder.layers.0.bias", 0), default=128
    )
    widths, kernels = [first], []
    for stage in range(stages):
        down, up = (
            f"{VAE}.encoder.layers.{stage + 1}.layers.4",
            f"{VAE}.decoder.layers.{stages - stage}.layers.1",
        )
        widths.append(
            shapes.size(
                (f"{down}.weight", 0),
                (f"{down}.bias", 0),
                (f"{up}.weight", 0),
                default=2 * widths[-1],
            )
        )
        kernels.append(shapes.size((f"{down}.weight", 2), (f"{up}.weight", 2), default=8))
    end = f"{VAE}.decoder.layers.{stages + 2}.weight"
    return (
        tuple(widths),
        tuple(kernels),
        shapes.size((f"{VAE}.encoder.layers.0.weight", 1), (end, 0), default=2),
    )


@lru_cache(maxsize=8)
def plan(config: Config) -> Plan:
    """See `auscult.families.signature`."""
    planner = Planner()
    _plan_dit(planner, config)
    if config.vae_kernels:
        _plan_vae(planner, config)
    for number in config.numbers:
        name = f"{NUMBERS}.{number}.embedder.embedding"
        planner.tensor(f"{name}.0.weights", (config.number_features,))
        planner.linear(f"{name}.1", 2 * config.number_features + 1, config.number_dim)
    return planner.plan


def _plan_dit(planner: Planner, config: Config) -> None:
    width = config.width
    planner.tensor(f"{DIT}.timestep_features.weight", (config.time_features, 1))
    planner.linear(f"{DIT}.to_timestep_embed.0", 2 * config.time_features, width)
    planner.linear(f"{DIT}.to_timestep_embed.2", width, width)
    planner.linear(f"{DIT}.to_cond_embed.0", config.cond_dim, config.cond_width, bias=False)
    planner.linear(f"{DIT}.to_cond_embed.2", config.cond_width, config.cond_width, bias=False)
    planner.linear(f"{DIT}.to_global_embed.0", config.global_dim, width, bias=False)
    planner.linear(f"{DIT}.to_global_embed.2", width, width, bias=False)
    for layer in range(config.depth):
        name = f"{DIT}.transformer.layers.{layer}"
        for norm in ("pre_norm", "cross_attend_norm", "ff_norm"):
            planner.tensor(f"{name}.{norm}.gamma", (width,), "norm")
            planner.tensor(f"{name}.{norm}.beta", (width,), "buffer", optional=True)
        planner.linear(f"{name}.self_attn.to_qkv", width, 3 * width, bias=False)
        planner.linear(f"{name}.cross_attn.to_q", width, width, bias=False)
        planner.linear(
            f"{name}.cross_attn.to_kv", config.cond_width, 2 * config.cond_width, bias=False
        )
        for attention in ("self_attn", "cross_attn"):
            planner.linear(f"{name}.{attention}.to_out", width, width, bias=False)
            if config.qk_norm:
                planner.norm(f"{name}.{attention}.q_norm", config.head_dim)
                planner.norm(f"{name}.{attention}.k_norm", config.head_dim)
        planner.linear(f"{name}.ff.ff.0.proj", width, 2 * config.hidden)
        planner.linear(f"{name}.ff.ff.2", config.hidden, width)
    planner.linear(
        f"{DIT}.transformer.project_in", config.latent + config.concat, width, bias=False
    )
    planner.linear(f"{DIT}.transformer.project_out", width, config.latent, bias=False)
    planner.tensor(
        f"{DIT}.transformer.rotary_pos_emb.inv_freq", (config.rotary,), "buffer", optional=True
    )
    planner.conv1d(
        f"{DIT}.preprocess_conv",
        config.latent + config.concat,
        config.latent + config.concat,
        1,
        bias=False,
    )
    planner.conv1d(f"{DIT}.postprocess_conv", config.latent, config.latent, 1, bias=False)


def _plan_vae(planner: Planner, config: Config) -> None:
    widths, stages = config.vae_widths, len(config.vae_kernels)
    name = f"{VAE}.encoder.layers"
    planner.conv1d(f"{name}.0", config.vae_channels, widths[0], 7, norm=True)
    for stage, kernel in enumerate(config.vae_kernels):
        block = f"{name}.{stage + 1}.layers"
        for unit in range(3):
            _plan_unit(planner, f"{block}.{unit}.layers", widths[stage])
        _plan_snake(planner, f"{block}.3", widths[stage])
        planner.conv1d(f"{block}.4", widths[stage], widths[stage + 1], kernel, norm=True)
    _plan_snake(planner, f"{name}.{stages + 1}", widths[-1])
    planner.conv1d(f"{name}.{stages + 2}", widths[-1], 2 * config.latent, 3, norm=True)
    name = f"{VAE}.decoder.layers"
    planner.conv1d(f"{name}.0", config.latent, widths[-1], 7, norm=True)
    for stage, kernel in enumerate(reversed(config.vae_kernels)):
        block, source, target = (
            f"{name}.{stage + 1}.layers",
            widths[stages - stage],
            widths[stages - stage - 1],
        )
        _plan_snake(planner, f"{block}.0", source)
        planner.conv_transpose1d(f"{block}.1", source, target, kernel, norm=True)
        for unit in (2, 3, 4):
            _plan_unit(planner, f"{block}.{unit}.layers", target)
    _plan_snake(planner, f"{name}.{stages + 1}", widths[0])
    planner.conv1d(f"{name}.{stages + 2}", widths[0], config.vae_channels, 7, norm=True, bias=False)


def _plan_snake(planner: Planner, name: str, width: int) -> None:
    planner.tensor(f"{name}.alpha", (width,))
    planner.tensor(f"{name}.beta", (width,))


def _plan_unit(planner: Planner, name: str, width: int) -> None:
    _plan_snake(planner, f"{name}.0", width)
    planner.conv1d(f"{name}.1", width, width, 7, norm=True)
    _plan_snake(planner, f"{name}.2", width)
    planner.conv1d(f"{name}.3", width, width, 1, norm=True)


def expected(config: Config) -> dict[str, Shape]:
    """See `auscult.families.signature`."""
    return extract_shapes(plan(config))


def transposed(name: str) -> bool:
    """See `auscult.families.signature`."""
    return (
        name.startswith(f"{VAE}.decoder.layers.")
        and name.endswith(".layers.1.weight")
        and name.count(".layers.") == 2
    )


def undetermined(config: Config) -> Mapping[str, tuple[Any, ...]]:
    """VAE strides, the objective and its sampler, the range of a number, the norms' epsilon."""
    return {
        "vae_strides": (config.strides,),
        "objective": ("rf_denoiser", "rectified_flow", "v"),
        "number_range": ((0.0, 256.0), (0.0, 512.0)),
        "final_tanh": (False, True),
        "norm_eps": (1e-5, 1e-6),
    }


def variant(config: Config) -> str | None:
    """The published sizes."""
    return next((name for name, published in PUBLISHED.items() if published == config), None)
