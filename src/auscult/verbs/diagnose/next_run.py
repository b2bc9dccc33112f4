"""The one run that would settle what the evidence leaves open: a command that holds what was given
and names what is missing.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence

from auscult.rules.suspects import EvidenceKind

GivenOptions = Mapping[str, Sequence[str]]
"""What the user gave: words per option of `auscult diagnose`."""

OPTION_PLACEHOLDERS: GivenOptions = {
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
"""Options in the order in which they are written, and what stands for a file that the user has yet
to find.
"""

EVIDENCE_OPTIONS: Mapping[EvidenceKind, tuple[str, ...]] = {
    "weights": ("checkpoint",),
    "code": ("checkpoint", "model"),
    "reference-weights": ("checkpoint", "reference-checkpoint"),
    "traces": ("traces",),
    "reference-audio": ("audio", "reference-audio"),
    "config": ("audio", "config"),
}
"""The options of each kind of evidence; that of training comes from `preflight`."""

PREFLIGHT_COMMAND = "auscult preflight package.module:callable"
ASKABLE_OPTIONS = (
    "checkpoint",
    "model",
    "reference-checkpoint",
    "traces",
    "audio",
    "reference-audio",
    "config",
)
INFORMATIVE_EVIDENCE: tuple[EvidenceKind, ...] = (
    "code",
    "reference-weights",
    "traces",
    "reference-audio",
    "training",
)
"""What to ask for where no symptom points anywhere, the most telling first."""


def build_diagnose_command(
    evidence: EvidenceKind, given_options: GivenOptions | None = None
) -> str:
    """The command that gives this kind of evidence beside what was given."""
    if evidence == "training":
        return PREFLIGHT_COMMAND
    option_words = dict(given_options or {})
    words = ["auscult", "diagnose"]
    for option, placeholder in OPTION_PLACEHOLDERS.items():
        if option in option_words or option in EVIDENCE_OPTIONS[evidence]:
            words += [
                *(() if option == "checkpoint" else (f"--{option}",)),
                *map(shlex.quote, option_words.get(option, placeholder)),
            ]
    return " ".join(words)


def suggest_next_run(
    examined_kinds: frozenset[EvidenceKind], given_options: GivenOptions
) -> str | None:
    """The run that would tell most beside what was looked at; None where nothing is left."""
    if given_options.keys() <= {"config"}:
        return build_diagnose_command("config", given_options)
    sound_alone = given_options.keys() <= {
        "audio",
        "reference-audio",
        "config",
    }  # what cannot be heard alone comes before what needs a model
    if sound_alone:
        kinds = ("reference-audio", *INFORMATIVE_EVIDENCE)
    else:
        kinds = INFORMATIVE_EVIDENCE
    return next(
        (
            build_diagnose_command(kind, given_options)
            for kind in kinds
            if kind not in examined_kinds
        ),
        None,
    )


def suggest_traces_run(given_options: GivenOptions, *, inputs_differ: bool) -> str | None:
    """What settles two traces that differ: the same inputs, or a live model to tell born from
    grown; None where both are live.
    """
    reference, candidate = (
        shlex.quote(name) for name in given_options.get("traces", OPTION_PLACEHOLDERS["traces"])
    )
    if inputs_differ:
        return f"auscult trace package.module:callable --inputs {reference} -o {candidate} --force"
    if not reference.endswith(".safetensors"):
        return None
    return f"auscult compare {reference} {candidate} --ref-model package.module:callable"


def list_missing_options(given_options: GivenOptions) -> tuple[str, ...]:
    """The options of which there was none."""
    return tuple(
        "CHECKPOINT" if option == "checkpoint" else f"--{option}"
        for option in ASKABLE_OPTIONS
        if option not in given_options
    )


def suggest_remake(given_options: GivenOptions) -> str | None:
    """What to do where no repair is possible, but the original is there."""
    if "reference-checkpoint" not in given_options:
        return None
    original, file = (
        shlex.quote(given_options.get(name, OPTION_PLACEHOLDERS[name])[0])
        for name in ("reference-checkpoint", "checkpoint")
    )
    return f"make it again from the original, then: auscult diff {original} {file}"


def build_repair_command(given_options: GivenOptions) -> str:
    """The command that writes a repaired checkpoint: in the form of the original, or so that
    the code loads it.
    """
    checkpoint = given_options.get("checkpoint", OPTION_PLACEHOLDERS["checkpoint"])
    original, model = given_options.get("reference-checkpoint"), given_options.get("model")
    if model and not original:
        words = [*checkpoint, *model]
    else:
        words = [*(original or OPTION_PLACEHOLDERS["reference-checkpoint"]), *checkpoint]
    return f"auscult diff {' '.join(map(shlex.quote, words))} --fix repaired.safetensors"
