"""What the user gave to `diagnose`, and the words for it on the command line."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from auscult.errors import UsageError
from auscult.finding import Json
from auscult.rules.sound.subject import SoundFacts
from auscult.runtime.device import DeviceName
from auscult.sound.recording import Recording
from auscult.verbs.diagnose.next_run import GivenOptions
from auscult.verbs.listen.facts import complete_facts
from auscult.verbs.sides import CheckpointLike
from auscult.weights import Checkpoint

SoundSource = Recording | str | Path


@dataclass(frozen=True, eq=False)
class GivenWeights:
    """The checkpoint, the code that loads it, and the original that it was made from."""

    checkpoint: CheckpointLike | None
    model: CheckpointLike | None
    reference: CheckpointLike | None
    container: str | None
    kwargs: Json | None


@dataclass(frozen=True, eq=False)
class GivenTraces:
    """The two sides of a comparison, and what they are run on."""

    sides: tuple[CheckpointLike, CheckpointLike] | None
    inputs: Mapping[str, Any] | str | Path | None
    inputs_candidate: Mapping[str, Any] | str | Path | None
    device: DeviceName | None = None


@dataclass(frozen=True, eq=False)
class GivenSound:
    """What was heard, what should be heard, and what is known of the sound."""

    audio: SoundSource | None
    reference_audio: SoundSource | None
    config: str | Path | None
    facts: SoundFacts | None


@dataclass(frozen=True, eq=False)
class GivenEvidence:
    """All that the user gave."""

    weights: GivenWeights
    traces: GivenTraces
    sound: GivenSound
    reports: tuple[str | Path, ...]

    def list_options(self) -> GivenOptions:
        """What was given, in words of the command line.

        Raises:
            UsageError: If it is nothing, or cannot be compared with anything.
        """
        inputs = self.traces.inputs
        options = _name_options(
            checkpoint=self.weights.checkpoint,
            model=self.weights.model,
            reference_checkpoint=self.weights.reference,
            traces=self.traces.sides,
            inputs=inputs if isinstance(inputs, str | Path) else None,
            audio=self.sound.audio,
            reference_audio=self.sound.reference_audio,
            config=self.sound.config,
            report=list(self.reports) or None,
        )
        if not options:
            raise UsageError(
                "there is nothing to diagnose",
                hint="give what you have: CHECKPOINT, --model, --traces, --audio ...",
            )
        weights, sound = self.weights, self.sound
        _refuse_same_file(weights.checkpoint, weights.reference, "--reference-checkpoint")
        _refuse_same_file(sound.audio, sound.reference_audio, "--reference-audio")
        return options

    def complete_sound_facts(self, weights: Checkpoint | None) -> SoundFacts:
        """What is known of the sound: as it is given, else by the config, else by the checkpoint."""
        path = None
        if weights is not None and isinstance(self.weights.checkpoint, str | Path):
            path = self.weights.checkpoint
        return complete_facts(self.sound.facts, self.sound.config, path)


def _name_options(**options: Any) -> dict[str, tuple[str, ...]]:
    """What the user gave, in words of the command line; nothing for what was not given."""
    words = {
        name.replace("_", "-"): _to_words(value)
        for name, value in options.items()
        if value is not None
    }
    return {option: option_words for option, option_words in words.items() if option_words}


def _refuse_same_file(candidate: Any, reference: Any, option: str) -> None:
    """A file held against itself proves nothing.

    Raises:
        UsageError: If both are one file.
    """
    if (
        isinstance(candidate, str | Path)
        and isinstance(reference, str | Path)
        and _is_same_file(candidate, reference)
    ):
        raise UsageError(
            "is held against itself",
            where=str(candidate),
            hint=f"{option} takes what it should have been",
        )


def _is_same_file(candidate: str | Path, reference: str | Path) -> bool:
    try:
        return os.path.samefile(candidate, reference)
    except OSError:
        return False


def _to_words(value: Any) -> tuple[str, ...]:
    if isinstance(value, str | Path):
        return (str(value),)
    if isinstance(value, tuple | list):
        return tuple(chain.from_iterable(map(_to_words, value)))
    if isinstance(value, Checkpoint):
        return (value.path,)
    return (getattr(value, "name", None) or type(value).__name__,)
