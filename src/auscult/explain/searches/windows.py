"""The reference's own code with another window of its transforms."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from auscult.explain.case import Explanation, LayerCase
from auscult.explain.searches.functions import CodeChange, iter_fitting_changes
from auscult.explain.searches.inverse_stft import WINDOW_CONSTANTS
from auscult.explain.searches.inverse_stft import WINDOWS as WINDOW_NAMES
from auscult.facts.function_changes import CallChange
from auscult.weights import Array

MAX_WINDOW_ERROR = 1e-5
"""Largest difference, of a window of peak 1, up to which it is called by that name: float32 gives 1e-7."""


class WindowSubstitute:
    """Hands a window of this name to a transform, and keeps which one it took the place of."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.replaced = "another"

    def __call__(self, window: Array | None, arguments: Mapping[str, Any]) -> Array:
        if window is None:
            length = int(arguments.get("win_length") or arguments["n_fft"])
            self.replaced = "none"
        else:
            length = len(window)
            self.replaced = name_window(window)
        return make_window(self.name, length)


def explain_function_windows(
    case: LayerCase, floor: float, cause: str, functions: tuple[str, ...]
) -> Iterator[Explanation]:
    """Explanations by another window in the calls of these functions."""
    for name in WINDOW_NAMES:
        substitute = WindowSubstitute(name)
        calls = tuple(
            CallChange(function, computed={"window": substitute}) for function in functions
        )
        change = CodeChange("", "", "take the reference's window", calls)
        for _, residual in iter_fitting_changes(case, floor, [change]):
            yield _explain_window(cause, substitute.replaced, name, residual)


def explain_stored_windows(case: LayerCase, floor: float, cause: str) -> Iterator[Explanation]:
    """Explanations by another window in a buffer of the module that is called a window."""
    for buffer, values in case.weights.items():
        if "window" not in buffer.lower() or case.role != "output":
            continue
        for name in WINDOW_NAMES:
            window = make_window(name, values.size).astype(values.dtype).reshape(values.shape)
            change = CodeChange("", "", "take the reference's window", attributes={buffer: window})
            for _, residual in iter_fitting_changes(case, floor, [change]):
                yield _explain_window(cause, name_window(values), name, residual)


def _explain_window(cause: str, reference: str, candidate: str, residual: float) -> Explanation:
    return Explanation(
        cause,
        {"reference": reference, "candidate": candidate},
        residual,
        f"its window is {candidate}, the reference's {reference}",
        fix="take the reference's window",
    )


def name_window(window: Array) -> str:
    """What a window is called; "another" where it is none of those known."""
    values = window.reshape(-1).astype(np.float64)
    for name in WINDOW_NAMES:
        if np.abs(make_window(name, len(values)) - values).max() <= MAX_WINDOW_ERROR:
            return name
    return "another"


def make_window(name: str, length: int) -> Array:
    """A window [length] by its name, such as "hann-symmetric"."""
    constant_term = WINDOW_CONSTANTS[name.removesuffix("-symmetric")]
    period = length - name.endswith("-symmetric")
    phases = 2 * np.pi * np.arange(length) / period
    window: Array = constant_term - (1 - constant_term) * np.cos(phases)
    return window
