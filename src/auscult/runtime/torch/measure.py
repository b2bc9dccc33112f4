"""Sums and extremes of a tensor in torch, on all cores: the model, which waits meanwhile, had them."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils._mode_utils import no_dispatch


def measure_elements(run: NDArray[np.float32]) -> tuple[float, float, float, float]:
    """See `auscult.traces.statistics.Measure`."""
    with no_dispatch():  # what we do is no part of the model: its modes need not see it
        elements = torch.from_numpy(run)
        low, high = torch.aminmax(elements)
        return elements.sum().item(), torch.dot(elements, elements).item(), low.item(), high.item()
