"""Mistakes of computation, planted in torch and MLX ports: is the cause named, the place exact, a correct port left alone?"""

from __future__ import annotations

from benchmarks.section import Bench, Goal, Section
from benchmarks.sections.accuracy import share, text
from tests.defects.computation.judge import Judgement, cases, judge, port_alarm, ports

CAUSE, PLACE, MAX_FALSE_ALARMS = 0.90, 0.95, 0.01


def run(bench: Bench) -> Section:
    """Judge the whole corpus."""
    seeds = 1 if bench.quick else 4
    judged: dict[str, list[Judgement]] = {}
    misses: list[str] = []
    for plant, framework, seed in cases(seeds):
        judgement = judge(plant, framework, seed)
        if judgement is None:
            continue
        judged.setdefault(plant.cause, []).append(judgement)
        if not (judgement.top1 and judgement.place):
            misses.append(f"`{plant.label}` in {framework}, seed {seed}: {judgement.answer}")
    alarms = [(f"{name} as {port}, seed {seed}", port_alarm(name, port, seed)) for name, port, seed in ports(seeds)]
    raised = [f"{where}: {what}" for where, what in alarms if what]
    everything = [one for group in judged.values() for one in group]
    cause, place = share(one.top1 for one in everything), share(one.place for one in everything)
    goals = [
        Goal("cause, top-1", f">= {CAUSE:.0%}", text(cause), cause[0] >= CAUSE * cause[1]),
        Goal("place exact", f">= {PLACE:.0%}", text(place), place[0] >= PLACE * place[1]),
        Goal(
            "false alarms on correct ports",
            f"<= {MAX_FALSE_ALARMS:.0%}",
            text((len(raised), len(alarms))),
            len(raised) <= MAX_FALSE_ALARMS * len(alarms),
        ),
    ]
    rows = [
        (f"`{name}`", str(len(group)), text(share(j.top1 for j in group)), text(share(j.place for j in group)))
        for name, group in sorted(judged.items())
    ]
    intro = (
        "Each mistake planted in a candidate with the reference's weights: a torch copy, and an MLX port with other names and "
        "channels last (`tests/defects/computation/`): a conformer-like transformer with rotary positions, a conditional-flow "
        "decoder with ten guided steps, an LSTM and GRU stack, an iSTFT vocoder, a HiFi-GAN and the modified StreamSpeech "
        "generator. Judged through `auscult compare` with both models live. Correct ports: float16, bfloat16, float64, MLX, MLX "
        "in float16, another granularity, dropout taken out."
    )
    return Section(
        "Mistakes of computation", intro + _listed("Missed", misses) + _listed("False alarms", raised), HEADER, rows, goals
    )


HEADER = ("defect", "cases", "cause", "place")
LISTED = 20


def _listed(title: str, lines: list[str]) -> str:
    if not lines:
        return ""
    more = f"; and {len(lines) - LISTED} more" if len(lines) > LISTED else ""
    return f"\n\n{title}: " + "; ".join(lines[:LISTED]) + more
