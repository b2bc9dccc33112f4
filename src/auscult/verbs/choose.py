"""Which verb fits what a user names without one: a checkpoint, two recordings, a sound and its mel ..."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from auscult.checkpoint.target import is_code
from auscult.errors import CheckpointError, UsageError
from auscult.facts.audio_files import READABLE_SUFFIXES

Kind = Literal["sound", "weights", "code", "trace", "report"]
"""What a path can be: a recording (or a folder of them), a checkpoint (or a folder of one), code that builds a model, a
record of a run, a saved report.
"""
MAX_MEL_TENSORS = 8
"""A file with more tensors than this is a checkpoint and no batch with a mel in it. Chosen, not measured."""
REPORT_BYTES = 4096
"""How much of a JSON file is searched for the keys that every report begins with."""


@dataclass(frozen=True)
class ChosenCommand:
    """The command that fits.

    Attributes:
        words: Verb and arguments, as they would be typed.
        reason: Why, in a few words.
    """

    words: tuple[str, ...]
    reason: str


def choose_command(paths: Sequence[str]) -> ChosenCommand:
    """The verb for these paths, with its arguments in their places. Of two sides, the first is the reference.

    Raises:
        UsageError: If one is not there, or they do not go together.
    """
    kinds = tuple(recognise_kind(path) for path in paths)
    command = _choose_by_kinds(paths, kinds)
    if command is None:
        described = ", ".join(
            f"{path} is {_KIND_WORDS[kind]}" for path, kind in zip(paths, kinds, strict=True)
        )
        raise UsageError(
            "these do not go together",
            found=described,
            hint="name the verb; `auscult --help` lists them",
        )
    return command


_KIND_WORDS: dict[Kind, str] = {
    "sound": "sound",
    "weights": "a checkpoint",
    "code": "code that builds a model",
    "trace": "a trace",
    "report": "a saved report",
}


def recognise_kind(path: str) -> Kind:
    """What a path is, from its suffix and its first bytes.

    Raises:
        UsageError: If there is nothing of that name.
    """
    from auscult.verbs.compare.sides import is_trace_file

    if is_code(path):
        return "code"
    file = Path(path)
    if not file.exists():
        raise UsageError("there is no such file or folder", where=path)
    if file.is_dir():
        return "sound" if _is_folder_of_sounds(file) else "weights"
    if file.suffix.lower() in READABLE_SUFFIXES:
        return "sound"
    if file.suffix.lower() == ".json" and _is_report(file):
        return "report"
    if is_trace_file(path):
        return "trace"
    return "weights"


def _choose_by_kinds(paths: Sequence[str], kinds: tuple[Kind, ...]) -> ChosenCommand | None:
    if set(kinds) == {"sound"} and len(paths) != 2:
        return ChosenCommand(("listen", *paths), "sound")
    match kinds:
        case ("weights" | "code",):
            return ChosenCommand(("inspect", *paths), _KIND_WORDS[kinds[0]])
        case ("report",) | ("report", "report"):
            return ChosenCommand(("report", *paths), _count_kind(kinds, "saved reports"))
        case ("trace", "trace"):
            return ChosenCommand(("compare", *paths), "two traces")
        case ("sound", "sound"):
            words = ("listen", paths[1], "--ref", paths[0])
            return ChosenCommand(words, "two recordings, the first as it should sound")
        case ("weights" | "code", "weights" | "code"):
            return ChosenCommand(
                ("diff", *paths), "two sets of weights, the first as they should be"
            )
        case ("weights", "sound") | ("sound", "weights"):
            sound, other = sorted(paths, key=lambda path: recognise_kind(path) != "sound")
            return _choose_for_sound(sound, other)
        case _:
            return None


def _count_kind(kinds: tuple[Kind, ...], plural: str) -> str:
    return _KIND_WORDS[kinds[0]] if len(kinds) == 1 else f"{len(kinds)} {plural}"


def _choose_for_sound(sound: str, other: str) -> ChosenCommand:
    """A recording beside a file of tensors: its mel, or the model that made it."""
    if _could_be_mel(other):
        return ChosenCommand(("mel", sound, other), "a recording and a mel spectrogram")
    return ChosenCommand(
        ("diagnose", other, "--audio", sound), "a checkpoint and a recording that it made"
    )


def _could_be_mel(path: str) -> bool:
    """Whether a file holds few tensors, and one of them has two axes."""
    from auscult.checkpoint import open_checkpoint

    try:
        tensors = open_checkpoint(path, "").tensors
    except CheckpointError:
        return False  # the verb that reads it says what is wrong
    shapes = [tuple(size for size in tensor.shape if size > 1) for tensor in tensors.values()]
    return len(shapes) <= MAX_MEL_TENSORS and any(len(shape) == 2 for shape in shapes)


def _is_folder_of_sounds(folder: Path) -> bool:
    """Whether a folder holds recordings beside one another, and no file of weights among them."""
    suffixes = {entry.suffix.lower() for entry in folder.iterdir() if entry.is_file()}
    return bool(suffixes & set(READABLE_SUFFIXES)) and not suffixes & WEIGHT_SUFFIXES


WEIGHT_SUFFIXES = frozenset(
    (".safetensors", ".pth", ".pt", ".ckpt", ".bin", ".onnx", ".npz", ".gguf")
)
"""The usual endings of weights, which make a folder that also has recordings a model's folder."""


def _is_report(file: Path) -> bool:
    """Whether a JSON file begins as our reports do."""
    with file.open("rb") as handle:
        head = handle.read(REPORT_BYTES).decode("utf-8", "replace")
    return all(f'"{key}"' in head for key in ("auscult", "command", "verdict"))
