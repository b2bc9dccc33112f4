"""A small TorchScript archive."""

from __future__ import annotations

import warnings
from pathlib import Path

import torch

SUFFIX = ".pt"


def module(seed: int) -> torch.nn.Module:
    """A small module with parameters, buffers and nesting."""
    torch.manual_seed(seed)
    inner = torch.nn.Sequential(
        torch.nn.Conv1d(1, 2 + seed % 3, 3),
        torch.nn.BatchNorm1d(2 + seed % 3),
        torch.nn.LeakyReLU(0.1),
    )
    return torch.nn.Sequential(inner, torch.nn.ConvTranspose1d(2 + seed % 3, 1, 4, stride=2))


def make(path: Path, seed: int) -> torch.nn.Module:
    """Write a scripted module to `path` and give it."""
    found = module(seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.save(torch.jit.script(found), str(path))
    return found
