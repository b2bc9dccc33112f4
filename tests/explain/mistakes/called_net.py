"""A net of two layers, of which the second may be called several times."""

from __future__ import annotations

import torch
from torch import nn


class Net(nn.Module):
    """Two layers; the second is called `calls` times, on the same tensor unless it is chained."""

    def __init__(self, calls: int = 1, *, chained: bool = False) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.pre, self.post = nn.Linear(32, 64), nn.Linear(64, 64)
        self.calls, self.chained = calls, chained
        self.eval()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = torch.tanh(self.pre(x))
        y = x
        for _ in range(self.calls):
            y = self.post(y if self.chained else x)
        return y
