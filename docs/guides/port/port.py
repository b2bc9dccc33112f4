"""The port of the porting guide: the same decoder in MLX, channels last, with faults that real ports had.

`attempt_0` is the port as first written; `attempt_N` has the first N of FAULTS put right; `build` has all of them right.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from itertools import pairwise

import mlx.core as mx
import numpy as np
from mlx import nn

WIDTH, MEL, HEADS, STEPS, N_FFT, HOP = 32, 16, 4, 10, 16, 4

FAULTS = (
    "estimator-prefix",  # flow.estimator.* is looked up as estimator.*: not loaded, and nobody says so
    "norm3-dropped",  # the reference's norm3 is the port's norm2, which the list of renamings forgot
    "double-transpose",  # a square convolution turned twice
    "cfg-formula",  # w v_c + (1 - w) v_u, not (1 + w) v_c - w v_u
    "time-scale",  # of the time embedding: 1, not 1000
    "causal-mask",  # in the encoder, where attention is full
    "last-slope",  # 0.1 like all the others; the reference takes the default, 0.01
    "mel-clamped",  # "a log mel is never positive"
)
RIGHT: frozenset[str] = frozenset()


class Attention(nn.Module):
    def __init__(self, *, causal: bool) -> None:
        super().__init__()
        self.num_heads, self.causal = HEADS, causal
        self.query_proj = nn.Linear(WIDTH, WIDTH, bias=False)
        self.key_proj = nn.Linear(WIDTH, WIDTH, bias=False)
        self.value_proj = nn.Linear(WIDTH, WIDTH, bias=False)
        self.out_proj = nn.Linear(WIDTH, WIDTH)

    def __call__(self, x: mx.array) -> mx.array:
        q, k, v = (
            f(x).reshape(*x.shape[:2], HEADS, -1).transpose(0, 2, 1, 3)
            for f in (self.query_proj, self.key_proj, self.value_proj)
        )
        scores = q @ k.transpose(0, 1, 3, 2) / math.sqrt(WIDTH // HEADS)
        if self.causal:
            scores = mx.where(mx.tril(mx.ones(scores.shape[-2:])) > 0, scores, -mx.inf)
        return self.out_proj((mx.softmax(scores, -1) @ v).transpose(0, 2, 1, 3).reshape(x.shape))


class Block(nn.Module):
    def __init__(self, eps: float, *, causal: bool = False) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(WIDTH, eps=eps)
        self.attn = Attention(causal=causal)
        self.norm2 = nn.LayerNorm(WIDTH, eps=eps)
        self.ff_in = nn.Linear(WIDTH, 2 * WIDTH)
        self.ff_out = nn.Linear(2 * WIDTH, WIDTH)

    def __call__(self, x: mx.array) -> mx.array:
        x = x + self.attn(self.norm1(x))
        return x + self.ff_out(nn.gelu(self.ff_in(self.norm2(x))))


class Encoder(nn.Module):
    def __init__(self, faults: Iterable[str]) -> None:
        super().__init__()
        self.embed = nn.Embedding(64, WIDTH)
        self.encoders = [Block(1e-12, causal="causal-mask" in faults) for _ in range(2)]
        self.up = nn.Conv1d(WIDTH, WIDTH, 5)
        self.after_norm = nn.LayerNorm(WIDTH)
        self.proj = nn.Linear(WIDTH, MEL)

    def __call__(self, tokens: mx.array) -> mx.array:
        x = math.sqrt(WIDTH) * self.embed(tokens)
        for block in self.encoders:
            x = block(x)
        x = self.up(mx.pad(mx.repeat(x, 2, axis=1), [(0, 0), (4, 0), (0, 0)]))
        return self.proj(self.after_norm(x))


class TimeEmbedding(nn.Module):
    def __init__(self, scale: float) -> None:
        super().__init__()
        self.scale = scale

    def __call__(self, t: mx.array) -> mx.array:
        half = WIDTH // 2
        angles = self.scale * t[:, None] * mx.exp(-mx.arange(half) * (math.log(10000) / (half - 1)))
        return mx.concatenate([mx.sin(angles), mx.cos(angles)], -1)


class Estimator(nn.Module):
    def __init__(self, faults: Iterable[str]) -> None:
        super().__init__()
        self.time_embeddings = TimeEmbedding(1.0 if "time-scale" in faults else 1000.0)
        self.time_mlp = nn.Linear(WIDTH, WIDTH)
        self.conv = nn.Conv1d(3 * MEL, WIDTH, 3)
        self.block = Block(1e-5)
        self.down = nn.Conv1d(WIDTH, WIDTH, 3)
        self.final_proj = nn.Conv1d(WIDTH, MEL, 1)

    def __call__(self, x: mx.array, mu: mx.array, cond: mx.array, t: mx.array) -> mx.array:
        time = self.time_mlp(nn.silu(self.time_embeddings(t)))
        early = [(0, 0), (2, 0), (0, 0)]
        h = self.conv(mx.pad(mx.concatenate([x, mu, cond], -1), early)) + time[:, None]
        return self.final_proj(nn.mish(self.down(mx.pad(self.block(nn.mish(h)), early))))


class Flow(nn.Module):
    def __init__(self, faults: Iterable[str]) -> None:
        super().__init__()
        self.faults = faults
        self.estimator = Estimator(faults)

    def __call__(self, mu: mx.array, cond: mx.array) -> mx.array:
        x = mx.random.normal(mu.shape)
        times = 1 - mx.cos(math.pi / 2 * mx.linspace(0, 1, STEPS + 1))
        for now, after in pairwise(times):
            twice = (
                mx.concatenate([x, x]),
                mx.concatenate([mu, 0 * mu]),
                mx.concatenate([cond, 0 * cond]),
            )
            with_, without = mx.split(
                self.estimator(*twice, mx.broadcast_to(now, (2 * len(x),))), 2
            )
            guided = (
                0.7 * with_ + 0.3 * without
                if "cfg-formula" in self.faults
                else 1.7 * with_ - 0.7 * without
            )
            x = x + (after - now) * guided
        return mx.minimum(x, 0) if "mel-clamped" in self.faults else x


class ISTFT(nn.Module):
    def __call__(self, magnitude: mx.array, phase: mx.array) -> mx.array:
        """[batch, frames, bins] twice give [batch, samples]."""
        window = 0.5 - 0.5 * mx.cos(2 * math.pi * mx.arange(N_FFT) / N_FFT)
        spectrum = magnitude * mx.cos(phase) + 1j * magnitude * mx.sin(phase)
        frames = mx.fft.irfft(spectrum, N_FFT) * window
        places = HOP * mx.arange(frames.shape[1])[:, None] + mx.arange(N_FFT)
        length = HOP * (frames.shape[1] - 1) + N_FFT
        samples = mx.zeros((len(frames), length)).at[:, places].add(frames)
        envelope = mx.zeros(length).at[places].add(mx.broadcast_to(window**2, places.shape))
        return (samples / envelope)[:, N_FFT // 2 : -N_FFT // 2]


class ResBlock(nn.Module):
    def __init__(self, channels: int, kernel: int) -> None:
        super().__init__()
        self.alpha = mx.ones(channels)
        self.conv1 = nn.Conv1d(channels, channels, kernel, padding=kernel // 2)
        self.conv2 = nn.Conv1d(channels, channels, kernel, padding=kernel // 2)

    def __call__(self, x: mx.array) -> mx.array:
        return x + self.conv2(
            nn.leaky_relu(self.conv1(x + mx.sin(self.alpha * x) ** 2 / (self.alpha + 1e-9)), 0.1)
        )


class Vocoder(nn.Module):
    def __init__(self, faults: Iterable[str]) -> None:
        super().__init__()
        self.faults = faults
        self.f0_predictor = [nn.Conv1d(MEL, WIDTH, 3, padding=1), nn.Conv1d(WIDTH, 1, 1)]
        self.source_downs = nn.Conv1d(1, WIDTH // 2, 1)
        self.source_resblocks = ResBlock(WIDTH // 2, 7)
        self.conv_pre = nn.Conv1d(MEL, WIDTH, 7, padding=3)
        self.ups = nn.ConvTranspose1d(WIDTH, WIDTH // 2, 8, 4, padding=2)
        self.resblocks = [ResBlock(WIDTH // 2, kernel) for kernel in (3, 7)]
        self.conv_post = nn.Conv1d(WIDTH // 2, N_FFT + 2, 7, padding=3)
        self.istft = ISTFT()

    def __call__(self, mel: mx.array) -> mx.array:
        hidden, last = self.f0_predictor
        f0 = mx.repeat(mx.abs(last(nn.elu(hidden(mel)))), 4, axis=1)
        source = self.source_resblocks(
            self.source_downs(mx.sin(2 * math.pi * mx.cumsum(f0, axis=1)))
        )
        x = self.ups(nn.leaky_relu(self.conv_pre(mel), 0.1)) + source
        x = sum(block(x) for block in self.resblocks) / len(self.resblocks)
        x = self.conv_post(nn.leaky_relu(x, 0.1 if "last-slope" in self.faults else 0.01))
        magnitude, phase = mx.split(x, 2, axis=-1)
        return self.istft(mx.minimum(mx.exp(magnitude), 1e2), mx.sin(phase))


class Speech(nn.Module):
    def __init__(self, faults: Iterable[str] = RIGHT) -> None:
        super().__init__()
        self.encoder = Encoder(faults)
        self.flow = Flow(faults)
        self.mel2wav = Vocoder(faults)

    def __call__(self, tokens: mx.array, cond: mx.array) -> mx.array:
        return self.mel2wav(self.flow(self.encoder(tokens), cond))


RENAMED = (
    (".attn1.to_q.", ".attn.query_proj."),
    (".attn1.to_k.", ".attn.key_proj."),
    (".attn1.to_v.", ".attn.value_proj."),
    (".attn1.to_out.0.", ".attn.out_proj."),
    (".norm3.", ".norm2."),
    (".ff.0.", ".ff_in."),
    (".ff.2.", ".ff_out."),
    ("f0_predictor.2.", "f0_predictor.1."),
)


def load(model: Speech, state: Mapping[str, np.ndarray], faults: Iterable[str]) -> None:
    """Rename and turn the reference's tensors, and hand them to the model, which takes those that it knows."""
    weights = []
    for name, array in state.items():
        mine, values = name, array
        for theirs, ours in RENAMED:
            if not (theirs == ".norm3." and "norm3-dropped" in faults):
                mine = mine.replace(theirs, ours)
        if "estimator-prefix" in faults:
            mine = mine.replace("flow.estimator.", "estimator.")
        if array.ndim == 3:
            values = array.transpose((1, 2, 0) if ".ups." in name else (0, 2, 1))
        if "double-transpose" in faults and name == "flow.estimator.down.weight":
            values = np.swapaxes(values, 0, 2)
        weights.append((mine, mx.array(np.ascontiguousarray(values))))
    model.load_weights(weights, strict=False)  # the root of most evil: unknown names are ignored
    model.eval()
    mx.eval(model.parameters())


def written(faults: Iterable[str]) -> Speech:
    """The port with these faults, on the weights of reference.safetensors."""
    from safetensors.numpy import load_file

    mx.random.seed(0)
    model = Speech(faults)
    load(model, load_file("reference.safetensors"), faults)
    return model


def build() -> Speech:
    """The finished port."""
    return written(RIGHT)


def __getattr__(name: str) -> Callable[[], Speech]:
    prefix, _, number = name.partition("_")
    if prefix != "attempt" or not number.isdigit():
        raise AttributeError(name)
    return lambda: written(FAULTS[int(number) :])
