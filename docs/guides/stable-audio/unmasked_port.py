"""Stable Audio in toy sizes with random weights, and a port of it that keeps what T5 makes of the padding.

`python unmasked_port.py` writes the prompt that both are run on.
"""

from __future__ import annotations

import sys

import numpy as np
import torch
from torch import Tensor

from auscult.families.stable_audio import torch as model
from auscult.families.stable_audio.config import TINY
from auscult.families.stable_audio.torch_pipeline import Pipeline
from auscult.families.t5_encoder import torch as text
from auscult.families.t5_encoder.signature import TINY as TEXT


class Unmasked(model.Masked):
    """The port's: it forgot to multiply by the mask."""

    def forward(self, prompt: Tensor, mask: Tensor) -> Tensor:  # noqa: ARG002
        return prompt


def reference() -> Pipeline:
    """Prompt, numbers, eight ping-pong steps, decoder."""
    torch.manual_seed(1)
    return Pipeline(model.build(TINY), text.build(TEXT)).eval()


def port() -> Pipeline:
    """The same weights in code with one fault."""
    pipeline = reference()
    pipeline.conditioner.prompt = Unmasked()
    return pipeline


if __name__ == "__main__":
    words = [7, 99, 300, 12, 1]
    padding = [0] * (TINY.prompt_tokens - len(words))
    mask = [1] * len(words) + padding
    np.savez(
        "prompt.npz", ids=[words + padding], mask=[mask], seconds_total=np.array([0.07], np.float32)
    )
    sys.stdout.write(f"wrote prompt.npz: {len(words)} tokens and {len(padding)} of padding\n")
