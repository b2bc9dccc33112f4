"""Mistakes of computation, planted in torch and MLX ports: is the cause named, the place exact, a correct port left alone?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from benchmarks.section import BenchContext, Goal, Section
from benchmarks.sections.accuracy import share, text
from corpus.computation.exports import (
    EXPORTABLE,
    find_export_alarm,
    is_planted_in_graphs,
    judge_export,
)
from corpus.computation.judge import (
    ComputationJudgement,
    find_port_alarm,
    iter_cases,
    iter_ports,
    judge_plant,
)
from corpus.computation.plants import PLANTS

CAUSE, PLACE, MAX_FALSE_ALARMS = 0.90, 0.95, 0.01


def run(bench: BenchContext) -> Section:
    """Judge the whole corpus."""
    seeds = 1 if bench.quick else 4
    judged: dict[str, list[ComputationJudgement]] = {}
    misses: list[str] = []
    for plant, framework, seed in iter_cases(seeds):
        judgement = judge_plant(plant, framework, seed)
        if judgement is None:
            continue
        judged.setdefault(plant.cause, []).append(judgement)
        misses += missed(f"`{plant.label}` in {framework}, seed {seed}", judgement)
    graphs, left_out = in_graphs(1 if bench.quick else 2, misses)
    alarms = [
        (f"{name} as {port}, seed {seed}", find_port_alarm(name, port, seed))
        for name, port, seed in iter_ports(seeds)
    ]
    alarms += [
        (f"{name} as ONNX, seed {seed}", find_export_alarm(name, seed))
        for name in EXPORTABLE
        for seed in range(seeds)
    ]
    raised = [f"{where}: {what}" for where, what in alarms if what]
    everything, exported = (
        [one for group in found.values() for one in group] for found in (judged, graphs)
    )
    goals = [
        *shares("", everything),
        *shares(" in ONNX", exported),
        Goal(
            "false alarms on correct ports",
            f"<= {MAX_FALSE_ALARMS:.0%}",
            text((len(raised), len(alarms))),
            len(raised) <= MAX_FALSE_ALARMS * len(alarms),
        ),
    ]
    rows = [
        (f"`{name}`", str(len(group)), *row(group), *row(graphs.get(name, [])))
        for name, group in sorted(judged.items())
    ]
    intro = (
        "Each mistake planted in a candidate with the reference's weights: a torch copy, and an MLX port with other names and "
        "channels last (`corpus/computation/`): a transformer with rotary positions, a conformer with relative ones, a "
        "conditional-flow decoder with ten guided steps, an LSTM and GRU stack, an iSTFT vocoder, a HiFi-GAN and the modified "
        "StreamSpeech generator. Judged through `auscult compare` with both models live. Then the torch copies again as ONNX "
        f"graphs; {left_out} of the mistakes cannot be in one (dropout, training mode, noise, an inverse STFT). Correct ports: "
        "float16, bfloat16, float64, MLX, MLX in float16, another granularity, dropout taken out, ONNX."
    )
    return Section(
        "Mistakes of computation",
        intro + _listed("Missed", misses) + _listed("False alarms", raised),
        HEADER,
        rows,
        goals,
    )


def in_graphs(seeds: int, misses: list[str]) -> tuple[dict[str, list[ComputationJudgement]], int]:
    """Judgements of exported candidates by cause, and how many plants no graph can have; misses are added to the list."""
    found: dict[str, list[ComputationJudgement]] = {}
    able = [plant for plant in PLANTS if is_planted_in_graphs(plant)]
    for plant in able:
        for seed in range(seeds):
            judgement = judge_export(plant, seed)
            found.setdefault(plant.cause, []).append(judgement)
            misses += missed(f"`{plant.label}` in ONNX, seed {seed}", judgement)
    return found, len(PLANTS) - len(able)


def missed(where: str, judgement: ComputationJudgement) -> list[str]:
    return [] if judgement.top1 and judgement.place else [f"{where}: {judgement.answer}"]


def shares(where: str, judged: Sequence[ComputationJudgement]) -> Iterator[Goal]:
    cause, place = share(one.top1 for one in judged), share(one.place for one in judged)
    yield Goal(f"cause{where}, top-1", f">= {CAUSE:.0%}", text(cause), cause[0] >= CAUSE * cause[1])
    yield Goal(f"place{where} exact", f">= {PLACE:.0%}", text(place), place[0] >= PLACE * place[1])


def row(group: Sequence[ComputationJudgement]) -> tuple[str, str]:
    if not group:
        return "–", "–"
    return text(share(one.top1 for one in group)), text(share(one.place for one in group))


HEADER = ("defect", "cases", "cause", "place", "cause in ONNX", "place in ONNX")
LISTED = 20


def _listed(title: str, lines: list[str]) -> str:
    if not lines:
        return ""
    more = f"; and {len(lines) - LISTED} more" if len(lines) > LISTED else ""
    return f"\n\n{title}: " + "; ".join(lines[:LISTED]) + more
