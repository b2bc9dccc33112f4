"""Chatterbox's S3Gen and HiFT at full size on the CPU: ours against chatterbox-tts 0.1.7, at the same output."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.section import BenchContext, Goal, Section

SIDES = ("chatterbox-tts", "ours")
FASTER = 1.3
CLOSE = 1e-4
TITLE = "Chatterbox's S3Gen and HiFT"


def run(bench: BenchContext) -> Section:
    """Processes in turn, each with the whole of one sentence; real-time factor, memory, and where the time goes."""
    if importlib.util.find_spec("chatterbox") is None:
        goal = Goal(
            "S3Gen + HiFT against chatterbox-tts",
            f">= {FASTER}x",
            "the reference is not installed (peers.txt)",
            None,
        )
        return Section(TITLE, "Needs the packages of `peers.txt`.", goals=[goal])
    prompt, speech = (1.0, 1.0) if bench.quick else (10.0, 5.0)
    folder = Path(tempfile.mkdtemp(prefix="chatterbox-", dir=bench.scratch))
    try:
        prepare(folder, prompt, speech)
        taken: dict[str, list[dict[str, float]]] = {side: [] for side in SIDES}
        for _ in range(1 if bench.quick else 3):
            for side in SIDES:
                taken[side].append(once(side, folder))
        error = difference(folder)
    finally:
        shutil.rmtree(folder)
    figures = {
        side: {name: statistics.median(run[name] for run in runs) for name in runs[0]}
        for side, runs in taken.items()
    }
    return Section(
        TITLE,
        f"One sentence of {speech:.0f} s in the voice of a reference of {prompt:.0f} s (random weights, the released sizes, the "
        "same noise), 10 steps with guidance, float32, two threads, one process each, in turn; medians. The reference's "
        "features, x-vector and tokens are computed once for a voice and are not in the figures. The flow is bound by matrix "
        "products that both sides call the same library for: a call of the estimator spends most of its time in `addmm`, `mm` "
        "and attention. What we save there is masks, transpositions and the time "
        "embedding of both rows; in the vocoder, weight norm is fused and convolutions run over time-major memory.",
        ("what", *SIDES, "ratio"),
        rows(figures, speech),
        goals(figures, error),
    )


def prepare(folder: Path, prompt: float, speech: float) -> None:
    """Weights and inputs that both sides read."""
    import torch

    from auscult.families.chatterbox_s3gen.config import Config
    from auscult.families.chatterbox_s3gen.torch import build

    draw = torch.Generator().manual_seed(0)
    tokens, before = (round(25 * seconds) for seconds in (speech, prompt))
    module = build(Config(tokenizer=None), "weight-norm-new")
    torch.save(
        {name: weight(name, value, draw) for name, value in module.state_dict().items()},
        folder / "weights.pt",
    )
    inputs = {
        "tokens": torch.randint(0, 6561, (1, tokens), generator=draw),
        "prompt_tokens": torch.randint(0, 6561, (1, before), generator=draw),
        "prompt_mel": torch.randn(1, 80, 2 * before, generator=draw) * 2 - 5,
        "xvector": torch.randn(1, 192, generator=draw),
        "noise": torch.randn(1, 80, 2 * (tokens + before), generator=draw),
        "source": torch.randn(1, 1, 960 * tokens, generator=draw) * 0.1,
    }
    torch.save(inputs, folder / "inputs.pt")
    (folder / "job.json").write_text(json.dumps({"threads": min(2, len(os.sched_getaffinity(0)))}))


def weight(name: str, like: Any, draw: Any) -> Any:
    """Random, of a size that keeps the variance of what passes through."""
    import torch

    if not like.is_floating_point():
        return like
    if name.endswith(("running_var", ".alpha", "original0")):
        return torch.rand(like.shape, generator=draw) * 0.7 + 0.3
    if like.ndim > 1:
        return torch.randn(like.shape, generator=draw) * 0.7 / like[0].numel() ** 0.5
    return torch.randn(like.shape, generator=draw) * 0.1 + (
        1.0 if name.endswith(".weight") else 0.0
    )


def once(side: str, folder: Path) -> dict[str, float]:
    """The figures of one process."""
    command = [sys.executable, "-m", "benchmarks.chatterbox_side", side, str(folder)]
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True
    )
    figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return figures


def difference(folder: Path) -> float:
    """Largest difference of the two sides' mels, relative to the largest value."""
    import torch

    mels = [torch.load(folder / f"{side}.pt", weights_only=True)["mel"] for side in SIDES]
    return float((mels[0] - mels[1]).abs().max() / mels[0].abs().max())


def rows(figures: dict[str, dict[str, float]], speech: float) -> list[tuple[str, ...]]:
    theirs, ours = (figures[side] for side in SIDES)

    def line(what: str, a: float, b: float, digits: int) -> tuple[str, ...]:
        return what, f"{a:.{digits}f}", f"{b:.{digits}f}", f"{a / b:.2f}x"

    both = [(side["flow"] + side["vocoder"]) / speech for side in (theirs, ours)]
    return [
        line("real-time factor", both[0], both[1], 2),
        line("flow, seconds", theirs["flow"], ours["flow"], 2),
        line("vocoder, seconds", theirs["vocoder"], ours["vocoder"], 2),
        line("flow, processor seconds", theirs["flow_cpu"], ours["flow_cpu"], 2),
        line("vocoder, processor seconds", theirs["vocoder_cpu"], ours["vocoder_cpu"], 2),
        line("peak MiB while running", theirs["peak_mib"], ours["peak_mib"], 0),
        line("MiB before", theirs["weights_mib"], ours["weights_mib"], 0),
    ]


def goals(figures: dict[str, dict[str, float]], error: float) -> list[Goal]:
    theirs, ours = (figures[side] for side in SIDES)
    ratios = {
        "S3Gen + HiFT": (theirs["flow"] + theirs["vocoder"]) / (ours["flow"] + ours["vocoder"]),
        "HiFT alone": theirs["vocoder"] / ours["vocoder"],
    }
    speed = [
        Goal(f"{what} against chatterbox-tts", f">= {FASTER}x", f"{ratio:.2f}x", ratio >= FASTER)
        for what, ratio in ratios.items()
    ]
    return [
        *speed,
        Goal(
            "largest difference of the mels, relative",
            f"<= {CLOSE:g}",
            f"{error:.1e}",
            error <= CLOSE,
        ),
    ]
