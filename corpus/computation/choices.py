"""What no weight shows: the choices of the small networks. Defaults are the reference's; a planted mistake changes one."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Choices:
    """One set for all networks; each uses the ones that concern it."""

    # transformer
    start: bool = True  # a start token is put in front
    first_position: int = 0
    zero_pads: bool = True
    pre_norm: bool = True
    residual: bool = True
    scale: str = "head"  # head, model, one
    mask: str = "keep"  # keep, drop, causal, add
    rope: str = "half"  # half, interleaved
    rope_first: bool = False  # before the norms of q and k
    shift: str = "aligned"  # aligned, unshifted, one late (of a conformer's relative positions)
    biases: str = "u, v"  # u, v; v, u; none
    gelu: str = "erf"  # erf, tanh, none
    conv_activation: bool = True
    embedding_factor: float = 1.0
    # flow decoder
    time_scale: float = 1000.0
    time_order: str = "sin-cos"
    number_scale: float = 1 / 256
    number_order: str = "x-sin-cos"
    concat: tuple[int, ...] = (0, 1, 2)
    blank: int = -1  # which of them is zeros
    skip: tuple[int, ...] = (0, 1)
    upsample: str = "nearest"  # nearest, linear, zeros
    causal: bool = True
    causal_mode: str = "zeros"
    cfg: str = "1+w"  # 1+w, w
    method: str = "euler"  # euler, midpoint
    schedule: str = "cosine"  # cosine, linear
    velocity: float = 1.0
    transform: bool = False
    reversed: bool = False  # the mel's channels
    seed: int = 0  # of the noise, where it is drawn inside
    # recurrent
    final: str = "tanh"  # tanh, none, clamp
    backwards: bool = False
    # iSTFT vocoder
    window_sum: str = "squares"  # squares, none
    trim: str = "centre"  # centre, none
    window: str = "hann"  # hann, hamming
    branch_mean: bool = True
    branches: tuple[int, ...] = (0, 1, 2)
    slope: float = 0.1
    phase_dtype: str = "float32"
    energy_dtype: str = "float32"
    negative_zero: bool = False
