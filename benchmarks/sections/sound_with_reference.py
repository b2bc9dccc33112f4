"""What is heard beside a reference: causes by strength, harmless pairs, how exact lag, rate, gain and stretch are, peers."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from benchmarks.figure_peers import compare_side_by_side
from benchmarks.precision import AIMS, MeasurementError, measure_errors
from benchmarks.section import BenchContext, Goal, Section, format_table
from corpus.sound.harmless import HarmlessPair, find_alarms, iter_pairs, iter_vocoded_pairs
from corpus.sound.judge import SoundJudgement, iter_cases, judge_planted, plant_defect
from corpus.sound.material import Clip, make_clips
from corpus.sound.plant import iter_planters

AIM_TOP1 = 0.95
MAX_FALSE_ALARMS = 0.01
FIRST = 70000
"""Of the held-out clips; tests and calibration use other seeds, voices and sentences."""
OWN_CODES = ("SND04", "SND05")
"""The rules that need a reference."""


@dataclass(frozen=True)
class Harmless:
    """Pairs of one harmless difference, and how many raised which alarms."""

    pairs: int
    alarms: Counter[str]


def run(bench: BenchContext) -> Section:
    """Judge held-out voices, tunes and instruments against their originals."""
    material = make_clips(30, held_out=True, first=FIRST)
    judged = judge_all(material[:: 7 if bench.quick else 2])
    audible = [j.top1 for rows in judged.values() for j in rows if j.planted.is_audible]
    harmless = listen_to_all(
        [
            *iter_pairs(material[: 3 if bench.quick else 15]),
            *iter_vocoded_pairs(2 if bench.quick else 16),
        ]
    )
    found = measure_errors(material[:: 10 if bench.quick else 4])
    rates = {
        cause: share for cause, share in shares(harmless).items() if cause.startswith(OWN_CODES)
    }
    worst = max(rates.values(), default=0.0)
    total = sum(each.pairs for each in harmless.values())
    goals = [
        Goal(
            "cause, top-1, at audible strengths",
            f">= {AIM_TOP1:.0%}",
            told(audible),
            bool(np.mean(audible) >= AIM_TOP1),
        ),
        Goal(
            "false alarms of the worst rule with a reference",
            f"<= {MAX_FALSE_ALARMS:.0%}",
            f"{worst:.1%} of {total} harmless pairs",
            worst <= MAX_FALSE_ALARMS,
        ),
        *precision_goals(found),
    ]
    text = (
        "Defects of graded strength planted on held-out clips (speech in eight languages, music, instruments; 16 to 48 kHz, mono "
        "and stereo), then `auscult listen` with the clean clip as the reference. Strengths in bold have to be found.\n\n"
        f"{harmless_table(harmless)}\n\n{precision_table(found)}\n\n{compare_side_by_side()}"
    )
    return Section(
        "Beside a reference",
        text,
        ("defect", "found (top-1) by strength", "unit"),
        rows_of(judged),
        goals,
    )


def judge_all(material: list[Clip]) -> dict[str, list[SoundJudgement]]:
    """Every planter that needs a reference, at every strength."""
    judged: dict[str, list[SoundJudgement]] = defaultdict(list)
    for planter, clip, strength, seed in iter_cases(material, level="reference"):
        judged[planter.NAME].append(judge_planted(plant_defect(planter, clip, strength, seed)))
    return judged


def rows_of(judged: dict[str, list[SoundJudgement]]) -> list[tuple[str, str, str]]:
    """A sensitivity curve per cause: weak to strong."""
    units = {
        planter.NAME: planter.UNIT for planter in iter_planters() if planter.LEVEL == "reference"
    }
    rows = []
    for name, judgements in judged.items():
        curve = []
        for strength in dict.fromkeys(j.planted.strength for j in judgements):
            here = [j for j in judgements if j.planted.strength == strength]
            cell = f"{strength:.3g}: {np.mean([j.top1 for j in here]):.0%}"
            curve.append(f"**{cell}**" if here[0].planted.is_audible else cell)
        rows.append((f"`{name}`", ", ".join(curve), units[name]))
    return rows


def listen_to_all(every: Iterable[HarmlessPair]) -> dict[str, Harmless]:
    """What each harmless difference raises."""
    found: dict[str, Harmless] = defaultdict(lambda: Harmless(0, Counter()))
    for pair in every:
        before = found[pair.change]
        found[pair.change] = Harmless(before.pairs + 1, before.alarms + Counter(find_alarms(pair)))
    return found


def shares(found: dict[str, Harmless]) -> dict[str, float]:
    """Per alarm, the share of all pairs that raise it."""
    total = sum((each.alarms for each in found.values()), Counter[str]())
    return {
        alarm: count / sum(each.pairs for each in found.values()) for alarm, count in total.items()
    }


def harmless_table(found: dict[str, Harmless]) -> str:
    rows = []
    for change, each in found.items():
        own = {alarm: count for alarm, count in each.alarms.items() if alarm.startswith(OWN_CODES)}
        others = {alarm: count for alarm, count in each.alarms.items() if alarm not in own}
        rows.append((change, str(each.pairs), _counts(own), _counts(others)))
    head = ("difference", "pairs", "false alarms of rules with a reference", "of the other rules")
    return f"Pairs that differ without a defect:\n\n{format_table(head, rows)}"


def _counts(alarms_of: dict[str, int]) -> str:
    return ", ".join(f"`{alarm}` {count}" for alarm, count in alarms_of.items()) or "none"


def precision_goals(found: list[MeasurementError]) -> list[Goal]:
    """The worst error of each quantity on the waveforms themselves against its aim."""
    goals = []
    for quantity, (aim, unit) in AIMS.items():
        if aim is None:
            continue
        worst = max(
            error.deviation
            for error in found
            if error.quantity == quantity and error.condition == "as it is"
        )
        goals.append(
            Goal(
                f"{quantity}, worst error",
                f"<= {aim:g} {unit}",
                f"{worst:.3g} {unit}",
                worst <= aim,
            )
        )
    return goals


def precision_table(found: list[MeasurementError]) -> str:
    """Median and worst error per quantity and condition."""
    rows = []
    conditions = list(dict.fromkeys(error.condition for error in found))
    for quantity, (_, unit) in AIMS.items():
        cells = []
        for condition in conditions:
            off = [
                error.deviation
                for error in found
                if (error.quantity, error.condition) == (quantity, condition)
            ]
            cells.append(f"{np.median(off):.3g} / {max(off):.3g} ({len(off)})" if off else "–")
        rows.append((quantity, unit, *cells))
    return f"Errors, median / worst (cases):\n\n{format_table(('measured', 'unit', *conditions), rows)}"


def told(values: list[bool]) -> str:
    return f"{np.mean(values):.1%} ({sum(values)}/{len(values)})"
