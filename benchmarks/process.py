"""Whole-process figures: commands run in turn (A B A B ...), so that a drift of the machine's speed hits all alike."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

LAUNCH = Path(__file__).with_name("launch.py")


@dataclass(frozen=True)
class ProcessFigure:
    """Medians over the counted runs of one command.

    Attributes:
        seconds: Wall time of the whole process.
        mebibytes: Peak resident memory.
    """

    seconds: float
    mebibytes: float
    runs: tuple[float, ...]


def run_once(command: Sequence[str], *, allowed: tuple[int, ...] = (0, 1)) -> tuple[float, float]:
    """Wall seconds and peak MiB of one run.

    Raises:
        RuntimeError: If the command exits with another code than those allowed.
    """
    process = subprocess.run(
        [sys.executable, "-S", "-E", str(LAUNCH), *command],
        capture_output=True,
        text=True,
        check=True,
        env=_copy_environment(),
    )
    outcome = json.loads(process.stderr.splitlines()[-1])
    if outcome["code"] not in allowed:
        raise RuntimeError(f"{' '.join(command)} exited with {outcome['code']}")
    return outcome["seconds"], outcome["mebibytes"]


def _copy_environment() -> dict[str, str]:
    """The environment, in which modules may be compiled once: pip does so for whatever it installs.

    Where it is forbidden, every run would compile a checkout's sources anew, and the peers' not.
    """
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def compare_commands(
    commands: Mapping[str, Sequence[str]], runs: int = 5
) -> dict[str, ProcessFigure]:
    """Median figures of several commands, interleaved, after one warm-up of each."""
    for command in commands.values():
        run_once(command)
    samples: dict[str, list[tuple[float, float]]] = {name: [] for name in commands}
    for _ in range(runs):
        for name, command in commands.items():
            samples[name].append(run_once(command))
    return {
        name: ProcessFigure(
            statistics.median(seconds for seconds, _ in run_figures),
            statistics.median(memory for _, memory in run_figures),
            tuple(seconds for seconds, _ in run_figures),
        )
        for name, run_figures in samples.items()
    }
