"""How mlx-audio 0.6.2 calls the tensors of S3Gen: torch name -> MLX name."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

Value = TypeVar("Value")

STAGE = re.compile(r"flow\.decoder\.estimator\.(down|mid|up)_blocks\.(\d+)\.([012])\.?(.*)")
TRANSFORMER = (
    ("attn1.to_q.", "attn.query_proj."),
    ("attn1.to_k.", "attn.key_proj."),
    ("attn1.to_v.", "attn.value_proj."),
    ("attn1.to_out.0.", "attn.out_proj."),
    ("ff.net.0.proj.", "ff.layers.0."),
    ("ff.net.2.", "ff.layers.1."),
)
BLOCK = (("block.0.", "conv.conv."), ("block.2.", "norm."), ("mlp.1.", "mlp_linear."))
ENCODER = re.compile(r"(flow\.encoder\.)(up_)?(encoders)\.(\d+)\.")
CONDNET = re.compile(r"(mel2wav\.f0_predictor\.condnet\.)(\d+)")
DENSE = re.compile(r"speaker_encoder\.xvector\.block(\d+)\.tdnnd(\d+)\.(.*)")
TRANSIT = re.compile(r"speaker_encoder\.xvector\.transit(\d+)\.(.*)")


def to_mlx(name: str) -> str:
    """The port's name of a tensor that torch calls `name` (weight norm fused)."""
    part = name.partition(".")[0]
    rename = PARTS.get(part)
    return rename(name) if rename else name


def _flow(name: str) -> str:
    stage = STAGE.fullmatch(name)
    if stage:
        side, index, child, rest = stage.groups()
        stem = f"flow.decoder.estimator.{side}_blocks_{index}"
        if child == "0":
            return f"{stem}.resnet.{_replace(rest, BLOCK)}"
        if child == "1":
            layer, _, inner = rest.partition(".")
            return f"{stem}.transformer_{layer}.{_replace(inner, TRANSFORMER)}"
        return f"{stem}.{'downsample' if side == 'down' else 'upsample'}.conv.{rest}"
    if ".final_block." in name:
        return _replace(name, BLOCK)
    name = ENCODER.sub(lambda match: f"{match[1]}{match[2] or ''}{match[3]}_{match[4]}.", name)
    return _replace(name, (("embed.out.0.", "embed.linear."), ("embed.out.1.", "embed.norm.")))


def _mel2wav(name: str) -> str:
    return CONDNET.sub(lambda match: f"{match[1]}{int(match[2]) // 2}", name)


def _speaker(name: str) -> str:
    dense, transit = DENSE.fullmatch(name), TRANSIT.fullmatch(name)
    if dense:
        name = f"speaker_encoder.blocks.{int(dense[1]) - 1}.layers.{int(dense[2]) - 1}.{dense[3]}"
    elif transit:
        name = f"speaker_encoder.transits.{int(transit[1]) - 1}.{transit[2]}"
    return name.replace(".xvector.", ".").replace(".batchnorm.", ".0.")


def _replace(text: str, pairs: tuple[tuple[str, str], ...]) -> str:
    for old, new in pairs:
        text = text.replace(old, new)
    return text


PARTS: dict[str, Callable[[str], str]] = {
    "flow": _flow,
    "mel2wav": _mel2wav,
    "speaker_encoder": _speaker,
}


MLX_BUFFERS = (
    "flow.encoder.embed.pos_enc.pe",
    "flow.encoder.up_embed.pos_enc.pe",
    "flow.decoder.rand_noise",
    "mel2wav.stft_window",
    "trim_fade",
)
"""What the port's files have besides weights."""


def released(
    state: Mapping[str, Value], names: Iterable[str], prefix: str = ""
) -> dict[str, Value]:
    """The weights of a state under the names that torch has for them, whoever named them, without `prefix`.

    The port's `condnet.2` is torch's `condnet.4`, and torch has a `condnet.2` as well: names are translated only where some
    are the port's alone.
    """
    inner = {
        name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)
    }
    known = set(names)
    translated = {to_mlx(name): name for name in known}
    if not any(name in inner for name in set(translated) - known):
        return {name: value for name, value in inner.items() if name not in MLX_BUFFERS}
    return {
        translated.get(name, name): value
        for name, value in inner.items()
        if name not in MLX_BUFFERS
    }
