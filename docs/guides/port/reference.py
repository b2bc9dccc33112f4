"""The reference of the porting guide: a small speech decoder in PyTorch, with the parts that S3Gen has.

Tokens go through a transformer encoder to a coarse mel, a flow-matching decoder (ten Euler steps with classifier-free guidance)
makes the mel from noise, and a vocoder with a sine source and an inverse STFT makes the samples.

    python reference.py    # writes reference.safetensors and inputs.npz
"""

from __future__ import annotations

import math
import zlib
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

WIDTH, MEL, HEADS, STEPS, N_FFT, HOP = 32, 16, 4, 10, 16, 4


class Attention(nn.Module):
    """x [batch, time, width] gives the same shape; every position sees every other."""

    def __init__(self) -> None:
        super().__init__()
        self.num_heads = HEADS
        self.to_q = nn.Linear(WIDTH, WIDTH, bias=False)
        self.to_k = nn.Linear(WIDTH, WIDTH, bias=False)
        self.to_v = nn.Linear(WIDTH, WIDTH, bias=False)
        self.to_out = nn.Sequential(nn.Linear(WIDTH, WIDTH))

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = (
            f(x).unflatten(-1, (HEADS, -1)).transpose(1, 2)
            for f in (self.to_q, self.to_k, self.to_v)
        )
        scores = q @ k.transpose(-1, -2) / math.sqrt(WIDTH // HEADS)
        return self.to_out((scores.softmax(-1) @ v).transpose(1, 2).flatten(2))


class Block(nn.Module):
    """A transformer block with the names that diffusers gives: there is a norm1 and a norm3, and no norm2."""

    def __init__(self, eps: float) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(WIDTH, eps=eps)
        self.attn1 = Attention()
        self.norm3 = nn.LayerNorm(WIDTH, eps=eps)
        self.ff = nn.Sequential(nn.Linear(WIDTH, 2 * WIDTH), nn.GELU(), nn.Linear(2 * WIDTH, WIDTH))

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attn1(self.norm1(x))
        return x + self.ff(self.norm3(x))


class Encoder(nn.Module):
    """Tokens [batch, time] give a coarse mel [batch, MEL, 2 time]."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(64, WIDTH)
        self.encoders = nn.ModuleList(Block(1e-12) for _ in range(2))
        self.up = nn.Conv1d(WIDTH, WIDTH, 5)
        self.after_norm = nn.LayerNorm(WIDTH)
        self.proj = nn.Linear(WIDTH, MEL)

    def forward(self, tokens: Tensor) -> Tensor:
        x = math.sqrt(WIDTH) * self.embed(tokens)
        for block in self.encoders:
            x = block(x)
        x = functional.interpolate(x.transpose(1, 2), scale_factor=2.0, mode="nearest")
        x = self.up(functional.pad(x, (4, 0))).transpose(1, 2)
        return self.proj(self.after_norm(x)).transpose(1, 2)


class TimeEmbedding(nn.Module):
    """t [batch] in 0..1 gives [batch, WIDTH]."""

    def forward(self, t: Tensor) -> Tensor:
        half = WIDTH // 2
        steps = torch.arange(half, dtype=t.dtype)
        angles = 1000.0 * t[:, None] * torch.exp(-steps * (math.log(10000) / (half - 1)))
        return torch.cat([angles.sin(), angles.cos()], -1)


class Estimator(nn.Module):
    """x, mu, cond [batch, MEL, time] and t [batch] give a velocity [batch, MEL, time]."""

    def __init__(self) -> None:
        super().__init__()
        self.time_embeddings = TimeEmbedding()
        self.time_mlp = nn.Linear(WIDTH, WIDTH)
        self.conv = nn.Conv1d(3 * MEL, WIDTH, 3)
        self.block = Block(1e-5)
        self.down = nn.Conv1d(WIDTH, WIDTH, 3)
        self.final_proj = nn.Conv1d(WIDTH, MEL, 1)

    def forward(self, x: Tensor, mu: Tensor, cond: Tensor, t: Tensor) -> Tensor:
        time = self.time_mlp(functional.silu(self.time_embeddings(t)))
        h = self.conv(functional.pad(torch.cat([x, mu, cond], 1), (2, 0))) + time[:, :, None]
        h = self.block(functional.mish(h).transpose(1, 2)).transpose(1, 2)
        return self.final_proj(functional.mish(self.down(functional.pad(h, (2, 0)))))


class Flow(nn.Module):
    """mu and cond [batch, MEL, time] give a mel of that shape."""

    def __init__(self) -> None:
        super().__init__()
        self.estimator = Estimator()

    def forward(self, mu: Tensor, cond: Tensor) -> Tensor:
        x = torch.randn_like(mu)
        times = 1 - torch.cos(math.pi / 2 * torch.linspace(0, 1, STEPS + 1, dtype=mu.dtype))
        for now, after in pairwise(times):
            twice = (torch.cat([x, x]), torch.cat([mu, 0 * mu]), torch.cat([cond, 0 * cond]))
            with_, without = self.estimator(*twice, now.expand(2 * len(x))).chunk(2)
            x = x + (after - now) * (1.7 * with_ - 0.7 * without)
        return x


class ISTFT(nn.Module):
    """Magnitude and phase [batch, bins, frames] give samples [batch, samples]."""

    def __init__(self) -> None:
        super().__init__()
        self.window: Tensor
        self.register_buffer("window", torch.hann_window(N_FFT), persistent=False)

    def forward(self, magnitude: Tensor, phase: Tensor) -> Tensor:
        spectrum = torch.polar(magnitude, phase)
        return torch.istft(spectrum, N_FFT, HOP, N_FFT, self.window.to(magnitude.dtype))


class ResBlock(nn.Module):
    """x [batch, channels, time] plus two convolutions of its snake."""

    def __init__(self, channels: int, kernel: int) -> None:
        super().__init__()
        self.alpha = nn.Parameter(torch.ones(channels))
        self.conv1 = nn.Conv1d(channels, channels, kernel, padding=kernel // 2)
        self.conv2 = nn.Conv1d(channels, channels, kernel, padding=kernel // 2)

    def forward(self, x: Tensor) -> Tensor:
        alpha = self.alpha[:, None]
        return x + self.conv2(
            functional.leaky_relu(self.conv1(x + torch.sin(alpha * x) ** 2 / (alpha + 1e-9)), 0.1)
        )


class Vocoder(nn.Module):
    """mel [batch, MEL, time] gives samples [batch, 16 time]."""

    def __init__(self) -> None:
        super().__init__()
        self.f0_predictor = nn.Sequential(
            nn.Conv1d(MEL, WIDTH, 3, padding=1), nn.ELU(), nn.Conv1d(WIDTH, 1, 1)
        )
        self.source_downs = nn.Conv1d(1, WIDTH // 2, 1)
        self.source_resblocks = ResBlock(WIDTH // 2, 7)
        self.conv_pre = nn.Conv1d(MEL, WIDTH, 7, padding=3)
        self.ups = nn.ConvTranspose1d(WIDTH, WIDTH // 2, 8, 4, padding=2)
        self.resblocks = nn.ModuleList(ResBlock(WIDTH // 2, kernel) for kernel in (3, 7))
        self.conv_post = nn.Conv1d(WIDTH // 2, N_FFT + 2, 7, padding=3)
        self.istft = ISTFT()

    def forward(self, mel: Tensor) -> Tensor:
        f0 = torch.repeat_interleave(self.f0_predictor(mel).abs(), 4, -1)
        source = self.source_resblocks(
            self.source_downs(torch.sin(2 * math.pi * torch.cumsum(f0, -1)))
        )
        x = self.ups(functional.leaky_relu(self.conv_pre(mel), 0.1)) + source
        x = sum(block(x) for block in self.resblocks) / len(self.resblocks)
        x = self.conv_post(functional.leaky_relu(x))
        magnitude, phase = x.chunk(2, 1)
        return self.istft(magnitude.exp().clamp(max=1e2), phase.sin())


class Speech(nn.Module):
    """tokens [batch, time] and cond [batch, MEL, 2 time] give samples [batch, 32 time - HOP]."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = Encoder()
        self.flow = Flow()
        self.mel2wav = Vocoder()

    def forward(self, tokens: Tensor, cond: Tensor) -> Tensor:
        return self.mel2wav(self.flow(self.encoder(tokens), cond))


@torch.no_grad()
def build() -> Speech:
    """The model with the weights that stand for trained ones: unequal gains, biases away from zero."""
    torch.manual_seed(0)  # of the noise
    model = Speech().eval()
    for name, tensor in model.named_parameters():
        rng = np.random.default_rng(zlib.crc32(name.encode()))
        noise = torch.tensor(rng.standard_normal(tuple(tensor.shape)), dtype=tensor.dtype)
        if tensor.ndim < 2:
            tensor.data = 1 + 0.2 * noise if name.endswith(("weight", "alpha")) else 0.1 * noise
        else:
            fan_in = tensor[0].numel() if "ups" not in name else tensor.shape[0] * 2
            gain = torch.tensor(np.exp(0.3 * rng.standard_normal(len(tensor))), dtype=tensor.dtype)
            tensor.data = gain.reshape(-1, *[1] * (tensor.ndim - 1)) * noise / fan_in**0.5
    return model


def main() -> None:
    """Write what a port starts from."""
    from safetensors.torch import save_file

    state = build().state_dict()
    save_file(state, "reference.safetensors")
    rng = np.random.default_rng(3)
    cond = rng.standard_normal((1, MEL, 28)).astype(np.float32)
    np.savez("inputs.npz", tokens=rng.integers(0, 64, (1, 14)), cond=cond)
    print(f"wrote reference.safetensors ({len(state)} tensors) and inputs.npz")


if __name__ == "__main__":
    main()
