"""A vocoder that `auscult train vocoder` made, on the held-out sentences of the packaged one: its figures, beside the
packaged one's and Griffin-Lim's on the same mel.

    auscult train vocoder --config benchmarks/vocoder_recipe.json --out vocoder
    python -m benchmarks.vocoder_trained vocoder/vocoder.safetensors

The second command writes `benchmarks/vocoder_trained.json`, which the section `vocoder` shows.
"""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from auscult import data
from auscult.checkpoint import open_checkpoint
from auscult.families.codec.storage import read_tensors
from auscult.families.streamspeech_modified.torch import build
from auscult.families.streamspeech_modified.torch import load as load_packaged
from auscult.families.vocoders import list_vocoders
from auscult.sound.mel_definition import Frames, Samples
from auscult.training.data import make_held_out_speech
from auscult.training.demo_vocoder_trainer import ARCHITECTURE, MEL
from auscult.training.evaluate import evaluate_vocoder
from auscult.training.vocoder.validate import evaluate_griffin_lim, score_renderings
from auscult.verbs.diagnose.family_build import build_family, read_stored_mel
from auscult.verbs.run.vocoder.open_model import apply_fields, read_config

RESULT = Path(__file__).parent / "vocoder_trained.json"
FIGURES = ("stoi", "stoi_min", "mel_l1", "comb")


def score_trained(checkpoint: str, speech: list[tuple[str, Samples]]) -> dict[str, float]:
    """The vocoder's figures, run as `auscult run vocoder` runs it."""
    weights = open_checkpoint(checkpoint)
    mel = read_stored_mel(weights)
    if mel is None:
        raise SystemExit(f"{checkpoint} states no mel definition")
    family_build = replace(build_family(weights, among=list_vocoders()), mel=mel)
    family_build = apply_fields(family_build, read_config(weights, checkpoint, None, family_build))

    def render(frames: Frames) -> Samples:
        return family_build.render(family_build.detection.config, frames)

    return score_renderings(render, speech, mel)


def score_packaged() -> dict[str, float]:
    """The packaged vocoder's, with voice and style as it was trained."""
    generator = build(ARCHITECTURE)
    state = torch.load(data.path(data.VOCODER), weights_only=True)["model_state_dict"]
    load_packaged(generator, state, "generator.")
    return evaluate_vocoder(generator, make_held_out_speech(MEL.sample_rate), MEL)


def main(arguments: list[str]) -> None:
    spoken = make_held_out_speech(MEL.sample_rate)
    speech = [(utterance.text, utterance.samples) for utterance in spoken]
    _, about = read_tensors(Path(arguments[0]))
    rows: dict[str, Any] = {
        "trained": score_trained(arguments[0], speech),
        "packaged": score_packaged(),
        "Griffin-Lim": evaluate_griffin_lim(speech, MEL),
    }
    result = {
        "step": about["step"],
        **{name: {key: round(row[key], 4) for key in FIGURES} for name, row in rows.items()},
    }
    RESULT.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main(sys.argv[1:])
