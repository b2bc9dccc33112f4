"""The one run that would settle what the evidence leaves open: a command that holds what was given and names what is missing."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence

from auscult.symptoms import Evidence

Told = Mapping[str, Sequence[str]]
"""What the user gave: words per option of `auscult diagnose`."""

PLACES: Told = {
    "checkpoint": ("CHECKPOINT",),
    "model": ("package.module:callable",),
    "reference-checkpoint": ("THE_ORIGINAL",),
    "traces": ("REFERENCE", "CANDIDATE"),
    "inputs": ("INPUTS",),
    "audio": ("OUTPUT.wav",),
    "reference-audio": ("WHAT_IT_SHOULD_BE.wav",),
    "config": ("config.json",),
    "report": ("report.json",),
}
"""Options in the order in which they are written, and what stands for a file that the user has yet to find."""

OPTIONS: Mapping[Evidence, tuple[str, ...]] = {
    "weights": ("checkpoint",),
    "code": ("checkpoint", "model"),
    "reference-weights": ("checkpoint", "reference-checkpoint"),
    "traces": ("traces",),
    "reference-audio": ("audio", "reference-audio"),
    "config": ("audio", "config"),
}
"""The options of each kind of evidence; that of training comes from `preflight`."""

PREFLIGHT = "auscult preflight package.module:callable"
EVIDENCE = (
    "checkpoint",
    "model",
    "reference-checkpoint",
    "traces",
    "audio",
    "reference-audio",
    "config",
)
INFORMATIVE: tuple[Evidence, ...] = (
    "code",
    "reference-weights",
    "traces",
    "reference-audio",
    "training",
)
"""What to ask for where no symptom points anywhere, the most telling first."""


def run_for(evidence: Evidence, told: Told | None = None) -> str:
    """The command that gives this kind of evidence beside what was given."""
    if evidence == "training":
        return PREFLIGHT
    given = dict(told or {})
    words = ["auscult", "diagnose"]
    for option, place in PLACES.items():
        if option in given or option in OPTIONS[evidence]:
            words += [
                *(() if option == "checkpoint" else (f"--{option}",)),
                *map(shlex.quote, given.get(option, place)),
            ]
    return " ".join(words)


def missing(looked_at: frozenset[Evidence], told: Told) -> str | None:
    """The run that would tell most beside what was looked at; None where nothing is left."""
    if told.keys() <= {"config"}:
        return run_for("config", told)
    sound_alone = told.keys() <= {
        "audio",
        "reference-audio",
        "config",
    }  # what cannot be heard alone comes before what needs a model
    kinds = ("reference-audio", *INFORMATIVE) if sound_alone else INFORMATIVE
    return next((run_for(kind, told) for kind in kinds if kind not in looked_at), None)


def traces_run(told: Told, *, inputs_differ: bool) -> str | None:
    """What settles two traces that differ: the same inputs, or a live model to tell born from grown; None where both are live."""
    reference, candidate = (shlex.quote(name) for name in told.get("traces", PLACES["traces"]))
    if inputs_differ:
        return f"auscult trace package.module:callable --inputs {reference} -o {candidate} --force"
    if not reference.endswith(".safetensors"):
        return None
    return f"auscult compare {reference} {candidate} --ref-model package.module:callable"


def not_given(told: Told) -> tuple[str, ...]:
    """The options of which there was none."""
    return tuple(
        "CHECKPOINT" if option == "checkpoint" else f"--{option}"
        for option in EVIDENCE
        if option not in told
    )


def remake(told: Told) -> str | None:
    """What to do where no repair is possible, but the original is there."""
    if "reference-checkpoint" not in told:
        return None
    original, file = (
        shlex.quote(told.get(name, PLACES[name])[0])
        for name in ("reference-checkpoint", "checkpoint")
    )
    return f"make it again from the original, then: auscult diff {file} {original}"


def repair_of(told: Told) -> str:
    """The command that writes a repaired checkpoint; the other side is the original, or the code."""
    other = told.get("reference-checkpoint") or told.get("model") or PLACES["reference-checkpoint"]
    words = [*told.get("checkpoint", PLACES["checkpoint"]), *other]
    return f"auscult diff {' '.join(map(shlex.quote, words))} --fix repaired.safetensors"
