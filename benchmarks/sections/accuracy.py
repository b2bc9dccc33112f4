"""Is the first cause right, the place exact, the repair true, and how often does a correct port raise an alarm?"""

from __future__ import annotations

from collections.abc import Iterable

from benchmarks.section import BenchContext, Goal, Section
from corpus.corpus import iter_corpus
from corpus.judge import WeightJudgement, judge_planted

AIM = 0.95
MAX_FALSE_ALARMS = 0.01


def run(bench: BenchContext) -> Section:
    """Judge the whole corpus."""
    judged: dict[str, list[WeightJudgement]] = {}
    misses: list[str] = []
    for cause, label, planted in iter_corpus(seeds=1 if bench.quick else 4, widths=(16, 32)):
        judgement = judge_planted(planted)
        judged.setdefault(cause, []).append(judgement)
        if not judgement.top1 or judgement.place is False or judgement.repair is False:
            misses.append(f"`{cause}` on {label}: {judgement.answer}")
    defects = [j for cause, group in judged.items() if not cause.startswith("port:") for j in group]
    ports = [j for cause, group in judged.items() if cause.startswith("port:") for j in group]
    goals = [
        goal("cause, top-1", (j.top1 for j in defects)),
        goal("place exact", (j.place for j in defects)),
        goal("repair exact", (j.repair for j in defects)),
    ]
    alarms = share(j.false_alarm for j in ports)
    goals.append(
        Goal(
            "false alarms on correct ports",
            f"<= {MAX_FALSE_ALARMS:.0%}",
            text(alarms),
            alarms[0] <= MAX_FALSE_ALARMS * alarms[1],
        )
    )
    rows = [
        (f"`{cause}`", str(len(group)), *(text(share(values)) for values in columns(group)))
        for cause, group in judged.items()
    ]
    note = (
        ""
        if not misses
        else "\n\nMissed: "
        + "; ".join(misses[:20])
        + (f"; and {len(misses) - 20} more" if len(misses) > 20 else "")
    )
    intro = (
        "Every defect that shows in weights, planted on five networks of audio shape at two widths with several seeds and on "
        "the trained vocoder (`corpus/`), then `auscult diff` or `inspect`. "
        "Repair means: `diff --fix` gives the original back." + note
    )
    return Section(
        "Accuracy on planted defects",
        intro,
        ("defect", "cases", "top-1", "place", "repair", "false alarms"),
        rows,
        goals,
    )


def columns(group: list[WeightJudgement]) -> tuple[Iterable[bool | None], ...]:
    is_port = group[0].false_alarm is not None
    top1 = (None if is_port else j.top1 for j in group)
    return top1, (j.place for j in group), (j.repair for j in group), (j.false_alarm for j in group)


def share(values: Iterable[bool | None]) -> tuple[int, int]:
    """How many are true, of how many that arise."""
    known = [value for value in values if value is not None]
    return sum(known), len(known)


def text(counted: tuple[int, int]) -> str:
    return f"{counted[0] / counted[1]:.1%} ({counted[0]}/{counted[1]})" if counted[1] else "–"


def goal(what: str, values: Iterable[bool | None]) -> Goal:
    counted = share(values)
    return Goal(what, f">= {AIM:.0%}", text(counted), counted[0] >= AIM * counted[1])
