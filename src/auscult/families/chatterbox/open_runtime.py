"""Chatterbox's models in a framework: from a folder, or tiny and random."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from auscult.errors import UsageError
from auscult.facts.install import format_install_command
from auscult.families.chatterbox.files import ChatterboxFiles, read
from auscult.families.chatterbox.runtimes import ChatterboxRuntime, RuntimeName
from auscult.families.chatterbox_s3gen import config as s3gen_config
from auscult.families.chatterbox_s3gen import signature as s3gen_signature
from auscult.families.chatterbox_t3 import config as t3_config
from auscult.families.chatterbox_t3 import signature as t3_signature
from auscult.families.chatterbox_voice_encoder import config as voice_config
from auscult.families.chatterbox_voice_encoder import signature as voice_signature
from auscult.families.stable_audio.runtimes import draw_random_state
from auscult.weights import Array


class ModelPart(NamedTuple):
    """A model's arrays under torch's names, and its config."""

    state: dict[str, Array]
    config: Any


def open_runtime(
    files: ChatterboxFiles, name: RuntimeName = "torch", device: str | None = None
) -> ChatterboxRuntime:
    """The models of a folder.

    Args:
        device: Where torch runs them; the processor, if None.

    Raises:
        UsageError: If the framework is not installed, or T3 is one that cannot be run here.
        CheckpointError: If a file is not what its name says, or does not fit the model.
    """
    s3gen = ModelPart(*read(files.s3gen, "s3gen"))
    if s3gen.config.mel2wav is None:
        raise UsageError(
            "has no vocoder (mel2wav)",
            where=str(files.s3gen),
            hint="take the whole s3gen.safetensors",
        )
    voice = ModelPart(*read(files.ve, "ve")) if files.ve else None
    t3 = ModelPart(*read(files.t3, "t3"))
    if t3.config.text_tokens == t3_config.PUBLISHED["multilingual"].text_tokens:
        hint = "take t3_cfg.safetensors, the English model"
        raise UsageError(
            "is the multilingual T3, whose text has to be prepared by language",
            where=str(files.t3),
            hint=hint,
        )
    return build_runtime(t3, s3gen, voice, name, device)


def tiny_runtime(name: RuntimeName = "torch", device: str | None = None) -> ChatterboxRuntime:
    """Random models of toy sizes, the same weights in both frameworks; what they say means nothing.

    Raises:
        UsageError: If the framework is not installed.
    """
    t3, s3gen, voice = t3_config.tiny(), s3gen_config.tiny(), voice_config.tiny()
    return build_runtime(
        ModelPart(draw_random_state(t3_signature.plan(t3), 1), t3),
        ModelPart(
            draw_random_state(s3gen_signature.plan(s3gen), 2) | _make_variances(s3gen), s3gen
        ),
        ModelPart(draw_random_state(voice_signature.plan(voice), 3), voice),
        name,
        device,
    )


def _make_variances(config: s3gen_config.Config) -> dict[str, Array]:
    """Variances of batch norms, which cannot be negative."""
    plan = s3gen_signature.plan(config)
    return {
        name: np.ones(planned.shape, np.float32)
        for name, planned in plan.items()
        if name.endswith("running_var")
    }


def build_runtime(
    t3: ModelPart,
    s3gen: ModelPart,
    voice: ModelPart | None,
    name: RuntimeName,
    device: str | None = None,
) -> ChatterboxRuntime:
    """The models in a framework, each filled strictly."""
    if name == "mlx":
        return _build_mlx_runtime(t3, s3gen, voice)
    return _build_torch_runtime(t3, s3gen, voice, device or "cpu")


def _build_torch_runtime(
    t3: ModelPart, s3gen: ModelPart, voice: ModelPart | None, device: str
) -> ChatterboxRuntime:
    try:
        import torch
    except ImportError as error:
        raise UsageError(
            "running the model needs PyTorch", hint=format_install_command("run")
        ) from error

    from auscult.families.chatterbox_s3gen import torch as flow
    from auscult.families.chatterbox_t3 import torch as speech
    from auscult.families.chatterbox_voice_encoder import torch as speaker

    def fill_model(module: Any, part: ModelPart) -> Any:
        model = module.build(part.config).eval()
        module.load(model, {name: torch.from_numpy(value) for name, value in part.state.items()})
        return model.to(device)

    return ChatterboxRuntime(
        "torch",
        fill_model(speech, t3),
        fill_model(flow, s3gen),
        fill_model(speaker, voice) if voice else None,
        device,
    )


def _build_mlx_runtime(
    t3: ModelPart, s3gen: ModelPart, voice: ModelPart | None
) -> ChatterboxRuntime:
    try:
        import mlx.core  # noqa: F401
    except ImportError as error:
        raise UsageError(
            "running the model needs MLX", hint=format_install_command("mlx")
        ) from error
    from auscult.families.chatterbox_s3gen import mlx as flow
    from auscult.families.chatterbox_t3 import mlx as speech
    from auscult.families.chatterbox_voice_encoder import mlx as speaker

    def fill_model(module: Any, part: ModelPart) -> Any:
        model = module.build(part.config)
        module.load(model, part.state)
        return model

    return ChatterboxRuntime(
        "mlx",
        fill_model(speech, t3),
        fill_model(flow, s3gen),
        fill_model(speaker, voice) if voice else None,
    )
