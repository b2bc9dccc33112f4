"""A runtime with Stable Audio's weights in it: from a folder, or tiny and random."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from auscult import families
from auscult.checkpoint import open_checkpoint
from auscult.checkpoint.source import release_pages
from auscult.errors import CheckpointError, UsageError
from auscult.facts.install import format_install_command
from auscult.families._shapes import to_canonical_shapes
from auscult.families._weight_norm import fuse_weight_norm
from auscult.families.stable_audio.config import TINY, Config
from auscult.families.stable_audio.files import (
    StableAudioFiles,
    apply_settings,
    find_stable_audio_files,
)
from auscult.families.stable_audio.generate import Runtime, Tokens
from auscult.families.stable_audio.prompt import bytes_as_tokens, tokenize
from auscult.families.stable_audio.signature import plan
from auscult.families.t5_encoder.signature import TINY as TINY_TEXT
from auscult.weights import Array, Checkpoint

RuntimeName = Literal["torch", "mlx", "litert"]
Tokenize = Callable[[str], Tokens]


def open_runtime(
    folder: Path, name: RuntimeName | None = None, device: str | None = None
) -> tuple[Runtime, Tokenize]:
    """The model in a folder, in the runtime that was asked for, else in the one that its files are for.

    Args:
        device: Where torch runs it; the processor, if None.

    Raises:
        UsageError: If a file is missing, or the runtime is not installed.
        CheckpointError: If a file is not what its name says.
    """
    files = find_stable_audio_files(folder)
    name = name or ("litert" if files.model is None or files.text is None else "torch")
    if name == "litert":
        _refuse_litert_device(device)
        return _open_exported_runtime(files, folder)
    if files.model is None or files.text is None:
        raise UsageError(
            f"holds the LiteRT export alone, which {name} cannot run",
            where=str(folder),
            hint="leave --runtime away",
        )
    config, state = read_state(files.model)
    config = apply_settings(config, files.settings)
    text_state, text_config = _read_text_state(files.text)
    if text_config.width != config.cond_dim:
        raise CheckpointError(
            "is another T5 than this model was trained with",
            where=str(files.text),
            expected=f"width {config.cond_dim}",
            found=text_config.width,
        )
    build = _build_torch_runtime if name == "torch" else _build_mlx_runtime
    return build(config, state, text_config, text_state, device), lambda text: tokenize(
        text, files.tokenizer, config.prompt_tokens
    )


def tiny_runtime(
    name: RuntimeName | None = None, config: Config = TINY, device: str | None = None
) -> tuple[Runtime, Tokenize]:
    """A random model of toy sizes, the same weights in torch and MLX; its sound means nothing.

    Raises:
        UsageError: If the runtime is not installed, or is LiteRT, which needs exported files.
    """
    if name == "litert":
        raise UsageError(
            "a tiny model runs in torch or MLX",
            where="--runtime litert",
            hint="give --weights for LiteRT",
        )
    state, text_state = (
        draw_random_state(plan(config), 1),
        draw_random_state(families.signature("t5-encoder").plan(TINY_TEXT), 2),
    )
    text_config = replace(TINY_TEXT, width=config.cond_dim)
    build = _build_mlx_runtime if name == "mlx" else _build_torch_runtime
    return build(config, state, text_config, text_state, device), lambda text: bytes_as_tokens(
        text, text_config.vocabulary, config.prompt_tokens
    )


def draw_random_state(tensors: families._plan.Plan, seed: int) -> dict[str, Array]:
    """Weights that let a signal through without drowning it; buffers are left to the model."""
    generator, state = np.random.default_rng(seed), {}
    for name, planned in tensors.items():
        if planned.optional:
            continue
        value = generator.standard_normal(planned.shape).astype(np.float32)
        if planned.kind == "norm" and name.endswith(("weight", "gamma")):
            value = 1 + 0.1 * value
        elif len(planned.shape) > 1 and planned.kind != "embedding":
            value *= np.float32(0.5 * np.prod(planned.shape[1:]) ** -0.5)
        elif planned.kind == "bias" or name.endswith((".alpha", ".beta", ".bias")):
            value *= np.float32(0.1)
        state[name] = value
    return state


def read_state(path: Path) -> tuple[Config, dict[str, Array]]:
    """A model's config, and its tensors under their plain names."""
    checkpoint = open_checkpoint(path)
    detection = _require_family(checkpoint, "stable-audio", path)
    if detection.layout == "mlx":
        raise CheckpointError(
            "is in MLX's layout",
            where=str(path),
            hint=f"auscult convert {path} model.safetensors --to torch",
        )
    return detection.config, collect_planned_arrays(
        checkpoint, plan(detection.config), detection.prefix
    )


def _read_text_state(path: Path) -> tuple[dict[str, Array], Any]:
    checkpoint = open_checkpoint(path)
    encoder = Checkpoint(
        path=str(path), format=checkpoint.format, tensors=_drop_decoder(checkpoint)
    )
    detection = _require_family(encoder, "t5-encoder", path)
    return {
        name.removeprefix(detection.prefix): _to_float32(tensor) for name, tensor in encoder.items()
    }, detection.config


def _drop_decoder(checkpoint: Checkpoint) -> dict[str, Any]:
    return {
        name: tensor
        for name, tensor in checkpoint.items()
        if not name.startswith(("decoder.", "lm_head."))
    }


def _require_family(checkpoint: Checkpoint, family: str, path: Path) -> Any:
    for detection in families.detect_families(
        {name: tensor.shape for name, tensor in checkpoint.items()}
    ):
        if detection.family == family:
            return detection
    raise CheckpointError(
        f"is no {family} checkpoint",
        where=str(path),
        hint=f"auscult inspect {path} says what it is",
    )


def collect_planned_arrays(
    checkpoint: Checkpoint, tensors: families._plan.Plan, prefix: str = ""
) -> dict[str, Array]:
    """What a checkpoint has of these tensors, under their plain names; pairs of weight norm become the weight they stand for."""
    pairs = to_canonical_shapes({name: tensor.shape for name, tensor in checkpoint.items()}).members
    state = {}
    for name in tensors:
        pair = pairs.get(prefix + name, ())
        if prefix + name in checkpoint:
            state[name] = _to_float32(checkpoint[prefix + name])
        elif len(pair) == 2:
            gain, direction = (_to_float32(checkpoint[member]) for member in pair)
            state[name] = fuse_weight_norm(gain, direction)
            release_pages()
    return state


def _to_float32(tensor: Any) -> Array:
    """A view of the file where that holds float32."""
    return np.asarray(tensor.values(), np.float32)


def _refuse_litert_device(device: str | None) -> None:
    if device not in (None, "cpu"):
        raise UsageError(
            "LiteRT runs on the processor here",
            where=f"--device {device}",
            hint="leave --device away, or take --runtime torch",
        )


def _build_torch_runtime(
    config: Config,
    state: dict[str, Array],
    text: Any,
    text_state: dict[str, Array],
    device: str | None,
) -> Runtime:
    try:
        import torch
    except ImportError as error:
        raise UsageError(
            "running the model needs PyTorch", hint=format_install_command("run")
        ) from error

    from auscult.families.stable_audio.runtime_torch import TorchRuntime
    from auscult.families.t5_encoder import torch as encoder

    with torch.device("meta"):
        words = encoder.build(text)
    encoder.load(words, _to_torch_tensors(text_state))
    _release_pages_after(words.encoder.block)
    place = device or "cpu"
    return TorchRuntime(build_torch_model(config, state).to(place), words.to(place))


def build_torch_model(config: Config, state: dict[str, Array]) -> Any:
    """A `StableAudio` in PyTorch over these arrays.

    Those that are views of a file stay in it: a block's pages are read as it runs, and given back to the system behind it.
    """
    import torch

    from auscult.families.stable_audio import torch as model

    with torch.device("meta"):
        whole = model.build(config)
    model.load(whole, _to_torch_tensors(state))
    _release_pages_after(whole.transformer.transformer.layers)
    return whole


def _to_torch_tensors(state: dict[str, Array]) -> dict[str, Any]:
    import torch

    with warnings.catch_warnings():
        warnings.filterwarnings(
            "ignore", "The given NumPy array is not writable"
        )  # nor is it written
        return {name: torch.from_numpy(value) for name, value in state.items()}


def _release_pages_after(blocks: Any) -> None:
    for block in blocks:
        block.register_forward_hook(lambda *_: release_pages())


def _build_mlx_runtime(
    config: Config,
    state: dict[str, Array],
    text: Any,
    text_state: dict[str, Array],
    _device: str | None,
) -> Runtime:
    try:
        import mlx.core  # noqa: F401
    except ImportError as error:
        raise UsageError(
            "running the model needs MLX", hint=format_install_command("mlx")
        ) from error
    from auscult.families.stable_audio import mlx as model
    from auscult.families.stable_audio.runtime_mlx import MlxRuntime
    from auscult.families.t5_encoder import mlx as encoder

    whole, words = model.build(config), encoder.build(text)
    model.load(whole, state)
    encoder.load(words, text_state)
    release_pages()
    return MlxRuntime(whole, words)


def _open_exported_runtime(files: StableAudioFiles, folder: Path) -> tuple[Runtime, Tokenize]:
    if files.export is None:
        raise UsageError(
            "holds no LiteRT export", where=str(folder), hint="put its three .tflite files there"
        )
    from auscult.families.stable_audio.runtime_litert import LitertRuntime, config_of

    conditioners, transformer, autoencoder = files.export
    config = apply_settings(config_of(transformer, autoencoder), files.settings)
    runtime = LitertRuntime(conditioners, transformer, autoencoder, config)
    return runtime, lambda text: tokenize(text, files.tokenizer, runtime.tokens)
