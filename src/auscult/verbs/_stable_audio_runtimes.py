"""A runtime with Stable Audio's weights in it: from a folder, or tiny and random."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from auscult import families
from auscult.checkpoint import open_checkpoint
from auscult.errors import CheckpointError, UsageError
from auscult.families._shapes import canonical
from auscult.families.stable_audio.config import TINY, Config
from auscult.families.stable_audio.generate import Runtime, Tokens
from auscult.families.stable_audio.prompt import bytes_as_tokens, tokenize
from auscult.families.stable_audio.signature import plan
from auscult.families.t5_encoder.signature import TINY as TINY_TEXT
from auscult.verbs._stable_audio_files import Files, find, with_settings
from auscult.weights import Array, Checkpoint

RuntimeName = Literal["torch", "mlx", "litert"]
Tokenize = Callable[[str], Tokens]


def open_runtime(folder: Path, name: RuntimeName | None = None) -> tuple[Runtime, Tokenize]:
    """The model in a folder, in the runtime that was asked for, else in the one that its files are for.

    Raises:
        UsageError: If a file is missing, or the runtime is not installed.
        CheckpointError: If a file is not what its name says.
    """
    files = find(folder)
    name = name or ("litert" if files.model is None or files.text is None else "torch")
    if name == "litert":
        return _exported(files, folder)
    if files.model is None or files.text is None:
        raise UsageError(
            f"holds the LiteRT export alone, which {name} cannot run", where=str(folder), hint="leave --runtime away"
        )
    state, config = _state(files.model)
    config = with_settings(config, files.settings)
    text_state, text_config = _text_state(files.text)
    if text_config.width != config.cond_dim:
        raise CheckpointError(
            "is another T5 than this model was trained with",
            where=str(files.text),
            expected=f"width {config.cond_dim}",
            found=text_config.width,
        )
    build = _torch if name == "torch" else _mlx
    return build(config, state, text_config, text_state), lambda text: tokenize(text, files.tokenizer, config.prompt_tokens)


def tiny_runtime(name: RuntimeName | None = None, config: Config = TINY) -> tuple[Runtime, Tokenize]:
    """A random model of toy sizes, the same weights in torch and MLX; its sound means nothing.

    Raises:
        UsageError: If the runtime is not installed, or is LiteRT, which needs exported files.
    """
    if name == "litert":
        raise UsageError("a tiny model runs in torch or MLX", where="--runtime litert", hint="give --weights for LiteRT")
    state, text_state = random_state(plan(config), 1), random_state(families.signature("t5-encoder").plan(TINY_TEXT), 2)
    text_config = replace(TINY_TEXT, width=config.cond_dim)
    build = _mlx if name == "mlx" else _torch
    return build(config, state, text_config, text_state), lambda text: bytes_as_tokens(
        text, text_config.vocabulary, config.prompt_tokens
    )


def random_state(tensors: families._plan.Plan, seed: int) -> dict[str, Array]:
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


def _state(path: Path) -> tuple[dict[str, Array], Config]:
    """The model's tensors under their plain names, and its config."""
    checkpoint = open_checkpoint(path)
    detection = _detected(checkpoint, "stable-audio", path)
    if detection.layout == "mlx":
        raise CheckpointError("is in MLX's layout", where=str(path), hint=f"auscult convert {path} model.safetensors --to torch")
    kept = _within(checkpoint, plan(detection.config), detection.prefix)
    return kept, detection.config


def _text_state(path: Path) -> tuple[dict[str, Array], Any]:
    checkpoint = open_checkpoint(path)
    encoder = Checkpoint(path=str(path), format=checkpoint.format, tensors=_without_decoder(checkpoint))
    detection = _detected(encoder, "t5-encoder", path)
    return {name.removeprefix(detection.prefix): _floats(tensor) for name, tensor in encoder.items()}, detection.config


def _without_decoder(checkpoint: Checkpoint) -> dict[str, Any]:
    return {name: tensor for name, tensor in checkpoint.items() if not name.startswith(("decoder.", "lm_head."))}


def _detected(checkpoint: Checkpoint, family: str, path: Path) -> Any:
    for detection in families.detect({name: tensor.shape for name, tensor in checkpoint.items()}):
        if detection.family == family:
            return detection
    raise CheckpointError(f"is no {family} checkpoint", where=str(path), hint=f"auscult inspect {path} says what it is")


def _within(checkpoint: Checkpoint, tensors: families._plan.Plan, prefix: str) -> dict[str, Array]:
    """The tensors that the model has; pairs of weight norm count as the weight they stand for."""
    names = {name: tensor.shape for name, tensor in checkpoint.items()}
    plain = canonical(names)
    owner = {member: weight for weight, pair in plain.members.items() for member in pair}
    return {
        name.removeprefix(prefix): _floats(checkpoint[name])
        for name in names
        if name.startswith(prefix) and owner.get(name, name).removeprefix(prefix) in tensors
    }


def _floats(tensor: Any) -> Array:
    return np.array(tensor.values(), np.float32)


def _torch(config: Config, state: dict[str, Array], text: Any, text_state: dict[str, Array]) -> Runtime:
    try:
        import torch
    except ImportError as error:
        raise UsageError("running the model needs PyTorch", hint="pip install 'auscult[run]'") from error
    from auscult.families.stable_audio import torch as model
    from auscult.families.stable_audio.runtime_torch import TorchRuntime
    from auscult.families.t5_encoder import torch as encoder

    whole, words = model.build(config), encoder.build(text)
    model.load(whole, {name: torch.from_numpy(value) for name, value in state.items()})
    encoder.load(words, {name: torch.from_numpy(value) for name, value in text_state.items()})
    return TorchRuntime(whole, words)


def _mlx(config: Config, state: dict[str, Array], text: Any, text_state: dict[str, Array]) -> Runtime:
    try:
        import mlx.core  # noqa: F401
    except ImportError as error:
        raise UsageError("running the model needs MLX", hint="pip install 'auscult[mlx]'") from error
    from auscult.families.stable_audio import mlx as model
    from auscult.families.stable_audio.runtime_mlx import MlxRuntime
    from auscult.families.t5_encoder import mlx as encoder

    whole, words = model.build(config), encoder.build(text)
    model.load(whole, state)
    encoder.load(words, text_state)
    return MlxRuntime(whole, words)


def _exported(files: Files, folder: Path) -> tuple[Runtime, Tokenize]:
    if files.export is None:
        raise UsageError("holds no LiteRT export", where=str(folder), hint="put its three .tflite files there")
    from auscult.families.stable_audio.runtime_litert import LitertRuntime, config_of

    conditioners, transformer, autoencoder = files.export
    config = with_settings(config_of(transformer, autoencoder), files.settings)
    runtime = LitertRuntime(conditioners, transformer, autoencoder, config)
    return runtime, lambda text: tokenize(text, files.tokenizer, runtime.tokens)
