"""Is the definition of a mel found exactly, and how long does it take?"""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass

import numpy as np

from auscult.errors import AudioError
from auscult.sound.mel import mel_spectrogram
from auscult.sound.mel_definition import MelDefinition
from auscult.sound.mel_search.ambiguity import find_alternatives
from auscult.sound.mel_search.search import search_definition
from auscult.sound.recording import Recording
from benchmarks.section import BenchContext, Goal, Section
from tests.sound.mel_grid import random_definition, sound

AIM = 0.95
FIRST_SEED = 1000
"""Tests and tuning use seeds below."""


@dataclass(frozen=True)
class Case:
    """One search: the settings that came out wrong, and how long it took."""

    kind: str
    wrong: tuple[str, ...]
    seconds: float


def run(bench: BenchContext) -> Section:
    """Definitions drawn from the grid of public vocoders, their mels as float32, as float16, and of samples with a gain."""
    count = 12 if bench.quick else 100
    cases = [
        _case(seed, ("float32", "float16", "peak at 0.95")[0 if seed % 4 else 1 + seed // 4 % 2])
        for seed in _seeds(count)
    ]
    exact = [not case.wrong for case in cases]
    times = sorted(case.seconds for case in cases)
    rows = []
    for kind in dict.fromkeys(case.kind for case in cases):
        group = [case for case in cases if case.kind == kind]
        missed = ", ".join(sorted({f"`{name}`" for case in group for name in case.wrong})) or "–"
        right = sum(not case.wrong for case in group)
        rows.append(
            (kind, str(len(group)), f"{right / len(group):.1%} ({right}/{len(group)})", missed)
        )
    share = sum(exact) / len(exact)
    goals = [
        Goal(
            "definition exact",
            f">= {AIM:.0%}",
            f"{share:.1%} ({sum(exact)}/{len(exact)})",
            share >= AIM,
        ),
        Goal(
            "seconds a search, median",
            "<= 10",
            f"{times[len(times) // 2]:.1f}",
            times[len(times) // 2] <= 10,
        ),
    ]
    text = (
        "Definitions drawn at random from the settings that public vocoders use (`tests/sound/mel_grid.py`: rate, transform, "
        "hop, window, bands, edges, scale, norm, magnitude or power, logarithm, floor, range, normalisation, padding), each with "
        "the mel of 2 to 5 s of made sound, a third of them transposed, then searched for without any hint. Exact means that "
        "every one of 22 settings is the true one, or that the answer itself lists the true one as open (a floor "
        f"that no value reaches). Slowest search: {times[-1]:.1f} s."
    )
    return Section(
        "Definitions of mel spectrograms",
        text,
        ("mel", "cases", "exact", "settings that were wrong"),
        rows,
        goals,
    )


def _seeds(count: int) -> range:
    return range(FIRST_SEED, FIRST_SEED + count)


def _case(seed: int, kind: str) -> Case:
    rng = np.random.default_rng(seed)
    truth = random_definition(rng)
    recording = sound(truth.sample_rate, float(rng.choice([2.0, 3.0, 5.0])), seed)
    samples = recording.mono
    if kind.startswith("peak"):
        samples = samples * np.float32(0.95 / np.abs(samples).max())
    mel = mel_spectrogram(samples, truth)
    mel = mel.astype(np.float16) if kind == "float16" else mel
    started = time.perf_counter()
    try:
        wrong = _wrong(recording, mel.T if rng.random() < 0.3 else mel, truth)
    except AudioError:
        wrong = ("not found",)
    return Case(kind, wrong, time.perf_counter() - started)


def _wrong(recording: Recording, mel: np.ndarray, truth: MelDefinition) -> tuple[str, ...]:
    found = search_definition(recording, mel)
    samples = recording.resample(found.definition.sample_rate).mono
    still_open = find_alternatives(samples, found.mel, found.definition, found.compression.gain)
    mine = asdict(found.definition)
    return tuple(
        name
        for name, value in asdict(truth).items()
        if mine[name] != value and value not in still_open.get(name, ())
    )
