"""Defects of training, planted in small trainers: is the cause named first, are healthy ones left alone, how long it takes."""

from __future__ import annotations

import time

from benchmarks.section import BenchContext, Goal, Section
from benchmarks.sections.accuracy import share, text
from corpus.training import collapsed_codec
from corpus.training.corpus import (
    find_alarms,
    find_first_cause,
    iter_healthy_cases,
    iter_planted_cases,
    run_preflight,
)

CAUSE, MAX_FALSE_ALARMS, MAX_SECONDS = 0.95, 0.01, 120.0
HEADER = ("defect", "cases", "cause first")


def run(bench: BenchContext) -> Section:
    """Judge the whole corpus."""
    from auscult.verbs.preflight import preflight

    seeds = 1 if bench.quick else 2
    judged: dict[str, list[bool]] = {}
    misses, longest = [], 0.0
    for case in iter_planted_cases(seeds):
        started = time.monotonic()
        first = find_first_cause(run_preflight(case))
        longest = max(longest, time.monotonic() - started)
        judged.setdefault(str(case.cause), []).append(first == case.cause)
        if first != case.cause:
            misses.append(f"`{case.label}`: {first}")
    cases = list(iter_healthy_cases(seeds))
    raised = [(case.label, find_alarms(run_preflight(case))) for case in cases]
    wrong = [f"`{label}`: {', '.join(causes)}" for label, causes in raised if causes]
    started = time.monotonic()
    story = [
        finding.cause
        for finding in preflight(collapsed_codec.make_trainer(), seconds=110.0).findings
    ]
    seconds = time.monotonic() - started
    top = share(one for group in judged.values() for one in group)
    goals = [
        Goal("cause, top-1", f">= {CAUSE:.0%}", text(top), top[0] >= CAUSE * top[1]),
        Goal(
            "false alarms on healthy trainers",
            f"<= {MAX_FALSE_ALARMS:.0%}",
            text((len(wrong), len(cases))),
            len(wrong) <= MAX_FALSE_ALARMS * len(cases),
        ),
        Goal(
            "a published codec: collapse, then gradient",
            "first two",
            ", ".join(story[:2]),
            story[:2] == ["codebook-collapse", "gradient-scale"],
        ),
        Goal(
            "time for that codec",
            f"< {MAX_SECONDS:.0f} s",
            f"{seconds:.0f} s",
            seconds < MAX_SECONDS,
        ),
    ]
    rows = [
        (f"`{name}`", str(len(group)), text(share(group))) for name, group in sorted(judged.items())
    ]
    intro = (
        "Each defect planted in small trainers of the EnCodec, DAC and HiFi-GAN shapes, and of that codec, where it makes sense"
        f" (`corpus/training/`), judged through `auscult preflight` with 12 steps. The longest case took {longest:.0f} s."
        " A false alarm is an error or a warning on a trainer in which nothing was planted."
    )
    return Section(
        "Preflight",
        intro + _listed("Missed", misses) + _listed("False alarms", wrong),
        HEADER,
        rows,
        goals,
    )


def _listed(title: str, lines: list[str]) -> str:
    return f"\n\n{title}: " + "; ".join(lines) if lines else ""
