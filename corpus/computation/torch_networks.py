"""Small networks of the kinds that audio models are made of, in PyTorch: the references, and candidates with other choices."""

from __future__ import annotations

import math
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from corpus.computation.choices import Choices

WIDTH, HEADS, HOP, N_FFT = 24, 2, 4, 16


def gelu(x: Tensor, kind: str) -> Tensor:
    return (
        x
        if kind == "none"
        else functional.gelu(x, approximate="tanh" if kind == "tanh" else "none")
    )


def rotate_positions(x: Tensor, how: str) -> Tensor:
    """x [batch, heads, time, width]."""
    half = x.shape[-1] // 2
    angles = torch.arange(x.shape[2])[:, None] * 10000.0 ** (-torch.arange(half) / half)
    cos, sin = angles.cos().to(x.dtype), angles.sin().to(x.dtype)
    a, b = (x[..., 0::2], x[..., 1::2]) if how == "interleaved" else (x[..., :half], x[..., half:])
    turned = (a * cos - b * sin, a * sin + b * cos)
    return torch.stack(turned, -1).flatten(-2) if how == "interleaved" else torch.cat(turned, -1)


class Attention(nn.Module):
    def __init__(self, choices: Choices) -> None:
        super().__init__()
        self.choices, self.num_heads = choices, HEADS
        self.to_q = nn.Linear(WIDTH, WIDTH, bias=False)
        self.to_k = nn.Linear(WIDTH, WIDTH, bias=False)
        self.to_v = nn.Linear(WIDTH, WIDTH, bias=False)
        self.q_norm = nn.LayerNorm(WIDTH // HEADS)
        self.k_norm = nn.LayerNorm(WIDTH // HEADS)
        self.to_out = nn.Linear(WIDTH, WIDTH)

    def split(self, x: Tensor) -> Tensor:
        return x.unflatten(-1, (HEADS, -1)).transpose(1, 2)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        c = self.choices
        q, k, v = (self.split(f(x)) for f in (self.to_q, self.to_k, self.to_v))
        if c.rope_first:
            q, k = (
                self.q_norm(rotate_positions(q, c.rope)),
                self.k_norm(rotate_positions(k, c.rope)),
            )
        else:
            q, k = (
                rotate_positions(self.q_norm(q), c.rope),
                rotate_positions(self.k_norm(k), c.rope),
            )
        width = {"head": WIDTH // HEADS, "model": WIDTH, "one": 1}[c.scale]
        scores = q @ k.transpose(-1, -2) / math.sqrt(width)
        is_visible = mask[:, None, None, :] > 0
        if c.mask == "add":
            scores = scores + mask[:, None, None, :]
        elif c.mask == "causal":
            scores = scores.masked_fill(
                ~torch.ones_like(scores, dtype=torch.bool).tril(), -torch.inf
            )
        else:
            scores = scores.masked_fill(is_visible if c.mask == "drop" else ~is_visible, -torch.inf)
        return self.to_out((scores.softmax(-1) @ v).transpose(1, 2).flatten(2))


class Block(nn.Module):
    def __init__(self, choices: Choices, attention: nn.Module | None = None) -> None:
        super().__init__()
        self.choices = choices
        self.norm1 = nn.LayerNorm(WIDTH)
        self.attn = attention or Attention(choices)
        self.conv_norm = nn.LayerNorm(WIDTH)
        self.depthwise = nn.Conv1d(WIDTH, WIDTH, 5, padding=2, groups=WIDTH)
        self.batch_norm = nn.BatchNorm1d(WIDTH)
        self.pointwise = nn.Conv1d(WIDTH, WIDTH, 1)
        self.norm2 = nn.LayerNorm(WIDTH)
        self.fc1 = nn.Linear(WIDTH, 2 * WIDTH)
        self.dropout = nn.Dropout(0.2)
        self.fc2 = nn.Linear(2 * WIDTH, WIDTH)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        c = self.choices
        x = x + self.attn(self.norm1(x), mask) if c.pre_norm else self.norm1(x + self.attn(x, mask))
        y = self.batch_norm(self.depthwise(self.conv_norm(x).transpose(1, 2)))
        y = self.pointwise(functional.silu(y) if c.conv_activation else y).transpose(1, 2)
        x = x + y if c.residual else y
        return x + self.fc2(self.dropout(gelu(self.fc1(self.norm2(x)), c.gelu)))


class Transformer(nn.Module):
    """Called with ids [batch, time] and mask [batch, 1 + time], gives scores [batch, 1 + time, 40]."""

    def __init__(self, choices: Choices = Choices()) -> None:  # noqa: B008
        super().__init__()
        self.choices = choices
        self.embed = nn.Embedding(40, WIDTH)
        self.positions = nn.Embedding(64, WIDTH)
        self.blocks = nn.ModuleList(Block(choices) for _ in range(2))
        self.norm = nn.LayerNorm(WIDTH)
        self.head = nn.Linear(WIDTH, 40)

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        c = self.choices
        if c.start:
            ids = torch.cat([torch.zeros_like(ids[:, :1]), ids], 1)
        else:
            mask = mask[:, 1:]
        x = c.embedding_factor * self.embed(ids) + self.positions(
            torch.arange(ids.shape[1]) + c.first_position
        )
        x = x * mask[..., None] if c.zero_pads else x
        for block in self.blocks:
            x = block(x, mask)
        return self.head(self.norm(x))


class TimeEmbedding(nn.Module):
    def __init__(self, choices: Choices) -> None:
        super().__init__()
        self.choices = choices

    def forward(self, t: Tensor) -> Tensor:
        half = WIDTH // 2
        wide = t if t.dtype == torch.float64 else t.float()
        steps = torch.arange(half, dtype=wide.dtype)
        angles = (
            self.choices.time_scale
            * wide[:, None]
            * torch.exp(-steps * (math.log(10000) / (half - 1)))
        )
        parts = {"sin": angles.sin(), "cos": angles.cos()}
        return torch.cat([parts[name] for name in self.choices.time_order.split("-")], -1).to(
            t.dtype
        )


class NumberEmbedding(nn.Module):
    def __init__(self, choices: Choices) -> None:
        super().__init__()
        self.choices = choices
        self.weights = nn.Parameter(torch.randn(6))

    def forward(self, number: Tensor) -> Tensor:
        x = number[:, None] * self.choices.number_scale
        angles = 2 * math.pi * x * self.weights
        parts = {"x": x, "sin": angles.sin(), "cos": angles.cos()}
        return torch.cat([parts[name] for name in self.choices.number_order.split("-")], -1)


class Estimator(nn.Module):
    """x, mu, cond [batch, 8, time] and t [batch] give a velocity [batch, 8, time]."""

    def __init__(self, choices: Choices) -> None:
        super().__init__()
        self.choices = choices
        self.time_embedding = TimeEmbedding(choices)
        self.time_mlp = nn.Linear(WIDTH, WIDTH)
        self.conv1 = nn.Conv1d(24, WIDTH, 3)
        self.norm1 = nn.GroupNorm(4, WIDTH)
        self.conv2 = nn.Conv1d(WIDTH, WIDTH, 3, dilation=2, padding=2)
        self.norm2 = nn.GroupNorm(4, WIDTH)
        self.mix = nn.Conv1d(2 * WIDTH, WIDTH, 1)
        self.project = nn.Conv1d(WIDTH, 8, 1)

    def forward(self, x: Tensor, mu: Tensor, cond: Tensor, t: Tensor) -> Tensor:
        c = self.choices
        time = functional.silu(self.time_mlp(self.time_embedding(t)))
        parts = (x, mu, cond)
        joined = torch.cat([0 * parts[i] if i == c.blank else parts[i] for i in c.concat], 1)
        mode = {"zeros": "constant"}.get(c.causal_mode, c.causal_mode)
        joined = functional.pad(joined, (2, 0) if c.causal else (1, 1), mode=mode)
        h = functional.mish(self.norm1(self.conv1(joined))) + time[:, :, None]
        g = functional.mish(self.norm2(self.conv2(h)))
        skip_inputs = (g, h)
        return c.velocity * self.project(self.mix(torch.cat([skip_inputs[i] for i in c.skip], 1)))


class Flow(nn.Module):
    """tokens [batch, 8, time], seconds [batch] and noise [batch, 8, 2 time] give mel [batch, 8, 2 time]."""

    steps = 10

    def __init__(self, choices: Choices = Choices()) -> None:  # noqa: B008
        super().__init__()
        self.choices = choices
        self.number = NumberEmbedding(choices)
        self.number_proj = nn.Linear(13, 8)
        self.up = nn.Conv1d(8, 8, 3, padding=1)
        self.estimator = Estimator(choices)

    def lengthen(self, x: Tensor) -> Tensor:
        how = self.choices.upsample
        if how == "zeros":
            return torch.stack([x, torch.zeros_like(x)], -1).flatten(-2)
        return functional.interpolate(x, scale_factor=2, mode=how)

    def forward(self, tokens: Tensor, seconds: Tensor, noise: Tensor) -> Tensor:
        c = self.choices
        if c.seed:
            noise = torch.randn(noise.shape, generator=torch.Generator().manual_seed(c.seed))
        cond = self.number_proj(self.number(seconds))[:, :, None]
        mu = self.up(self.lengthen(tokens))
        cond = cond.expand(-1, -1, mu.shape[-1])
        span = torch.linspace(0, 1, self.steps + 1)
        times = (1 - torch.cos(math.pi / 2 * span) if c.schedule == "cosine" else span).to(
            noise.dtype
        )
        x = noise
        for now, after in pairwise(times):
            if c.method == "midpoint":
                half = x + (after - now) / 2 * self.velocity(x, mu, cond, now)
                x = x + (after - now) * self.velocity(half, mu, cond, (now + after) / 2)
            else:
                x = x + (after - now) * self.velocity(x, mu, cond, now)
        x = x.flip(1) if c.reversed else x
        return 0.75 * x - 5 if c.transform else x

    def velocity(self, x: Tensor, mu: Tensor, cond: Tensor, t: Tensor) -> Tensor:
        twice = (torch.cat([x, x]), torch.cat([mu, 0 * mu]), torch.cat([cond, 0 * cond]))
        with_, without = self.estimator(*twice, t.expand(2 * len(x))).chunk(2)
        return (
            1.7 * with_ - 0.7 * without
            if self.choices.cfg == "1+w"
            else 0.7 * with_ + 0.3 * without
        )


class Recurrent(nn.Module):
    """frames [batch, time, 8] give [batch, time, 8] after an LSTM, a GRU, and units chosen by argmax."""

    def __init__(self, choices: Choices = Choices()) -> None:  # noqa: B008
        super().__init__()
        self.choices = choices
        self.front = nn.Linear(8, WIDTH)
        self.lstm = nn.LSTM(WIDTH, WIDTH, batch_first=True)
        self.norm = nn.LayerNorm(WIDTH)
        self.dropout = nn.Dropout(0.3)
        self.gru = nn.GRU(WIDTH, WIDTH, batch_first=True)
        self.scores = nn.Linear(WIDTH, 40)
        self.units = nn.Embedding(40, WIDTH)
        self.out = nn.Linear(WIDTH, 8)

    def forward(self, frames: Tensor) -> Tensor:
        c = self.choices
        x = functional.relu(self.front(frames)) if c.conv_activation else self.front(frames)
        y, _ = self.lstm(x.flip(1) if c.backwards else x)
        x = x + y if c.residual else y
        y, _ = self.gru(self.dropout(self.norm(x)))
        units = self.units(self.scores(y).argmax(-1))
        z = self.out(units + y)
        if c.final == "clamp":
            return torch.tanh(z).clamp(-0.5, 0.5)
        return torch.tanh(z) if c.final == "tanh" else z


class ConvNext(nn.Module):
    def __init__(self, choices: Choices) -> None:
        super().__init__()
        self.choices = choices
        self.dwconv = nn.Conv1d(WIDTH, WIDTH, 7, padding=3, groups=WIDTH)
        self.norm = nn.LayerNorm(WIDTH, eps=1e-6)
        self.pwconv1 = nn.Linear(WIDTH, 2 * WIDTH)
        self.pwconv2 = nn.Linear(2 * WIDTH, WIDTH)
        self.gamma = nn.Parameter(torch.full((WIDTH,), 0.5))

    def forward(self, x: Tensor) -> Tensor:
        y = self.pwconv2(
            gelu(self.pwconv1(self.norm(self.dwconv(x).transpose(1, 2))), self.choices.gelu)
        )
        y = (self.gamma * y).transpose(1, 2)
        return x + y if self.choices.residual else y


class CumulativePhase(nn.Module):
    def __init__(self, choices: Choices) -> None:
        super().__init__()
        self.choices = choices

    def forward(self, cycles: Tensor) -> Tensor:
        dtype = getattr(torch, self.choices.phase_dtype)
        return torch.cumsum(cycles.double() if dtype is torch.float32 else cycles.to(dtype), -1).to(
            cycles.dtype
        )


class Energy(nn.Module):
    def __init__(self, choices: Choices) -> None:
        super().__init__()
        self.choices = choices

    def forward(self, x: Tensor) -> Tensor:
        wide = (200 * x).to(getattr(torch, self.choices.energy_dtype)).square()
        return torch.log1p(wide.float()).to(x.dtype)


class Angle(nn.Module):
    def __init__(self, choices: Choices) -> None:
        super().__init__()
        self.choices = choices

    def forward(self, real: Tensor, imaginary: Tensor) -> Tensor:
        if self.choices.negative_zero:
            imaginary = torch.where(imaginary == 0, -torch.zeros_like(imaginary), imaginary)
        return torch.atan2(imaginary, real)


class ISTFT(nn.Module):
    def __init__(self, choices: Choices) -> None:
        super().__init__()
        self.choices = choices
        self.window: Tensor
        self.register_buffer("window", torch.hann_window(N_FFT))

    def forward(self, magnitude: Tensor, phase: Tensor) -> Tensor:
        """[batch, bins, frames] twice give [batch, samples]."""
        input_dtype = magnitude.dtype
        if input_dtype in (torch.float16, torch.bfloat16):
            magnitude, phase = magnitude.float(), phase.float()
        window = self.window if self.choices.window == "hann" else torch.hamming_window(N_FFT)
        window = window.to(magnitude.dtype)
        frames = torch.fft.irfft(torch.polar(magnitude, phase), N_FFT, dim=1) * window[:, None]
        size = (1, (frames.shape[-1] - 1) * HOP + N_FFT)
        fold = {"output_size": size, "kernel_size": (1, N_FFT), "stride": (1, HOP)}
        y = functional.fold(frames, **fold)[:, 0, 0]
        if self.choices.window_sum == "squares":
            envelope = functional.fold(
                window.square()[None, :, None].expand(1, -1, frames.shape[-1]), **fold
            )[0, 0, 0]
            y = y / envelope.clamp_min(1e-3)
        y = y.to(input_dtype)
        return y[:, N_FFT // 2 : -N_FFT // 2] if self.choices.trim == "centre" else y[:, :-N_FFT]


class Vocoder(nn.Module):
    """mel [batch, 8, time] and f0 [batch, time] give samples."""

    def __init__(self, choices: Choices = Choices()) -> None:  # noqa: B008
        super().__init__()
        self.choices = choices
        self.embed = nn.Conv1d(8, WIDTH, 7, padding=3)
        self.norm = nn.LayerNorm(WIDTH, eps=1e-6)
        self.blocks = nn.ModuleList(ConvNext(choices) for _ in range(3))
        self.post = nn.Conv1d(WIDTH, WIDTH, 1)
        self.phase = CumulativePhase(choices)
        self.source = nn.Conv1d(1, WIDTH, 1)
        self.energy = Energy(choices)
        self.level = nn.Linear(WIDTH, WIDTH)
        self.final_norm = nn.LayerNorm(WIDTH, eps=1e-6)
        self.head = nn.Linear(WIDTH, 3 * (N_FFT // 2 + 1))
        self.angle = Angle(choices)
        self.istft = ISTFT(choices)

    def forward(self, mel: Tensor, f0: Tensor) -> Tensor:
        c = self.choices
        x = self.norm(self.embed(mel).transpose(1, 2)).transpose(1, 2)
        outputs = [block(x) for block in self.blocks]
        total = sum(outputs[index] for index in c.branches)
        x = self.post(functional.leaky_relu(total / 3 if c.branch_mean else total, c.slope))
        x = x + self.source(torch.sin(2 * math.pi * self.phase(f0))[:, None])
        y = x.transpose(1, 2)
        y = y + self.level(self.energy(y))
        log, real, imaginary = self.head(self.final_norm(y)).transpose(1, 2).chunk(3, 1)
        imaginary = (
            imaginary
            * torch.tensor([0.0] + [1.0] * (N_FFT // 2 - 1) + [0.0], dtype=y.dtype)[:, None]
        )
        return self.istft(log.clamp(max=4.6).exp(), self.angle(real, imaginary))
