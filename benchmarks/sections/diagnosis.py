"""`diagnose` over everything that can be planted: is the cause that it names first the one that was planted?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from benchmarks.section import BenchContext, Goal, Section
from benchmarks.sections.accuracy import share, text
from corpus.combined.cases import CaseAnswer, iter_healthy_cases, iter_planted_cases, judge_case

AIM = 0.90
EACH, EACH_QUICK = 6, 2
"""Cases of each defect of weights and sound; a mistake of computation has fewer places to be made in."""


def run(bench: BenchContext) -> Section:
    """All four corpora, and what is right, through one command."""
    each = EACH_QUICK if bench.quick else EACH
    planted = [judge_case(case) for case in iter_planted_cases(each)]
    healthy = [judge_case(case) for case in iter_healthy_cases(each)]
    every, alarms = (
        share(one.is_right for one in planted),
        [one for one in healthy if not one.is_right],
    )
    goals = [
        Goal("cause, top-1, all corpora", f">= {AIM:.0%}", text(every), every[0] >= AIM * every[1]),
        Goal(
            "false verdicts on what is right", "0", f"{len(alarms)} of {len(healthy)}", not alarms
        ),
    ]
    intro = (
        "`auscult diagnose` is given what its user would have: checkpoint and original or code (weights), two live models "
        "(computation), one or two recordings and the model's config (sound), and all of these at once for the trained vocoder "
        "broken in one place (stories). The answer is the cause that is named first; of a sound alone, the symptom. Seeds, "
        f"voices and texts set no threshold; at least {each} cases of a defect where it can be planted in so many ways, sounds "
        "from the weakest strength that has to be found to the strongest. Right and wrong is decided by the verdict for what is "
        "right: correct ports of weights and of computation, clean recordings alone, beside themselves, and after Opus, Vorbis "
        "and MP3, the vocoder unbroken."
        + _told("Missed", planted)
        + _told("False verdicts", healthy)
    )
    rows = [(kind, *row) for kind, row in _rows(planted, healthy).items()]
    return Section(
        "Diagnosis",
        intro,
        ("corpus", "cases", "top-1", "right things", "false verdicts"),
        rows,
        goals,
    )


def _rows(
    planted: Iterable[CaseAnswer], healthy: Iterable[CaseAnswer]
) -> Mapping[str, tuple[str, str, str, str]]:
    rows = {}
    for kind in dict.fromkeys(one.case.kind for one in planted):
        found = share(one.is_right for one in planted if one.case.kind == kind)
        kept = share(one.is_right for one in healthy if one.case.kind == kind)
        rows[kind] = (str(found[1]), text(found), str(kept[1]), str(kept[1] - kept[0]))
    return rows


def _told(what: str, answers: Iterable[CaseAnswer], most: int = 24) -> str:
    wrong = [
        f"{one.case.kind} `{one.case.label}`: {one.named_cause}"
        for one in answers
        if not one.is_right
    ]
    more = f"; and {len(wrong) - most} more" if len(wrong) > most else ""
    return f"\n\n{what}: {'; '.join(wrong[:most])}{more}" if wrong else ""
