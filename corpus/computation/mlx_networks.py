"""The same networks in MLX: channel-last, with other names and other granularity."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Literal

import mlx.core as mx
import numpy as np
from mlx import nn

from corpus.computation.choices import Choices

WIDTH, HEADS, HOP, N_FFT = 24, 2, 4, 16


def gelu(x: mx.array, kind: str) -> mx.array:
    return x if kind == "none" else nn.gelu_approx(x) if kind == "tanh" else nn.gelu(x)


def rotate_positions(x: mx.array, how: str) -> mx.array:
    """x [batch, heads, time, width]."""
    half = x.shape[-1] // 2
    angles = mx.arange(x.shape[2])[:, None] * 10000.0 ** (-mx.arange(half) / half)
    cos, sin = mx.cos(angles), mx.sin(angles)
    a, b = (x[..., 0::2], x[..., 1::2]) if how == "interleaved" else (x[..., :half], x[..., half:])
    turned = [a * cos - b * sin, a * sin + b * cos]
    return (
        mx.stack(turned, -1).reshape(x.shape)
        if how == "interleaved"
        else mx.concatenate(turned, -1)
    )


class Attention(nn.Module):
    def __init__(self, choices: Choices) -> None:
        super().__init__()
        self.choices, self.num_heads = choices, HEADS
        self.query_proj = nn.Linear(WIDTH, WIDTH, bias=False)
        self.key_proj = nn.Linear(WIDTH, WIDTH, bias=False)
        self.value_proj = nn.Linear(WIDTH, WIDTH, bias=False)
        self.query_norm = nn.LayerNorm(WIDTH // HEADS)
        self.key_norm = nn.LayerNorm(WIDTH // HEADS)
        self.out_proj = nn.Linear(WIDTH, WIDTH)

    def split(self, x: mx.array) -> mx.array:
        return x.reshape(*x.shape[:2], HEADS, -1).transpose(0, 2, 1, 3)

    def __call__(self, x: mx.array, mask: mx.array) -> mx.array:
        c = self.choices
        q, k, v = (self.split(f(x)) for f in (self.query_proj, self.key_proj, self.value_proj))
        if c.rope_first:
            q, k = (
                self.query_norm(rotate_positions(q, c.rope)),
                self.key_norm(rotate_positions(k, c.rope)),
            )
        else:
            q, k = (
                rotate_positions(self.query_norm(q), c.rope),
                rotate_positions(self.key_norm(k), c.rope),
            )
        width = {"head": WIDTH // HEADS, "model": WIDTH, "one": 1}[c.scale]
        scores = q @ k.transpose(0, 1, 3, 2) / math.sqrt(width)
        is_visible = mask[:, None, None, :] > 0
        if c.mask == "add":
            scores = scores + mask[:, None, None, :]
        elif c.mask == "causal":
            scores = mx.where(mx.tril(mx.ones(scores.shape[-2:])) > 0, scores, -mx.inf)
        else:
            scores = mx.where(~is_visible if c.mask == "drop" else is_visible, scores, -mx.inf)
        y = mx.softmax(scores, -1) @ v
        return self.out_proj(y.transpose(0, 2, 1, 3).reshape(x.shape))


class Block(nn.Module):
    def __init__(self, choices: Choices, attention: nn.Module | None = None) -> None:
        super().__init__()
        self.choices = choices
        self.ln_a = nn.LayerNorm(WIDTH)
        self.attention = attention or Attention(choices)
        self.ln_c = nn.LayerNorm(WIDTH)
        self.dw = nn.Conv1d(WIDTH, WIDTH, 5, padding=2, groups=WIDTH)
        self.bn = nn.BatchNorm(WIDTH)
        self.pw = nn.Conv1d(WIDTH, WIDTH, 1)
        self.ln_f = nn.LayerNorm(WIDTH)
        self.ff_in = nn.Linear(WIDTH, 2 * WIDTH)
        self.drop = nn.Dropout(0.2)
        self.ff_out = nn.Linear(2 * WIDTH, WIDTH)

    def __call__(self, x: mx.array, mask: mx.array) -> mx.array:
        c = self.choices
        x = (
            x + self.attention(self.ln_a(x), mask)
            if c.pre_norm
            else self.ln_a(x + self.attention(x, mask))
        )
        y = self.bn(self.dw(self.ln_c(x)))
        y = self.pw(nn.silu(y) if c.conv_activation else y)
        x = x + y if c.residual else y
        return x + self.ff_out(self.drop(gelu(self.ff_in(self.ln_f(x)), c.gelu)))


class Transformer(nn.Module):
    def __init__(self, choices: Choices = Choices()) -> None:  # noqa: B008
        super().__init__()
        self.choices = choices
        self.tok = nn.Embedding(40, WIDTH)
        self.pos = nn.Embedding(64, WIDTH)
        self.layers = [Block(choices) for _ in range(2)]
        self.ln_out = nn.LayerNorm(WIDTH)
        self.lm_head = nn.Linear(WIDTH, 40)

    def __call__(self, ids: mx.array, mask: mx.array) -> mx.array:
        c = self.choices
        if c.start:
            ids = mx.concatenate([mx.zeros_like(ids[:, :1]), ids], 1)
        else:
            mask = mask[:, 1:]
        x = c.embedding_factor * self.tok(ids) + self.pos(
            mx.arange(ids.shape[1]) + c.first_position
        )
        x = x * mask[..., None] if c.zero_pads else x
        for layer in self.layers:
            x = layer(x, mask)
        return self.lm_head(self.ln_out(x))


class TimeEmbedding(nn.Module):
    def __init__(self, choices: Choices) -> None:
        super().__init__()
        self.choices = choices

    def __call__(self, t: mx.array) -> mx.array:
        half = WIDTH // 2
        angles = (
            self.choices.time_scale
            * t[:, None]
            * mx.exp(-mx.arange(half) * (math.log(10000) / (half - 1)))
        )
        parts = {"sin": mx.sin(angles), "cos": mx.cos(angles)}
        return mx.concatenate([parts[name] for name in self.choices.time_order.split("-")], -1)


class NumberEmbedding(nn.Module):
    def __init__(self, choices: Choices) -> None:
        super().__init__()
        self.choices = choices
        self.weights = mx.zeros(6)

    def __call__(self, number: mx.array) -> mx.array:
        x = number[:, None] * self.choices.number_scale
        angles = 2 * math.pi * x * self.weights
        parts = {"x": x, "sin": mx.sin(angles), "cos": mx.cos(angles)}
        return mx.concatenate([parts[name] for name in self.choices.number_order.split("-")], -1)


class Estimator(nn.Module):
    """x, mu, cond [batch, time, 8] and t [batch] give a velocity [batch, time, 8]."""

    def __init__(self, choices: Choices) -> None:
        super().__init__()
        self.choices = choices
        self.t_emb = TimeEmbedding(choices)
        self.t_lin = nn.Linear(WIDTH, WIDTH)
        self.conv_a = nn.Conv1d(24, WIDTH, 3)
        self.gn_a = nn.GroupNorm(4, WIDTH, pytorch_compatible=True)
        self.conv_b = nn.Conv1d(WIDTH, WIDTH, 3, dilation=2, padding=2)
        self.gn_b = nn.GroupNorm(4, WIDTH, pytorch_compatible=True)
        self.merge = nn.Conv1d(2 * WIDTH, WIDTH, 1)
        self.last = nn.Conv1d(WIDTH, 8, 1)

    def __call__(self, x: mx.array, mu: mx.array, cond: mx.array, t: mx.array) -> mx.array:
        c = self.choices
        time = nn.silu(self.t_lin(self.t_emb(t)))
        parts = (x, mu, cond)
        joined = mx.concatenate([0 * parts[i] if i == c.blank else parts[i] for i in c.concat], -1)
        left, right = (2, 0) if c.causal else (1, 1)
        mode: Literal["edge", "constant"] = "edge" if c.causal_mode == "replicate" else "constant"
        joined = mx.pad(joined, [(0, 0), (left, right), (0, 0)], mode=mode)
        h = nn.mish(self.gn_a(self.conv_a(joined))) + time[:, None]
        g = nn.mish(self.gn_b(self.conv_b(h)))
        skip_inputs = (g, h)
        return c.velocity * self.last(
            self.merge(mx.concatenate([skip_inputs[i] for i in c.skip], -1))
        )


class Flow(nn.Module):
    """tokens [batch, time, 8], seconds [batch] and noise [batch, 2 time, 8] give mel [batch, 2 time, 8]."""

    steps = 10

    def __init__(self, choices: Choices = Choices()) -> None:  # noqa: B008
        super().__init__()
        self.choices = choices
        self.seconds_emb = NumberEmbedding(choices)
        self.seconds_lin = nn.Linear(13, 8)
        self.up_conv = nn.Conv1d(8, 8, 3, padding=1)
        self.decoder = Estimator(choices)

    def lengthen(self, x: mx.array) -> mx.array:
        how = self.choices.upsample
        if how == "zeros":
            return mx.stack([x, mx.zeros_like(x)], 2).reshape(x.shape[0], -1, x.shape[2])
        if how == "linear":
            return nn.Upsample(2, "linear")(x)
        return mx.repeat(x, 2, axis=1)

    def __call__(self, tokens: mx.array, seconds: mx.array, noise: mx.array) -> mx.array:
        c = self.choices
        if c.seed:
            noise = mx.random.normal(noise.shape, key=mx.random.key(c.seed))
        cond = self.seconds_lin(self.seconds_emb(seconds))[:, None]
        mu = self.up_conv(self.lengthen(tokens))
        cond = mx.broadcast_to(cond, mu.shape)
        span = np.linspace(0, 1, self.steps + 1)
        times = [
            float(t) for t in (1 - np.cos(np.pi / 2 * span) if c.schedule == "cosine" else span)
        ]
        x = noise
        for now, after in pairwise(times):
            if c.method == "midpoint":
                half = x + (after - now) / 2 * self.velocity(x, mu, cond, now)
                x = x + (after - now) * self.velocity(half, mu, cond, (now + after) / 2)
            else:
                x = x + (after - now) * self.velocity(x, mu, cond, now)
        x = x[..., ::-1] if c.reversed else x
        return 0.75 * x - 5 if c.transform else x

    def velocity(self, x: mx.array, mu: mx.array, cond: mx.array, t: float) -> mx.array:
        twice = (
            mx.concatenate([x, x]),
            mx.concatenate([mu, 0 * mu]),
            mx.concatenate([cond, 0 * cond]),
        )
        with_, without = mx.split(self.decoder(*twice, mx.full((2 * len(x),), t)), 2)
        return (
            1.7 * with_ - 0.7 * without
            if self.choices.cfg == "1+w"
            else 0.7 * with_ + 0.3 * without
        )


class Recurrent(nn.Module):
    def __init__(self, choices: Choices = Choices()) -> None:  # noqa: B008
        super().__init__()
        self.choices = choices
        self.front_lin = nn.Linear(8, WIDTH)
        self.rnn1 = nn.LSTM(WIDTH, WIDTH)
        self.ln = nn.LayerNorm(WIDTH)
        self.drop = nn.Dropout(0.3)
        self.rnn2 = nn.GRU(WIDTH, WIDTH)
        self.unit_head = nn.Linear(WIDTH, 40)
        self.unit_emb = nn.Embedding(40, WIDTH)
        self.final = nn.Linear(WIDTH, 8)

    def __call__(self, frames: mx.array) -> mx.array:
        c = self.choices
        x = nn.relu(self.front_lin(frames)) if c.conv_activation else self.front_lin(frames)
        y, _ = self.rnn1(x[:, ::-1] if c.backwards else x)
        x = x + y if c.residual else y
        y = self.rnn2(self.drop(self.ln(x)))
        units = self.unit_emb(mx.argmax(self.unit_head(y), -1))
        z = self.final(units + y)
        if c.final == "clamp":
            return mx.clip(mx.tanh(z), -0.5, 0.5)
        return mx.tanh(z) if c.final == "tanh" else z


class ConvNext(nn.Module):
    def __init__(self, choices: Choices) -> None:
        super().__init__()
        self.choices = choices
        self.dw = nn.Conv1d(WIDTH, WIDTH, 7, padding=3, groups=WIDTH)
        self.ln = nn.LayerNorm(WIDTH, eps=1e-6)
        self.pw_in = nn.Linear(WIDTH, 2 * WIDTH)
        self.pw_out = nn.Linear(2 * WIDTH, WIDTH)
        self.gamma = mx.zeros(WIDTH)

    def __call__(self, x: mx.array) -> mx.array:
        y = self.gamma * self.pw_out(gelu(self.pw_in(self.ln(self.dw(x))), self.choices.gelu))
        return x + y if self.choices.residual else y


class CumulativePhase(nn.Module):
    def __init__(self, choices: Choices) -> None:
        super().__init__()
        self.choices = choices

    def __call__(self, cycles: mx.array) -> mx.array:
        return mx.cumsum(cycles.astype(getattr(mx, self.choices.phase_dtype)), -1).astype(
            mx.float32
        )


class Energy(nn.Module):
    def __init__(self, choices: Choices) -> None:
        super().__init__()
        self.choices = choices

    def __call__(self, x: mx.array) -> mx.array:
        wide = mx.square((200 * x).astype(getattr(mx, self.choices.energy_dtype)))
        return mx.log1p(wide.astype(mx.float32)).astype(x.dtype)


class Angle(nn.Module):
    def __init__(self, choices: Choices) -> None:
        super().__init__()
        self.choices = choices

    def __call__(self, real: mx.array, imaginary: mx.array) -> mx.array:
        if self.choices.negative_zero:
            imaginary = mx.where(imaginary == 0, -0.0, imaginary)
        return mx.arctan2(imaginary, real)


class InverseSTFT(nn.Module):
    def __init__(self, choices: Choices) -> None:
        super().__init__()
        self.choices = choices
        share = 0.5 if choices.window == "hann" else 0.54
        self._window = mx.array(
            (share - (1 - share) * np.cos(2 * np.pi * np.arange(N_FFT) / N_FFT)).astype(np.float32)
        )

    def overlap(self, frames: mx.array) -> mx.array:
        count = frames.shape[1]
        total = mx.zeros((frames.shape[0], (count - 1) * HOP + N_FFT))
        for index in range(count):
            total[:, index * HOP : index * HOP + N_FFT] += frames[:, index]
        return total

    def __call__(self, magnitude: mx.array, phase: mx.array) -> mx.array:
        """[batch, frames, bins] twice give [batch, samples]."""
        spectrum = magnitude * mx.cos(phase) + 1j * magnitude * mx.sin(phase)
        frames = mx.fft.irfft(spectrum, N_FFT, axis=-1) * self._window
        y = self.overlap(frames)
        if self.choices.window_sum == "squares":
            y = y / mx.maximum(
                self.overlap(mx.broadcast_to(mx.square(self._window), frames.shape)), 1e-3
            )
        return y[:, N_FFT // 2 : -N_FFT // 2] if self.choices.trim == "centre" else y[:, :-N_FFT]


class Vocoder(nn.Module):
    """mel [batch, time, 8] and f0 [batch, time] give samples."""

    def __init__(self, choices: Choices = Choices()) -> None:  # noqa: B008
        super().__init__()
        self.choices = choices
        self.stem = nn.Conv1d(8, WIDTH, 7, padding=3)
        self.ln_in = nn.LayerNorm(WIDTH, eps=1e-6)
        self.branches = [ConvNext(choices) for _ in range(3)]
        self.after = nn.Conv1d(WIDTH, WIDTH, 1)
        self.accumulate = CumulativePhase(choices)
        self.sine = nn.Conv1d(1, WIDTH, 1)
        self.power = Energy(choices)
        self.power_lin = nn.Linear(WIDTH, WIDTH)
        self.ln_out = nn.LayerNorm(WIDTH, eps=1e-6)
        self.spec_head = nn.Linear(WIDTH, 3 * (N_FFT // 2 + 1))
        self.arctan = Angle(choices)
        self.inverse = InverseSTFT(choices)

    def __call__(self, mel: mx.array, f0: mx.array) -> mx.array:
        c = self.choices
        x = self.ln_in(self.stem(mel))
        outputs = [branch(x) for branch in self.branches]
        total = sum(outputs[index] for index in c.branches)
        x = self.after(nn.leaky_relu(total / 3 if c.branch_mean else total, c.slope))
        x = x + self.sine(mx.sin(2 * math.pi * self.accumulate(f0))[..., None])
        x = x + self.power_lin(self.power(x))
        log, real, imaginary = mx.split(self.spec_head(self.ln_out(x)), 3, -1)
        imaginary = imaginary * mx.array([0.0] + [1.0] * (N_FFT // 2 - 1) + [0.0])
        return self.inverse(mx.exp(mx.minimum(log, 4.6)), self.arctan(real, imaginary))
