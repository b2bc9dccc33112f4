"""Chatterbox's T3 in torch on the CPU: tokens per second, ours against chatterbox-tts 0.1.7, in one process and in turn."""

from __future__ import annotations

import importlib.util
import os
import statistics
import time
from collections.abc import Callable
from typing import Any
from unittest import mock

import numpy as np

from benchmarks.section import BenchContext, Goal, Section

TITLE = "Chatterbox's T3"
FASTER = 1.3
LAYERS, QUICK_LAYERS = 6, 2
START = 6561


def run(bench: BenchContext) -> Section:
    """The same sentence from the same weights by both sides, the likeliest token each time."""
    if importlib.util.find_spec("chatterbox") is None:
        goal = Goal(
            "T3 against chatterbox-tts",
            f">= {FASTER}x",
            "the reference is not installed (peers.txt)",
            None,
        )
        return Section(TITLE, "Needs the packages of `peers.txt`.", goals=[goal])
    import torch

    layers, rounds = (QUICK_LAYERS, 1) if bench.quick else (LAYERS, 3)
    before = torch.get_num_threads()
    torch.set_num_threads(min(2, len(os.sched_getaffinity(0))))
    try:
        theirs, ours = sides(layers)
        for side in (theirs, ours):
            side(2)  # imports and first allocations are not in the figures
        rows, ratios, same = [], [], True
        for tokens in (25, 100) if bench.quick else (50, 200):
            taken: dict[str, list[float]] = {"chatterbox-tts": [], "ours": []}
            said: dict[str, list[int]] = {}
            for _ in range(rounds):
                for name, side in (("chatterbox-tts", theirs), ("ours", ours)):
                    start = time.perf_counter()
                    said[name] = side(tokens)
                    taken[name].append(len(said[name]) / (time.perf_counter() - start))
            same = same and said["chatterbox-tts"] == said["ours"]
            speeds = {name: statistics.median(runs) for name, runs in taken.items()}
            ratios.append(speeds["ours"] / speeds["chatterbox-tts"])
            speed = (f"{speeds[name]:.1f}" for name in taken)
            rows.append((f"{tokens} tokens", *speed, f"{ratios[-1]:.2f}x"))
    finally:
        torch.set_num_threads(before)
    slowest = min(ratios)
    return Section(
        TITLE,
        f"{layers} of the 30 layers at full width, random weights, 40 tokens of text, guidance (two rows), float32, two threads; "
        "tokens per second, the beginning among them, medians. The weights are read once a token by both sides, which bounds "
        "what can be won at full depth.",
        ("sentence", "chatterbox-tts", "ours", "ratio"),
        rows,
        [
            Goal(
                "T3 against chatterbox-tts", f">= {FASTER}x", f"{slowest:.2f}x", slowest >= FASTER
            ),
            Goal("the same tokens", "all", "all" if same else "others", same),
        ],
    )


Side = Callable[[int], list[int]]


def sides(layers: int) -> tuple[Side, Side]:
    """Both sides with the same weights: how many tokens to the tokens."""
    import torch

    from auscult.families.chatterbox_t3.config import Config
    from auscult.families.chatterbox_t3.generate import Condition, framed, speak
    from auscult.families.chatterbox_t3.sampling import Sampling
    from auscult.families.chatterbox_t3.torch import Decoder, build, load
    from tests.families.chatterbox import randomise, reference

    package = reference("models.t3.t3")
    with mock.patch.dict(
        package.LLAMA_CONFIGS["Llama_520M"], {"num_hidden_layers": layers, "torch_dtype": "float32"}
    ):
        module = randomise(package.T3()).float()
    model = build(Config(layers=layers))
    load(model, module.state_dict())
    rng = np.random.default_rng(0)
    condition = Condition(rng.standard_normal(256).astype(np.float32), rng.integers(0, START, 150))
    text = rng.integers(1, 255, 40)
    given = package.T3Cond(
        speaker_emb=torch.from_numpy(condition.speaker)[None],
        cond_prompt_speech_tokens=torch.from_numpy(condition.prompt)[None],
        emotion_adv=condition.emotion * torch.ones(1, 1, 1),
    )
    rows = torch.from_numpy(framed(text, model.config))[None].repeat(2, 1)

    def theirs(tokens: int) -> list[int]:
        with (
            mock.patch.object(torch, "multinomial", likeliest),
            mock.patch.object(package, "tqdm", lambda steps, **_: steps),
        ):
            return list(
                module.inference(t3_cond=given, text_tokens=rows, max_new_tokens=tokens, top_p=1.0)[
                    0
                ].tolist()
            )

    def ours(tokens: int) -> list[int]:
        sampling = Sampling(temperature=0, max_tokens=tokens)
        return list(
            speak(
                Decoder(model, text, condition), model.config, sampling, iter([0.0] * tokens)
            ).sampled.tolist()
        )

    return theirs, ours


def likeliest(chances: Any, num_samples: int) -> Any:  # noqa: ARG001
    """In the place of torch's draw."""
    return chances.argmax(-1, keepdim=True)
