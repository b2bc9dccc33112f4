"""The record of a run: lines of JSON always, TensorBoard where it is installed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from auscult.facts.windows import make_symmetric_hann

LOG_NAME = "train.jsonl"
"""The log's file in the folder of a run."""
CURVE_FIGURES = ("snr", "rms_ratio", "mel_l1")
"""What a learning curve has of each validation."""


class Journal:
    """Writes `train.jsonl`, and scalars, sounds and pictures for TensorBoard beside it."""

    def __init__(self, out: Path, *, step: int = 0, tensorboard: bool = True) -> None:
        """A run that goes on at `step` drops the lines that it is about to write again."""
        self.path = out / LOG_NAME
        if self.path.exists():
            kept_lines = [
                line
                for line in self.path.read_text().splitlines()
                if _is_whole_line(line) and _is_past(json.loads(line), step)
            ]
            self.path.write_text("".join(line + "\n" for line in kept_lines))
        self.board = _open_board(out) if tensorboard else None

    def line(self, entry: Mapping[str, Any]) -> None:
        """One line, floats at four significant decimals; scalars of a step also go to
        TensorBoard.
        """
        with self.path.open("a") as handle:
            handle.write(json.dumps(_round_floats(entry)) + "\n")
        if self.board is not None and "step" in entry:
            for name, value in entry.items():
                self._add_scalar(name, value, entry["step"])

    def _add_scalar(self, name: str, value: object, step: int) -> None:
        if isinstance(value, Mapping):
            for inner, item in value.items():
                self._add_scalar(f"{name}/{inner}", item, step)
        elif isinstance(value, list):
            for number, item in enumerate(value):
                self._add_scalar(f"{name}/{number}", item, step)
        elif isinstance(value, int | float) and name != "step":
            self.board.add_scalar(name, value, step)  # type: ignore[union-attr]

    def sound(self, name: str, samples: NDArray[np.float32], sample_rate: int, step: int) -> None:
        """A recording [time] and its spectrogram."""
        if self.board is not None:
            self.board.add_audio(name, samples[None], step, sample_rate)
            self.board.add_image(f"{name}/spectrogram", draw_spectrogram(samples), step)

    def close(self) -> None:
        if self.board is not None:
            self.board.close()


def draw_spectrogram(samples: NDArray[np.float32], n_fft: int = 512) -> NDArray[np.float32]:
    """Grey levels over 80 dB, low frequencies at the bottom: [1, n_fft / 2 + 1, frames]."""
    padded = np.pad(samples, (0, max(0, n_fft - len(samples))))
    frames = np.lib.stride_tricks.sliding_window_view(padded, n_fft)[
        :: n_fft // 4
    ] * make_symmetric_hann(n_fft)
    level = 20 * np.log10(np.abs(np.fft.rfft(frames)).T[::-1] + 1e-6)
    return np.clip((level - level.max()) / 80 + 1, 0, 1).astype(np.float32)[None]


def _round_floats(value: Any) -> Any:
    if isinstance(value, float):
        if abs(value) >= 0.01:
            return round(value, 4)
        return float(f"{value:.3g}")
    if isinstance(value, Mapping):
        return {name: _round_floats(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_round_floats(item) for item in value]
    return value


def read_curve(out: Path) -> list[dict[str, Any]]:
    """Step, SNR in dB, RMS ratio and mel distance of each validation that a run's log holds."""
    by_step: dict[int, dict[str, Any]] = {}  # a run that was begun twice has its start twice
    if not (out / LOG_NAME).exists():
        return []
    for line in (out / LOG_NAME).read_text().splitlines():
        entry = json.loads(line) if _is_whole_line(line) else {}
        if "validation" in entry:
            figures = entry["validation"]
            step = entry["step"]
            by_step[step] = {"step": step, **{name: figures[name] for name in CURVE_FIGURES}}
    return list(by_step.values())


def _is_past(entry: Mapping[str, Any], step: int) -> bool:
    return entry.get("step", 0) <= step and "held_out" not in entry  # which is a run's last line


def _is_whole_line(line: str) -> bool:
    try:
        json.loads(line)
    except ValueError:
        return False
    return True


def _open_board(out: Path) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        return None
    return SummaryWriter(str(out / "tensorboard"))
