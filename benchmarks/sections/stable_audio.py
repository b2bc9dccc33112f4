"""Stable Audio Open Small at full size with random weights: a transformer step, eight of them with the decoder, the decoder.

`python -m benchmarks.sections.stable_audio WHAT WHO FRAMES` is one measurement in a process of its own, so that the peak of its
memory is its own; `run` asks for them in turn.
"""

from __future__ import annotations

import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from benchmarks.section import Bench, Goal, Section

FULL = 256
QUICK = 64
WHATS = ("step", "decode", "generate")
WHOS = ("stable-audio-tools", "auscult")
STEPS = 8
SPEED_AIM, MEMORY_AIM = 1.3, 0.7


def run(bench: Bench) -> Section:
    """Each task by each side in turn; medians of the times, and the largest memory of the runs."""
    frames = QUICK if bench.quick else FULL
    turns = 1 if bench.quick else 3
    taken: dict[tuple[str, str], list[dict[str, float]]] = {}
    for what in WHATS:
        for _ in range(turns):
            for who in WHOS:
                taken.setdefault((what, who), []).append(_measured(what, who, frames))
    for seconds in (3, 6, 12):
        taken[f"cost of {seconds} s", "auscult"] = [_measured("generate", "auscult", round(seconds * 44100 / 2048))]
    rows, goals = [], []
    for (what, who), runs in taken.items():
        time_of = statistics.median(each["seconds"] for each in runs)
        rows.append((what, who, f"{time_of:.2f}", f"{max(each['mebibytes'] for each in runs):,.0f}"))
    for what in WHATS:
        theirs, ours = (taken[what, who] for who in WHOS)
        speed = statistics.median(e["seconds"] for e in theirs) / statistics.median(e["seconds"] for e in ours)
        memory = max(e["mebibytes"] for e in ours) / max(e["mebibytes"] for e in theirs)
        goals.append(Goal(f"{what}: time", f">= {SPEED_AIM}x faster", f"{speed:.2f}x", speed >= SPEED_AIM))
        goals.append(Goal(f"{what}: peak memory", f"<= {MEMORY_AIM}x", f"{memory:.2f}x", memory <= MEMORY_AIM))
    text = (
        f"497 M parameters in float32 with random weights, {frames} latent frames ({frames * 2048 / 44100:.1f} s of stereo at "
        f"44.1 kHz), {STEPS} ping-pong steps, on two threads; each figure from a process of its own, the two sides in turn, "
        f"{turns} run{'s' * (turns != 1)} each. Peak memory is the whole process's, weights and Python included. Equal outputs "
        "are what `tests/families/stable_audio/test_parity.py` asserts."
    )
    return Section("Stable Audio Open Small", text, ("what", "by", "seconds", "peak MiB"), rows, goals)


def _measured(what: str, who: str, frames: int) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.sections.stable_audio", what, who, str(frames)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    measured: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return measured


def _once(what: str, who: str, frames: int) -> dict[str, float]:
    import torch

    torch.set_num_threads(2)
    torch.manual_seed(0)
    with torch.inference_mode():
        work = (_ours if who == "auscult" else _theirs)(what, frames)
        if what == "step":
            work()
        began = time.perf_counter()
        work()
        seconds = time.perf_counter() - began
    return {"seconds": seconds, "mebibytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


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

    return torch.randn(1, 64, frames), torch.tensor([0.7]), torch.randn(1, 65, 768), torch.randn(1, 768)


def _ours(what: str, frames: int) -> Callable[[], Any]:
    import torch

    from auscult.families.stable_audio.config import OPEN_SMALL
    from auscult.families.stable_audio.samplers import sample
    from auscult.families.stable_audio.torch import build
    from auscult.families.stable_audio.torch_dit import Transformer
    from auscult.families.stable_audio.torch_vae import Autoencoder

    config = replace(OPEN_SMALL, sample_size=frames * OPEN_SMALL.hop)
    x, t, cross, globals = _given(frames)
    if what == "decode":
        decoder = _filled(lambda: Autoencoder(config, "fused"))
        return lambda: decoder.decode(x)
    if what == "step":
        transformer = _filled(lambda: Transformer(config))
        prepared = transformer.prepare(cross, globals)
        return lambda: transformer.velocity(x, t, prepared)
    model = _filled(lambda: build(config))

    def generate() -> Any:
        ready = model.transformer.prepare(cross, globals)
        latent = sample(
            "pingpong",
            lambda state, time_of: model.transformer.velocity(state, torch.full((1,), time_of), ready),
            x,
            lambda _: torch.randn_like(x),
            config,
            steps=STEPS,
            length=frames,
        )
        return model.autoencoder.decode(latent)

    return generate


def _theirs(what: str, frames: int) -> Callable[[], Any]:
    from auscult.families.stable_audio.config import OPEN_SMALL
    from tests.families.stable_audio import reference

    config = replace(OPEN_SMALL, sample_size=frames * OPEN_SMALL.hop)
    x, t, cross, globals = _given(frames)
    package = reference.modules()
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


if __name__ == "__main__":
    print(json.dumps(_once(sys.argv[1], sys.argv[2], int(sys.argv[3]))))
