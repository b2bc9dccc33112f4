"""A small streaming decoder, right and with three faults: what `auscult check` is shown on."""

import numpy as np
import torch
from torch import nn


class Decoder(nn.Module):
    """Features [batch, frames, 16] to sound [batch, frames * 4]."""

    def __init__(self, forgets: bool = False, norm: nn.Module | None = None) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.inside = nn.Linear(16, 24)
        self.norm = nn.Identity() if norm is None else norm
        self.memory = nn.GRU(24, 24, batch_first=True)
        self.alpha = nn.Parameter(torch.linspace(0, 2, 24))
        self.out = nn.Linear(24, 4)
        self.forgets, self.state = forgets, None

    def reset(self) -> None:
        """Begin another utterance."""
        self.state = None

    def decode(
        self, x: torch.Tensor, state: torch.Tensor | None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """The sound, and what the next chunk starts with."""
        y, state = self.memory(self.norm(self.inside(x)), state)
        y = y + torch.sin(self.alpha * y) ** 2 / (self.alpha + 1e-9)
        return self.out(y).flatten(1), state

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """A whole utterance."""
        return self.decode(x, None)[0]

    def stream(self, chunk: torch.Tensor) -> torch.Tensor:
        """One chunk of it."""
        y, state = self.decode(chunk, self.state)
        self.state = None if self.forgets else state
        return y


class BatchNorm(nn.Module):
    """Takes mean and deviation over the batch too."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[batch, frames, channels] to the same."""
        return (x - x.mean((0, 1))) / x.std((0, 1))


def right() -> Decoder:
    """Nothing is wrong with it, in float32."""
    return Decoder().eval()


def forgetful() -> Decoder:
    """Each chunk starts from nothing."""
    return Decoder(forgets=True).eval()


def mixing() -> Decoder:
    """A norm takes its statistics over the batch."""
    return Decoder(norm=BatchNorm()).eval()


if __name__ == "__main__":
    features = np.random.default_rng(0).standard_normal((1, 64, 16)).astype(np.float32)
    np.savez("features.npz", x=features)
    print("wrote features.npz")
