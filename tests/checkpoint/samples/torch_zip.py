"""A small random torch file with what training scripts put into one: views, ties, every dtype, an optimizer, arrays, options."""

from __future__ import annotations

import argparse
import warnings
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import torch

SUFFIX = ".pth"

DTYPES = (
    *(
        torch.float32,
        torch.float64,
        torch.float16,
        torch.bfloat16,
        torch.int8,
        torch.uint8,
        torch.int16,
        torch.int32,
        torch.int64,
    ),
    *(torch.bool, torch.complex64, torch.complex128, torch.uint16, torch.uint32, torch.uint64),
    *(torch.float8_e4m3fn, torch.float8_e5m2),
)


def tensors(seed: int) -> dict[str, torch.Tensor]:
    """Random tensors: each dtype, views, ties, a scalar, an empty one, a broadcast one."""
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> torch.Tensor:
        return torch.randn(shape, generator=generator)

    found = {
        f"plain.{str(dtype).split('.')[1]}": (normal(2, 3) * 10).abs().to(dtype) for dtype in DTYPES
    }
    base = normal(6, 4, 3)
    found |= {
        "base": base,
        "transposed": base.transpose(0, 2),
        "sliced": base[1:5:2, :, 1:],
        "column": base[:, 0, 0],
    }
    found |= {
        "tied": base,
        "scalar": normal(),
        "empty": normal(0, 3),
        "broadcast": normal(1, 3).expand(4, 3),
    }
    wave = torch.view_as_complex(normal(3, 2))
    return found | {
        "conjugate": wave.conj(),
        "imaginary": torch.view_as_complex(normal(3, 2)).conj().imag,
    }


def quantized(seed: int) -> dict[str, torch.Tensor]:
    """A tensor quantised as a whole and one by channel."""
    values = torch.randn(4, 3, generator=torch.Generator().manual_seed(seed))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        whole = torch.quantize_per_tensor(values, 0.05, 3, torch.quint8)
        scales, zeros = torch.tensor([0.1, 0.2, 0.3, 0.4]), torch.tensor([0, 1, 2, 3])
        return {
            "whole": whole,
            "channels": torch.quantize_per_channel(values, scales, zeros, 0, torch.qint8),
        }


def content(seed: int) -> dict[str, Any]:
    """What a training script would save."""
    model = torch.nn.Linear(2, 2)
    optimizer = torch.optim.AdamW(model.parameters())
    model(torch.ones(1, 2)).sum().backward()
    optimizer.step()
    state = OrderedDict(
        {f"generator.{name}": value for name, value in (tensors(seed) | quantized(seed)).items()}
    )
    return {
        "model_state_dict": state,
        "optimizer_state_dict": optimizer.state_dict(),
        "epoch": seed,
        "loss": np.float64(0.5),
        "mean": np.arange(80, dtype=np.float32),
        "args": argparse.Namespace(lr=1e-4, name="x", strides=[8, 8, 2]),
        "shapes": {1: torch.Size([2, 3]), (2, 3): {"a", "b"}, None: torch.float16},
        "sparse": torch.eye(3).to_sparse(),
    }


def make(path: Path, seed: int) -> None:
    """Write a random file to `path`: a training checkpoint, or a whole module."""
    what = (
        torch.nn.Sequential(torch.nn.Conv1d(1, 2, 3), torch.nn.BatchNorm1d(2))
        if seed % 5 == 4
        else content(seed)
    )
    torch.save(what, path)
