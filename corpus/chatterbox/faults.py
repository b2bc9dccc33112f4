"""The faults that a real port of S3Gen had, each with the commit that mended it (github a10n-io/nightingale_TTS, main).

A fault is in the weights (what reaches the loader, under which name, in which order) or in the port's code.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

import mlx.core as mx
import numpy as np
from mlx import nn

from auscult.families.chatterbox_s3gen.mlx.encoder import RelativeAttention
from auscult.families.chatterbox_s3gen.mlx.estimator import Attention
from auscult.families.hift.mlx import F0Predictor
from corpus.chatterbox.system import PROMPT, SPEAKER, TOKENS, XVECTOR, Arrays, Port, loaded, weights

Weights = Callable[[Arrays], Arrays]
ESTIMATOR = "flow.decoder.estimator"
NOT_LOADED = "partial-load untrained modules-never-trained"
"""Many tensors, a few, or all of a kind of module that keep their initial values."""


@dataclass(frozen=True)
class Fault:
    """One fault, and what must be said of it.

    Attributes:
        commit: That mended it in the real port.
        was: What the port did.
        causes: Names that are right; more than one where two are.
        where: Parts of names: a place that the finding names has one of them.
        weights, code: What is done; one of the two.
    """

    name: str
    commit: str
    was: str
    causes: frozenset[str]
    where: tuple[str, ...]
    weights: Weights | None = None
    code: Callable[[Port], None] | None = None


def written(faults: Iterable[Fault]) -> Port:
    """The port with these faults."""
    chosen, given = list(faults), weights()
    for fault in chosen:
        if fault.weights is not None:
            given = fault.weights(given)
    port = loaded(given)
    for fault in chosen:
        if fault.code is not None:
            fault.code(port)
    return port


def renamed(old: str, new: str) -> Weights:
    """Under a name that the port does not know."""
    return lambda given: {name.replace(old, new): array for name, array in given.items()}


def exchanged(one: str, other: str) -> Weights:
    """Each under the other's name."""

    def change(given: Arrays) -> Arrays:
        swap = {one: other, other: one}
        return {
            next((name.replace(a, b) for a, b in swap.items() if a in name), name): array
            for name, array in given.items()
        }

    return change


def arranged(change: Callable[[np.ndarray], np.ndarray], *parts: str) -> Weights:
    """The weights of some layers in another order, of the same shape."""

    def apply(given: Arrays) -> Arrays:
        chosen = {
            name: array
            for name, array in given.items()
            if name.startswith(parts) and name.endswith(".weight")
        }
        moved = {name: change(array) for name, array in chosen.items() if array.ndim > 1}
        return given | {
            name: array for name, array in moved.items() if array.shape == given[name].shape
        }

    return apply


def column_major(array: np.ndarray) -> np.ndarray:
    """Read row by row what was written column by column, as a home-made .npy reader does that skips `fortran_order`."""
    return np.asarray(array).ravel("F").reshape(array.shape)


def stand_in(path: str, kind: type) -> Callable[[Port], None]:
    """A module computes as another class of the same tensors does."""

    def change(port: Port) -> None:
        module: Any = port
        for step in path.split("."):
            module = module[int(step)] if step.isdigit() else getattr(module, step)
        module.__class__ = kind

    return change


def between(place: str, function: Callable[..., Any]) -> Callable[[Port], None]:
    """Something else is done between two parts."""

    def change(port: Port) -> None:
        port.faulty[place] = function

    return change


class CausalAttention(Attention):
    """Every frame sees only itself and what lies before it."""

    def __call__(self, x: mx.array, bias: mx.array | None) -> mx.array:  # noqa: ARG002
        return super().__call__(x, nn.MultiHeadAttention.create_additive_causal_mask(x.shape[1]))


class CausalRelativeAttention(RelativeAttention):
    """The same, in the encoder."""

    def __call__(self, x: mx.array, positions: mx.array, mask: mx.array | None) -> mx.array:  # noqa: ARG002
        return super().__call__(
            x, positions, nn.MultiHeadAttention.create_additive_causal_mask(x.shape[1])
        )


class LoudPitch(F0Predictor):
    """In other units."""

    def __call__(self, mel: mx.array) -> mx.array:
        return 1.5 * super().__call__(mel)


def causal(port: Port) -> None:
    for blocks in (port.flow.decoder.estimator.down_blocks, port.flow.decoder.estimator.mid_blocks):
        for block in blocks:
            for transformer in block[1]:
                transformer.attn1.__class__ = CausalAttention


def causal_encoder(port: Port) -> None:
    for layer in port.flow.encoder.encoders:
        layer.self_attn.__class__ = CausalRelativeAttention


def guidance(port: Port) -> None:
    """w·conditional + (1 - w)·unconditional with w = 0.7."""
    port.flow.decoder.config = replace(port.flow.decoder.config, guidance=-0.3)


def time_scale(port: Port) -> None:
    port.flow.decoder.estimator.time_mlp.scale = 1.0


def last_slope(port: Port) -> None:
    port.mel2wav.config = replace(port.mel2wav.config, final_slope=0.1)


def other_eps(port: Port) -> None:
    for layer in [*port.flow.encoder.encoders, *port.flow.encoder.up_encoders]:
        layer.norm_mha.eps = layer.norm_ff.eps = 1e-2


def without_norm(port: Port) -> None:
    port.flow.encoder.embed.out[1] = nn.Identity()


def without_bias(port: Port) -> None:
    for block in port.flow.decoder.estimator.mid_blocks:
        for transformer in block[1]:
            transformer.attn1.to_out[0].pop("bias")


def pitch(port: Port) -> None:
    port.mel2wav.f0_predictor.__class__ = LoudPitch


def other_speaker(xvector: mx.array, speaker: mx.array) -> tuple[mx.array, mx.array]:
    """Both are vectors of the speaker; the longer is cut, the shorter filled up."""
    return speaker[:, :XVECTOR], mx.pad(xvector, [(0, 0), (0, SPEAKER - XVECTOR)])


def own_noise(port: Port) -> None:
    """A fixed table of noise, as older implementations have it."""
    table = (
        np.random.default_rng(7)
        .standard_normal((1, 2 * (PROMPT + TOKENS), port.flow.config.mel_bins))
        .astype(np.float32)
    )
    port.faulty["noise"] = lambda: mx.array(table)


def fault(  # noqa: PLR0917 - a line of the table
    name: str,
    commit: str,
    was: str,
    causes: str,
    where: str,
    plant: Weights | None = None,
    **code: Any,
) -> Fault:
    return Fault(name, commit, was, frozenset(causes.split()), tuple(where.split()), plant, **code)


FAULTS: tuple[Fault, ...] = (
    fault(
        "estimator-prefix",
        "982e281",
        "the estimator's names lack their prefix: none is loaded",
        NOT_LOADED,
        ESTIMATOR,
        renamed(f"{ESTIMATOR}.", "estimator."),
    ),
    fault(
        "attention-names",
        "0e304fd",
        "attn1 is called attention: not loaded",
        NOT_LOADED,
        ".attn1.",
        renamed(".attn1.", ".attention."),
    ),
    fault(
        "time-names",
        "4b168d1",
        "mlp.1 is called mlpLinear: not loaded",
        NOT_LOADED,
        ".0.0.mlp.",
        renamed(".mlp.1.", ".mlpLinear."),
    ),
    fault(
        "residual-names",
        "4b168d1",
        "res_conv is called resConv: not loaded",
        NOT_LOADED,
        ".res_conv",
        renamed(".res_conv.", ".resConv."),
    ),
    fault(
        "feed-forward-names",
        "f86c8c7",
        "ff.net is called ff.layers: not loaded",
        NOT_LOADED,
        ".1.0.ff.",
        renamed(".ff.net.", ".ff.layers."),
    ),
    fault(
        "final-projection",
        "ef7aa6a",
        "final_proj is not loaded",
        NOT_LOADED,
        f"{ESTIMATOR}.final_proj",
        renamed(".final_proj.", ".finalProj."),
    ),
    fault(
        "encoder-names",
        "63f6753",
        "the encoder's layers are numbered in another way: not loaded",
        NOT_LOADED,
        "flow.encoder.encoders",
        renamed(".encoders.", ".encoders_"),
    ),
    fault(
        "vocoder-weights",
        "1d2e193",
        "the vocoder's weights are never passed in",
        NOT_LOADED,
        "mel2wav",
        renamed("mel2wav.", "vocoder."),
    ),
    fault(
        "source-resblocks",
        "5f9d00e",
        "source_resblocks are not loaded",
        NOT_LOADED,
        "mel2wav.source_resblocks",
        renamed(".source_resblocks.", ".sourceResBlocks."),
    ),
    fault(
        "norm3-for-norm1",
        "a252e5c",
        "norm1 and norm3 are exchanged",
        "swapped",
        ".norm3",
        exchanged(".norm1.", ".norm3."),
    ),
    fault(
        "norm3-names",
        "a252e5c",
        "norm3 is called norm2: not loaded",
        NOT_LOADED,
        ".norm3",
        renamed(".norm3.", ".norm2."),
    ),
    fault(
        "fortran-order",
        "fc172cb",
        "column-major .npy files are read row by row",
        "layout-fortran",
        "flow.encoder.encoders",
        arranged(column_major, "flow.encoder.encoders."),
    ),
    fault(
        "double-transpose",
        "86d5db7",
        "square linear weights are transposed, which none needs",
        "layout-linear",
        "flow.encoder.encoders.0.self_attn",
        arranged(np.transpose, "flow.encoder.encoders.0.self_attn.linear_"),
    ),
    fault(
        "output-bias",
        "53b336e",
        "the attention's output has no bias",
        "bias-missing",
        f"{ESTIMATOR}.mid_blocks.0.1.0.attn1.to_out.0",
        code=without_bias,
    ),
    fault(
        "guidance",
        "c4477e8",
        "w c + (1 - w) u for (1 + w) c - w u",
        "cfg-formula",
        ESTIMATOR,
        code=guidance,
    ),
    fault(
        "causal-mask",
        "b03bc74",
        "the estimator's attention is causal",
        "attention-mask",
        "estimator.down_blocks.0.1.0.attn1",
        code=causal,
    ),
    fault(
        "causal-encoder",
        "b03bc74",
        "the encoder's attention is causal",
        "attention-mask",
        "flow.encoder.encoders.0.self_attn",
        code=causal_encoder,
    ),
    fault(
        "time-scale",
        "808a309",
        "the time embedding's scale is 1, not 1000",
        "time-embedding-scale",
        f"{ESTIMATOR}.time_mlp",
        code=time_scale,
    ),
    fault(
        "norm-eps",
        "a guess of ours",
        "the encoder's norms have another eps",
        "layer-norm-eps",
        "flow.encoder.encoders.0.norm_mha",
        code=other_eps,
    ),
    fault(
        "embed-norm",
        "679872e",
        "the embedding's norm is an identity",
        "norm-missing",
        "flow.encoder.embed",
        code=without_norm,
    ),
    fault(
        "speaker-vectors",
        "9211f62",
        "S3Gen is given T3's vector, T3 S3Gen's",
        "wiring",
        "spkr_enc",
        code=between("speakers", other_speaker),
    ),
    fault(
        "noise-table",
        "8c654f7",
        "the flow starts from a table of its own",
        "noise-differs",
        "flow.decoder",
        code=own_noise,
    ),
    fault(
        "mel-transform",
        "093b19d",
        "mel * 2.5 - 5",
        "transform-invented",
        "mel2wav",
        code=between("mel", lambda mel: 2.5 * mel - 5),
    ),
    fault(
        "mel-reversed",
        "093b19d",
        "the mel's channels are reversed",
        "channels-reversed",
        "mel2wav",
        code=between("mel", lambda mel: mel[..., ::-1]),
    ),
    fault(
        "mel-clamp",
        "a4d1cec",
        "the mel is clamped to 0",
        "activation-extra",
        "mel2wav",
        code=between("mel", lambda mel: mx.minimum(mel, 0)),
    ),
    fault(
        "mel-gain",
        "f4ce382",
        "1.5 dB are added to the mel",
        "transform-invented",
        "mel2wav",
        code=between("mel", lambda mel: mel + 1.5 * math.log(10) / 20),
    ),
    fault(
        "pitch",
        "8a0824b",
        "F0 is scaled",
        "factor transform-invented",
        "mel2wav.f0_predictor mel2wav.m_source",
        code=pitch,
    ),
    fault(
        "last-slope",
        "4dcde57",
        "the last leaky ReLU has slope 0.1, not 0.01",
        "leaky-slope",
        "mel2wav.conv_post",
        code=last_slope,
    ),
)
