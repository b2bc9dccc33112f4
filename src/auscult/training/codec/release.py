"""A trained codec as package data: `python -m auscult.training.codec.release RUN OUT`.

Writes the weights in half precision, checks them on every held-out sentence by several voices, and
puts the figures into the file's header; the run's log goes beside it.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from auscult.families.codec.storage import read_codec, write_codec
from auscult.preflight_checks.measures.bound import bound
from auscult.training.codec.speech import say_text, set_level
from auscult.training.codec.telugu import HELD_OUT, VOICES
from auscult.training.codec.trainer import RELEASE
from auscult.training.codec.validate import Samples, evaluate_codec


def speak_held_out(sample_rate: int, level: float | None) -> list[tuple[str, Samples]]:
    """Every held-out sentence by every second voice, brought to the level."""
    speech = []
    for number, text in enumerate(HELD_OUT, start=1):
        for voice in VOICES[::2]:
            samples, _ = set_level(say_text(text, voice, "neutral", sample_rate), level)
            speech.append((f"{voice}, sentence {number}", samples))
    return speech


def release_codec(run: Path, out: Path) -> dict[str, Any]:
    """The figures of the half-precision codec that was written."""
    codec, about = read_codec(run / RELEASE)
    config = codec.config
    facts = {"step": about["step"], "training": about["training"]}
    write_codec(codec, config, out, facts, torch.float16)
    speech = speak_held_out(config.sample_rate, config.level)
    figures: dict[str, Any] = evaluate_codec(read_codec(out)[0], speech)
    figures["bound_db"] = bound(
        [samples for _, samples in speech], config.sample_rate, config.bits_per_second
    )
    write_codec(codec, config, out, {**facts, "held_out": figures}, torch.float16)
    shutil.copy(run / "train.jsonl", out.with_name("codec.train.jsonl"))
    return figures


def main(arguments: Sequence[str]) -> None:
    print(json.dumps(release_codec(Path(arguments[0]), Path(arguments[1])), indent=1))


if __name__ == "__main__":
    main(sys.argv[1:])
