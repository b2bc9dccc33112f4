"""stable-audio-tools' own modules at any size, with random weights that matter; without torchaudio and k-diffusion.

Neither takes part in the model: they resample files and sample older models. They are stood in for while it is imported.
"""

from __future__ import annotations

import importlib
import importlib.machinery
import importlib.util
import sys
import types
from functools import cache
from typing import Any

import pytest

from auscult.families.stable_audio.config import Config

STRANGERS = (
    "torchaudio",
    "torchaudio.transforms",
    "torchvision",
    "torchvision.transforms",
    "torchdiffeq",
    "torchsde",
)
"""Resamplers, image transforms and solvers that the packages import at their top and that no test runs."""


def _stand_in(name: str, path: list[str] | None = None) -> None:
    if name in sys.modules:
        return
    module = types.ModuleType(name)
    module.__spec__ = importlib.machinery.ModuleSpec(name, None)
    if path is not None:
        module.__path__ = path
    for attribute in ("Resample", "transforms", "functional", "odeint"):
        setattr(module, attribute, object)
    sys.modules[name] = module


@cache
def modules() -> Any:
    """The package's modules: autoencoders, bottleneck, conditioners, diffusion, sampling; and k-diffusion's sampling."""
    pytest.importorskip("torch")
    for needed in ("einops", "einops_exts", "alias_free_torch"):
        pytest.importorskip(needed)
    strangers = [name for name in STRANGERS if name not in sys.modules]
    for name in strangers:
        _stand_in(name)
    solvers = importlib.util.find_spec("k_diffusion")
    if solvers is None or solvers.submodule_search_locations is None:
        pytest.skip("k-diffusion is not installed")
    _stand_in(
        "k_diffusion", list(solvers.submodule_search_locations)
    )  # without its __init__, which imports half the world
    for name in ("utils", "sampling", "external"):
        setattr(sys.modules["k_diffusion"], name, importlib.import_module(f"k_diffusion.{name}"))
    pytest.importorskip("stable_audio_tools")
    from stable_audio_tools.inference import sampling
    from stable_audio_tools.models import autoencoders, bottleneck, conditioners, diffusion

    for name in strangers:  # or transformers takes them for the real ones
        del sys.modules[name]
    return types.SimpleNamespace(
        sampling=sampling,
        autoencoders=autoencoders,
        bottleneck=bottleneck,
        conditioners=conditioners,
        diffusion=diffusion,
        solvers=sys.modules["k_diffusion"],
    )


def build(config: Config, seed: int = 0) -> Any:
    """A ConditionedDiffusionModelWrapper of that config with weights that matter, in evaluation mode."""
    import torch

    torch.manual_seed(seed)
    whole = bare(config)
    _stir(whole)
    return whole.eval()


def bare(config: Config) -> Any:
    """The same as the package initialises it; its conditioner has the numbers alone."""
    package = modules()
    numbers = {
        name: package.conditioners.NumberConditioner(config.number_dim, *config.number_range)
        for name in config.numbers
    }
    shift = (
        dict(
            zip(("base_shift", "max_shift", "min_length", "max_length"), config.shift, strict=True)
        )
        if config.shift
        else None
    )
    return package.diffusion.ConditionedDiffusionModelWrapper(
        transformer(package, config),
        package.conditioners.MultiConditioner(numbers),
        io_channels=config.latent,
        sample_rate=config.sample_rate,
        min_input_length=config.hop,
        diffusion_objective=config.objective,
        distribution_shift_options=shift,
        pretransform=package.autoencoders.AutoencoderPretransform(autoencoder(package, config)),
        cross_attn_cond_ids=["prompt", *config.numbers],
        global_cond_ids=list(config.numbers),
        input_concat_ids=["inpaint_mask", "inpaint_masked_input"] if config.concat else [],
    )


def transformer(package: Any, config: Config) -> Any:
    """Its DiT."""
    return package.diffusion.DiTWrapper(
        diffusion_objective=config.objective,
        io_channels=config.latent,
        embed_dim=config.width,
        depth=config.depth,
        num_heads=config.heads,
        cond_token_dim=config.cond_dim,
        project_cond_tokens=config.cond_width == config.width,
        global_cond_dim=config.global_dim,
        input_concat_dim=config.concat,
        transformer_type="continuous_transformer",
        attn_kwargs={"qk_norm": "ln" if config.qk_norm else "none"},
        ff_kwargs={"mult": config.hidden / config.width},
    )


def autoencoder(package: Any, config: Config) -> Any:
    """Its Oobleck VAE."""
    width = config.vae_widths[0]
    options = {
        "channels": width,
        "c_mults": [outer // width for outer in config.vae_widths[1:]],
        "strides": list(config.strides),
        "use_snake": True,
    }
    return package.autoencoders.AudioAutoencoder(
        package.autoencoders.OobleckEncoder(
            in_channels=config.vae_channels, latent_dim=2 * config.latent, **options
        ),
        package.autoencoders.OobleckDecoder(
            out_channels=config.vae_channels,
            latent_dim=config.latent,
            final_tanh=config.final_tanh,
            **options,
        ),
        config.latent,
        config.hop,
        config.sample_rate,
        config.vae_channels,
        package.bottleneck.VAEBottleneck(),
    )


def _stir(module: Any) -> None:
    """Let every parameter matter: what starts at zero or one is moved off it; the output stays of order one."""
    import torch

    with torch.no_grad():
        for name, parameter in module.named_parameters():
            if parameter.ndim >= 2 and not parameter.any():
                parameter.normal_(0, 0.5 * parameter[0].numel() ** -0.5)
            elif parameter.ndim == 1 and not name.endswith(("weights",)):
                parameter.add_(0.1 * torch.randn_like(parameter))
