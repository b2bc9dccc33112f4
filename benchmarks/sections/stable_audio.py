"""Stable Audio Open Small at full size with random weights: a transformer step, eight of them with the decoder, the decoder.

`python -m benchmarks.sections.stable_audio WHAT WHO FRAMES FILE` is one measurement in a process of its own, so that the peak of
its memory is its own; `run` asks for them in turn. FILE is a checkpoint as the package itself saves it.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.section import BenchContext, Goal, Section

FULL = 256
QUICK = 64
WHATS = ("open", "step", "decode", "generate")
WHOS = ("stable-audio-tools", "auscult")
STEPS = 8
SPEED_AIM, MEMORY_AIM = 1.3, 0.7


def run(bench: BenchContext) -> Section:
    """Each task by each side in turn; medians of the times, and the largest memory of the runs."""
    frames = QUICK if bench.quick else FULL
    turns = 1 if bench.quick else 3
    taken: dict[tuple[str, str], list[dict[str, float]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        file = str(Path(folder) / "model.safetensors")
        _measured("save", WHOS[0], frames, file)
        for what in WHATS:
            for _ in range(turns):
                for who in WHOS:
                    taken.setdefault((what, who), []).append(_measured(what, who, frames, file))
        for seconds in (3, 6, 12):
            taken[f"cost of {seconds} s", "auscult"] = [
                _measured("generate", "auscult", round(seconds * 44100 / 2048), file)
            ]
    rows, goals = [], []
    for (what, who), runs in taken.items():
        row = (
            f"{_median(runs, 'seconds'):.2f}",
            f"{_median(runs, 'processor'):.2f}",
            f"{_peak(runs):,.0f}",
        )
        rows.append((what, who, *row))
    for what in WHATS[1:]:
        theirs, ours = (taken[what, who] for who in WHOS)
        speed = _median(theirs, "processor") / _median(ours, "processor")
        memory = _peak(ours) / _peak(theirs)
        goals.append(
            Goal(
                f"{what}: processor time",
                f">= {SPEED_AIM}x faster",
                f"{speed:.2f}x",
                speed >= SPEED_AIM,
            )
        )
        goals.append(
            Goal(
                f"{what}: peak memory", f"<= {MEMORY_AIM}x", f"{memory:.2f}x", memory <= MEMORY_AIM
            )
        )
    text = (
        f"497 M parameters in float32 with random weights, {frames} latent frames ({frames * 2048 / 44100:.1f} s of stereo at "
        f"44.1 kHz), {STEPS} ping-pong steps, on two threads; each figure from a process of its own, the two sides in turn, "
        f"{turns} run{'s' * (turns != 1)} each. Peak memory is the whole process's resident set, Python included. `open` is "
        "from the file to a model as each package does it; in the other rows the reference makes its weights in place. Ours "
        "are views of the checkpoint; the pages of a block of the transformer are given back to the system behind it, which "
        "keeps them in its cache as long as it has memory to spare, and that is not counted. A step is matrix products for "
        "nine tenths of its time, which both sides leave to the same library. Equal outputs are what "
        "`tests/families/stable_audio/test_parity.py` asserts."
    )
    return Section(
        "Stable Audio Open Small",
        text,
        ("what", "by", "seconds", "processor s", "peak MiB"),
        rows,
        goals,
    )


def _median(runs: list[dict[str, float]], figure: str) -> float:
    return statistics.median(each[figure] for each in runs)


def _peak(runs: list[dict[str, float]]) -> float:
    return max(each["mebibytes"] for each in runs)


def _measured(what: str, who: str, frames: int, file: str) -> dict[str, float]:
    command = [
        sys.executable,
        "-m",
        "benchmarks.sections.stable_audio",
        what,
        who,
        str(frames),
        file,
    ]
    quiet = os.environ | {"OMP_WAIT_POLICY": "PASSIVE"}  # waiting is no processor time
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=quiet)
    measured: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return measured


def _once(what: str, who: str, frames: int, file: str) -> dict[str, float]:
    import torch

    torch.set_num_threads(2)
    torch.manual_seed(0)
    with torch.inference_mode():
        work = (_ours if who == "auscult" else _theirs)(what, frames, file)
        if what == "step":
            work()
        began, used = time.perf_counter(), time.process_time()
        work()
        taken = {"seconds": time.perf_counter() - began, "processor": time.process_time() - used}
    return taken | {"mebibytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


def _filled(build: Callable[[], Any]) -> Any:
    """A module built without memory, then filled with small numbers: nothing is ever there twice."""
    import torch

    with torch.device("meta"):
        module = build()
    module = module.to_empty(device="cpu").eval()
    for parameter in module.parameters():
        parameter.data.normal_(0, 0.02)
    for buffer in module.buffers():
        buffer.zero_()
    return module


def _given(frames: int) -> tuple[Any, Any, Any, Any]:
    import torch

    return (
        torch.randn(1, 64, frames),
        torch.tensor([0.7]),
        torch.randn(1, 65, 768),
        torch.randn(1, 768),
    )


def _ours(what: str, frames: int, file: str) -> Callable[[], Any]:
    import torch

    from auscult.checkpoint import open_checkpoint
    from auscult.families._torch import load
    from auscult.families.stable_audio.config import OPEN_SMALL
    from auscult.families.stable_audio.runtimes import (
        build_torch_model,
        collect_planned_arrays,
        read_state,
    )
    from auscult.families.stable_audio.samplers import sample
    from auscult.families.stable_audio.signature import plan
    from auscult.families.stable_audio.torch_vae import Autoencoder

    config = replace(OPEN_SMALL, sample_size=frames * OPEN_SMALL.hop)
    x, t, cross, globals = _given(frames)
    if what == "open":
        return lambda: build_torch_model(*read_state(Path(file)))
    if what == "decode":
        autoencoder = {
            name: shape for name, shape in plan(config).items() if name.startswith("pretransform")
        }
        with torch.device("meta"):
            decoder = Autoencoder(config, "fused")
        state = collect_planned_arrays(open_checkpoint(file), autoencoder)
        load(
            decoder,
            {name: torch.from_numpy(value) for name, value in state.items()},
            "pretransform.model.",
        )
        return lambda: decoder.decode(x)
    if what == "step":
        alone = replace(config, vae_kernels=())
        transformer = build_torch_model(
            alone, collect_planned_arrays(open_checkpoint(file), plan(alone))
        ).transformer
        prepared = transformer.prepare(cross, globals)
        return lambda: transformer.velocity(x, t, prepared)
    model = build_torch_model(config, collect_planned_arrays(open_checkpoint(file), plan(config)))

    def generate() -> Any:
        ready = model.transformer.prepare(cross, globals)
        latent = sample(
            "pingpong",
            lambda state, time_of: model.transformer.velocity(
                state, torch.full((1,), time_of), ready
            ),
            x,
            lambda _: torch.randn_like(x),
            model.config,
            steps=STEPS,
            length=frames,
        )
        return model.autoencoder.decode(latent)

    return generate


def _theirs(what: str, frames: int, file: str) -> Callable[[], Any]:
    from auscult.families.stable_audio.config import OPEN_SMALL
    from tests.families.stable_audio import reference

    config = replace(OPEN_SMALL, sample_size=frames * OPEN_SMALL.hop)
    x, t, cross, globals = _given(frames)
    package = reference.modules()
    if what in ("open", "save"):
        return lambda: (_loaded if what == "open" else _save)(lambda: reference.bare(config), file)
    if what == "decode":
        decoder = _filled(lambda: reference.autoencoder(package, config))
        return lambda: decoder.decode(x)
    if what == "step":
        transformer = _filled(lambda: reference.transformer(package, config))
        return lambda: transformer(x, t, cross_attn_cond=cross, global_cond=globals)
    model = _filled(lambda: reference.bare(config))
    told = {"cross_attn_cond": cross, "global_cond": globals}

    def generate() -> Any:
        options = {"init_data": None, "steps": STEPS, "sampler_type": "pingpong", "device": "cpu"}
        latent = package.sampling.sample_rf(model.model, x, **options, **told)
        return model.pretransform.decode(latent)

    return generate


def _save(build: Callable[[], Any], file: str) -> None:
    from safetensors.torch import save_file

    save_file(_filled(build).state_dict(), file)


def _loaded(build: Callable[[], Any], file: str) -> Any:
    """As stable-audio-tools' get_pretrained_model does it."""
    from safetensors.torch import load_file

    model = build()
    model.load_state_dict(load_file(file))
    return model


if __name__ == "__main__":
    print(json.dumps(_once(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4])))
