"""What recording costs: HiFi-GAN V1's forward of one second of audio, plain, recorded, and under other tools' debuggers."""

from __future__ import annotations

import contextlib
import io
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from benchmarks.section import BenchContext, Goal, Section

FRAMES = 86  # of 256 samples at 22,050 Hz: one second
LEAVES: dict[str, Any] = {"with_inputs": False, "leaves_only": True}


def run(bench: BenchContext) -> Section:
    """Medians of runs in turn, in one process."""
    model, mel = generator()
    folder = Path(tempfile.mkdtemp(prefix="trace-", dir=bench.scratch))
    try:
        tasks = torch_tasks(model, mel, folder)
        figures = alternate(tasks, bench.runs)
        sizes = {
            name: size for name, size in ((name, written(folder / name)) for name in tasks) if size
        }
        rows = [
            (
                name,
                f"{seconds:.2f}",
                f"{seconds / figures['plain forward']:.2f}x",
                f"{sizes[name] / 1e6:.0f}" if name in sizes else "–",
            )
            for name, seconds in figures.items()
        ]
        goals = torch_goals(figures)
        onnx_rows, onnx_goals = onnx_figures(model, mel, folder, bench)
    finally:
        shutil.rmtree(folder)
    text = (
        "HiFi-GAN V1 (13.9 M parameters, weight norm removed), one second of audio on the CPU: 78 leaf outputs, 174 MB. "
        "Medians of runs in turn in one process, the page cache warm, no fsync; every trace fingerprints the weights anew. ONNX: "
        "whole processes from the model file to the written trace. Polygraphy has one form, every tensor in full, as base64; "
        "against it stand both of ours: in full, every float32 as it is (the default of `auscult trace`), which no lossless file "
        "makes ten times smaller, and as sketches. ONNX Runtime's own run with every tensor as an output is part of all three."
    )
    header = ("what", "seconds", "over the plain forward", "MB written")
    return Section(
        "Recording what layers compute", text, header, [*rows, *onnx_rows], [*goals, *onnx_goals]
    )


def generator() -> tuple[Any, Any]:
    """HiFi-GAN V1 with random weights, and a mel [1, 80, FRAMES]."""
    import torch

    from auscult.families.hifigan import config
    from auscult.families.hifigan.torch import build

    torch.manual_seed(0)
    model = build(config.V1).eval()
    for module in model.modules():
        if torch.nn.utils.parametrize.is_parametrized(module):
            torch.nn.utils.parametrize.remove_parametrizations(module, "weight")
        elif hasattr(module, "weight_g"):
            torch.nn.utils.remove_weight_norm(module)
    return model, torch.randn(1, 80, FRAMES)


def torch_tasks(model: Any, mel: Any, folder: Path) -> dict[str, Callable[[], object]]:
    """What is timed, by name; files are written under the same name."""
    import torch

    from auscult.runtime.live import trace

    def plain() -> None:
        with torch.no_grad():
            model(mel)

    def recorded(path: Path | None = None, **options: Any) -> None:
        if path is not None:
            path.unlink(missing_ok=True)
        with torch.no_grad(), trace(model, path, **options):
            model(mel)

    full, everything = (
        "auscult, full to disk",
        "auscult, full to disk, inputs and composite modules too",
    )
    tasks: dict[str, Callable[[], object]] = {
        "plain forward": plain,
        "auscult, statistics": lambda: recorded(detail="statistics", **LEAVES),
        "auscult, statistics and sketch": lambda: recorded(detail="sketch", **LEAVES),
        full: lambda: recorded(folder / full, **LEAVES),
        everything: lambda: recorded(folder / everything),
    }
    return {**tasks, **peers(model, mel, folder)}


def peers(model: Any, mel: Any, folder: Path) -> dict[str, Callable[[], object]]:
    """The other tools that are installed."""
    import torch

    found: dict[str, Callable[[], object]] = {}
    with contextlib.suppress(ImportError):
        import torchlens

        def lens() -> None:
            with torch.no_grad(), contextlib.redirect_stdout(io.StringIO()):
                torchlens.trace(model, mel)

        found["TorchLens, in memory"] = lens
    with contextlib.suppress(ImportError):
        from transformers.model_debugging_utils import model_addition_debugger_context

        def debugger() -> None:
            place = folder / "transformers"
            shutil.rmtree(place, ignore_errors=True)
            with (
                torch.no_grad(),
                model_addition_debugger_context(
                    model, debug_path=str(place), do_prune_layers=False, use_repr=False
                ),
            ):
                model.forward(mel)

        found["transformers, model_addition_debugger (to disk)"] = debugger
    return found


def alternate(tasks: Mapping[str, Callable[[], object]], runs: int) -> dict[str, float]:
    """Median seconds of each, taken in turn after a warm-up."""
    for task in tasks.values():
        task()
    taken: dict[str, list[float]] = {name: [] for name in tasks}
    for _ in range(runs):
        for name, task in tasks.items():
            start = time.perf_counter()
            task()
            taken[name].append(time.perf_counter() - start)
    return {name: statistics.median(seconds) for name, seconds in taken.items()}


def written(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def torch_goals(figures: Mapping[str, float]) -> list[Goal]:
    plain = figures["plain forward"]
    sketch, full = (
        figures["auscult, statistics and sketch"] / plain,
        figures["auscult, full to disk"] / plain,
    )
    goals = [
        Goal(
            "statistics and sketch of 78 leaf outputs",
            "<= 1.2x the plain forward",
            f"{sketch:.2f}x",
            sketch <= 1.2,
        ),
        Goal(
            "all 78 leaf outputs to disk", "<= 1.6x the plain forward", f"{full:.2f}x", full <= 1.6
        ),
    ]
    for name, seconds in figures.items():
        if name.startswith(("TorchLens", "transformers")):
            goals.append(
                Goal(
                    f"full to disk, against {name}",
                    "faster",
                    f"{seconds / plain:.2f}x",
                    full < seconds / plain,
                )
            )
    return goals


def onnx_figures(
    model: Any, mel: Any, folder: Path, bench: BenchContext
) -> tuple[list[tuple[str, ...]], list[Goal]]:
    """All intermediates of the exported model to disk: ours and Polygraphy's command line."""
    import sys

    import numpy as np
    import torch

    from benchmarks.process import compare_commands

    binaries = Path(sys.executable).parent
    names = ("g.onnx", "mel.npz", "ours.safetensors", "sketch.safetensors", "theirs.json")
    file, inputs, ours, sketch, theirs = (folder / name for name in names)
    with contextlib.redirect_stdout(io.StringIO()):
        torch.onnx.export(
            model, (mel,), str(file), input_names=["mel"], output_names=["wav"], dynamo=False
        )
    np.savez(inputs, mel=mel.numpy())
    command = [
        str(binaries / "auscult"),
        "trace",
        str(file),
        "--inputs",
        str(inputs),
        "--force",
        "-o",
    ]
    commands = {
        "auscult trace g.onnx": [*command, str(ours)],
        "auscult trace g.onnx --detail sketch": [*command, str(sketch), "--detail", "sketch"],
    }
    polygraphy = binaries / "polygraphy"
    if polygraphy.exists():
        all_outputs = ["--onnxrt", "--onnx-outputs", "mark", "all", "--save-outputs", str(theirs)]
        commands["polygraphy run --onnx-outputs mark all"] = [
            str(polygraphy),
            "run",
            str(file),
            *all_outputs,
        ]
    figures = compare_commands(commands, 1 if bench.quick else 3)
    sizes = {
        name: written(path) for name, path in zip(commands, (ours, sketch, theirs), strict=False)
    }
    rows: list[tuple[str, ...]] = [
        (name, f"{figure.seconds:.2f}", "–", f"{sizes[name] / 1e6:.0f}")
        for name, figure in figures.items()
    ]
    if len(figures) < len(names) - 2:
        return rows, [
            Goal("ONNX, against Polygraphy", ">= 10x faster and smaller", "not installed", None)
        ]
    times, bytes_ = [figure.seconds for figure in figures.values()], list(sizes.values())
    goals = []
    for place, what in enumerate(("in full", "as sketches")):
        faster, smaller = times[2] / times[place], bytes_[2] / bytes_[place]
        result = f"{faster:.1f}x faster, {smaller:.1f}x smaller"
        goals.append(
            Goal(
                f"ONNX intermediates {what}, against Polygraphy",
                ">= 10x both",
                result,
                faster >= 10 and smaller >= 10,
            )
        )
    return rows, goals
