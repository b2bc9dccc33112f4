"""Real ports with shared random weights: what `compare` and `diff` say of pairs of public implementations."""

from __future__ import annotations

import shutil
import tempfile
from importlib import metadata
from pathlib import Path

from benchmarks.real_ports.find import find_pairs, judge_quietly
from benchmarks.real_ports.judge import Outcome
from benchmarks.real_ports.mismatches import MISMATCHES
from benchmarks.real_ports.packages import PINNED
from benchmarks.real_ports.pair import Pair
from benchmarks.section import BenchContext, Goal, Section

HEADER = ("pair", "truth", "output error", "compare", "right", "what is said", "diff", "seconds")
MIN_PLACES = 0.95


def run(bench: BenchContext) -> Section:
    """Judge every pair that can be made here; one that cannot is a row that says why."""
    outcomes: list[tuple[Pair, Outcome | str]] = []
    for pair in find_pairs():
        folder = Path(tempfile.mkdtemp(prefix="ports-", dir=bench.scratch))
        try:
            outcomes.append((pair, judge_quietly(pair, folder)))
        finally:
            shutil.rmtree(folder)
    judged = [outcome for _, outcome in outcomes if isinstance(outcome, Outcome)]
    rows = [format_row(pair, outcome) for pair, outcome in outcomes]
    return Section("Real ports", describe_material(judged), HEADER, rows, list_goals(judged))


def list_goals(judged: list[Outcome]) -> list[Goal]:
    """What was aimed at, over all pairs and over those that were held back."""
    equal = [outcome for outcome in judged if not outcome.pair.faults]
    faulty = [outcome for outcome in judged if outcome.pair.faults]
    held_back = [outcome for outcome in judged if outcome.pair.held_back]
    weights = [outcome for outcome in judged if outcome.diff_right is not None]
    named = sum(bool(outcome.explained) for outcome in faulty)
    return [
        build_goal("pairs", "40", len(judged), max(len(judged), 40)),
        build_goal("right verdict where both are equal", "all", count_right(equal), len(equal)),
        build_goal("right verdict where they differ", "all", count_right(faulty), len(faulty)),
        build_goal(
            "right place",
            f">= {MIN_PLACES:.0%}",
            sum(bool(outcome.place_right) for outcome in faulty),
            len(faulty),
            MIN_PLACES,
        ),
        build_goal(
            "no wrong cause",
            "all",
            sum(bool(outcome.cause_right) for outcome in faulty),
            len(faulty),
        ),
        Goal(
            "cause named at the first place",
            "the others honestly unexplained",
            f"{named} of {len(faulty)}",
            None,
        ),
        build_goal("held back: all of this right", "all", count_whole(held_back), len(held_back)),
        build_goal(
            "`diff` of the weights",
            "all",
            sum(bool(outcome.diff_right) for outcome in weights),
            len(weights),
        ),
    ]


def build_goal(what: str, aim: str, right: int, count: int, share: float = 1.0) -> Goal:
    """A goal that a count reaches."""
    return Goal(what, aim, f"{right} of {count}", right >= share * count)


def count_right(outcomes: list[Outcome]) -> int:
    return sum(outcome.verdict_right for outcome in outcomes)


def count_whole(outcomes: list[Outcome]) -> int:
    """Pairs of which verdict, place and cause are right."""
    return sum(
        outcome.verdict_right
        and outcome.place_right is not False
        and outcome.cause_right is not False
        for outcome in outcomes
    )


def format_row(pair: Pair, outcome: Outcome | str) -> tuple[str, ...]:
    """One pair as a row."""
    name = f"{pair.name} *" if pair.held_back else pair.name
    if isinstance(outcome, str):
        return (
            name,
            describe_truth(pair),
            "–",
            "not made",
            "–",
            outcome.replace("|", "/"),
            "–",
            "–",
        )
    wrong = [
        what
        for what, is_right in (
            ("verdict", outcome.verdict_right),
            ("place", outcome.place_right),
            ("cause", outcome.cause_right),
            ("diff", outcome.diff_right),
        )
        if is_right is False
    ]
    return (
        name,
        describe_truth(pair),
        f"{outcome.output_error:.1e}",
        outcome.verdict,
        f"**not {', '.join(wrong)}**" if wrong else "yes",
        outcome.said or "–",
        outcome.diff_verdict or "–",
        f"{outcome.seconds:.1f}",
    )


def describe_truth(pair: Pair) -> str:
    """What is true of the pair, in a few words."""
    if not pair.faults:
        return "equal but for rounded weights" if pair.rounded else "equal"
    causes = ", ".join(fault.causes[0] for fault in pair.faults)
    return f"{causes} (planted)" if pair.planted else causes


def describe_material(judged: list[Outcome]) -> str:
    """What was compared, and what was found out about the packages on the way."""
    versions = ", ".join(
        f"{name} {metadata.version(name)}"
        for name in ("transformers", "torch", "mlx", "onnxruntime")
    )
    pinned = ", ".join(f"{name} {version}" for name, version in PINNED.items())
    planted = sum(outcome.pair.planted for outcome in judged)
    faulty = sum(bool(outcome.pair.faults) for outcome in judged)
    lines = [
        "Small configurations of published models with shared random weights: transformers and original packages against their "
        "own ONNX exports and against ports that others wrote (`benchmarks/real_ports/`, one entry a pair). The truth was "
        "established first, by outputs and hooks of our own: equal pairs are within 2e-5 at the output, and of the others it is "
        f"stated which modules compute otherwise and why. {faulty} pairs differ, {planted} of them since one fault was planted. "
        "`python -m benchmarks.real_ports NAME` judges single pairs, `python -m benchmarks.real_ports.packages` installs what "
        "they need into a folder of its own. Rows with a star were held back: nothing was changed in the tool after they were "
        "first seen. Seconds of comparing alone, on a shared machine.",
        f"Versions: {versions}, {pinned}.",
        "What the packages do otherwise, found on the way:",
        "\n".join(f"- {mismatch}" for mismatch in MISMATCHES),
    ]
    return "\n\n".join(lines)
