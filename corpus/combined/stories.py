"""Whole stories: the trained vocoder is broken in one way, really speaks that way, and everything about it is handed over.

Three kinds of break: in the weights (a file that was mapped wrongly), in the code (the right weights, computed with otherwise),
and in the writing of the samples. The user then has the broken checkpoint, its original, traces of both sides, and both sounds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from auscult import data, families
from auscult.checkpoint import open_checkpoint
from auscult.families.streamspeech_modified.config import Config
from auscult.families.streamspeech_modified.torch import build, load
from auscult.sound.mel import mel_spectrogram
from auscult.sound.recording import Recording, read_recording
from auscult.verbs.demo import make_story_inputs
from auscult.verbs.diagnose.diagnose import diagnose
from auscult.verbs.diagnose.family_build import read_stored_mel
from auscult.verdict import Report
from auscult.weights import Checkpoint

SECONDS = 1.6
TRACED_FRAMES = 32
"""Frames of the mel that both sides are traced on: the sound takes the whole sentence, a trace does not."""
RATES = (2, 2, 2, 2, 4)
Arrays = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class Story:
    """One break of one kind.

    Attributes:
        causes: What counts as the right answer; more than one where the break is two at once.
        weights, code, sound: What is done to each; at most one is given.
        traced: Whether the user has traces; without them a fault that code makes as well is left open.
    """

    name: str
    causes: frozenset[str]
    weights: Callable[[Arrays, np.random.Generator], None] | None = None
    code: Mapping[str, Any] | None = None
    sound: Callable[[Recording], Recording] | None = None
    traced: bool = True


@cache
def open_vocoder() -> Checkpoint:
    return open_checkpoint(data.path(data.VOCODER))


@cache
def infer_true_config() -> Config:
    config = families.detect_families(
        {name: tensor.shape for name, tensor in open_vocoder().items()}
    )[0].config
    return replace(config, upsample_rates=RATES)


def read_arrays() -> Arrays:
    """The trained weights under the family's own names."""
    return {
        name.removeprefix("generator."): np.array(tensor.numpy())
        for name, tensor in open_vocoder().items()
    }


def build_module(weights: Mapping[str, NDArray[Any]], config: Config) -> torch.nn.Module:
    model = build(config)
    load(model, {name: torch.from_numpy(array) for name, array in weights.items()})
    return model.eval()


@cache
def read_sentence() -> Recording:
    return read_recording(data.path(data.SENTENCE)).cut(SECONDS)


@cache
def make_model_inputs() -> dict[str, NDArray[np.float32]]:
    definition = read_stored_mel(open_vocoder())
    assert definition is not None
    frames = mel_spectrogram(read_sentence().resample(definition.sample_rate).mono, definition)
    return {"mel": np.asarray(frames[None], np.float32)} | {
        name: vector[None] for name, vector in make_story_inputs().items()
    }


def make_traced_inputs() -> dict[str, NDArray[np.float32]]:
    """The beginning of what the models are rendered from."""
    inputs = make_model_inputs()
    return {**inputs, "mel": inputs["mel"][..., 40 : 40 + TRACED_FRAMES]}


def render_sentence(model: torch.nn.Module) -> Recording:
    """What that module makes of the sentence."""
    with torch.no_grad():
        output = model(
            **{name: torch.from_numpy(array) for name, array in make_model_inputs().items()}
        )
    samples = np.nan_to_num(output[0, 0].numpy())
    return Recording.from_mono(np.clip(samples, -1, 1), 16000, "heard.wav")


def diagnose_story(story: Story, seed: int) -> Report:
    """Diagnose the story with everything that its user has."""
    reference_weights = read_arrays()
    candidate_weights = {name: array.copy() for name, array in reference_weights.items()}
    if story.weights is not None:
        story.weights(candidate_weights, np.random.default_rng(seed))
    config = replace(infer_true_config(), **(story.code or {}))
    reference_model = build_module(reference_weights, infer_true_config())
    candidate_model = build_module(candidate_weights, config)
    candidate_sound = render_sentence(candidate_model)
    return diagnose(
        Checkpoint.of(candidate_weights),
        reference_checkpoint=Checkpoint.of(reference_weights),
        traces=(reference_model, candidate_model) if story.traced else None,
        trace_inputs=make_traced_inputs() if story.traced else None,
        audio=story.sound(candidate_sound) if story.sound else candidate_sound,
        reference_audio=render_sentence(reference_model),
        settle=False,
    )


def _choose_square_weights(weights: Arrays, rng: np.random.Generator, count: int = 12) -> list[str]:
    names = [
        name
        for name, array in weights.items()
        if array.ndim == 3 and array.shape[0] == array.shape[1]
    ]
    return [names[int(index)] for index in rng.choice(len(names), count, replace=False)]


def exchange_channels(weights: Arrays, rng: np.random.Generator) -> None:
    for name in _choose_square_weights(weights, rng):
        weights[name] = np.ascontiguousarray(weights[name].swapaxes(0, 1))


def scramble_layout(weights: Arrays, rng: np.random.Generator) -> None:
    for name in _choose_square_weights(weights, rng):
        weights[name] = weights[name].ravel("F").reshape(weights[name].shape)


def swap_tensors(weights: Arrays, rng: np.random.Generator) -> None:
    stage = int(rng.integers(0, 4))
    first_name, second_name = (f"mrfs.{stage}.convs.1.{conv}.weight" for conv in ("conv1", "conv2"))
    weights[first_name], weights[second_name] = weights[second_name], weights[first_name]


def reinitialise_weights(weights: Arrays, rng: np.random.Generator) -> None:
    for name in _choose_square_weights(weights, rng, 20):
        bound = 1 / np.sqrt(np.prod(weights[name].shape[1:]))
        weights[name] = rng.uniform(-bound, bound, weights[name].shape).astype(np.float32)


def plant_infinity(weights: Arrays, rng: np.random.Generator) -> None:
    weights[_choose_square_weights(weights, rng, 1)[0]][0, 0, 0] = np.inf


def halve_precision(weights: Arrays, rng: np.random.Generator) -> None:
    for name, array in weights.items():
        weights[name] = array.astype(np.float16)


def relabel_rate(sound: Recording) -> Recording:
    return Recording(sound.samples, 22050, sound.name)


def reverse_sound(sound: Recording) -> Recording:
    return Recording(np.ascontiguousarray(sound.samples[:, ::-1]), sound.sample_rate, sound.name)


def wrap_samples(sound: Recording) -> Recording:
    integers = np.round(sound.samples / np.abs(sound.samples).max() * 1.6 * 32767).astype(np.int64)
    return Recording(
        (integers.astype(np.int16) / 32768).astype(np.float32), sound.sample_rate, sound.name
    )


def quieten_sound(sound: Recording) -> Recording:
    return Recording(sound.samples * np.float32(0.25), sound.sample_rate, sound.name)


def delay_sound(sound: Recording) -> Recording:
    return Recording(
        np.pad(sound.samples, ((0, 0), (400, 0)))[:, : sound.samples.shape[1]],
        sound.sample_rate,
        sound.name,
    )


def round_to_integers(sound: Recording) -> Recording:
    return Recording(
        (np.rint(sound.samples * 32767) / 32768).astype(np.float32), sound.sample_rate, sound.name
    )


STORIES = (
    Story("channels exchanged", frozenset({"layout-conv-transpose1d"}), weights=exchange_channels),
    Story("column-major", frozenset({"layout-fortran"}), weights=scramble_layout),
    Story("two tensors exchanged", frozenset({"swapped"}), weights=swap_tensors),
    Story(
        "part of it never trained",
        frozenset({"untrained", "partial-load", "other-weights"}),
        weights=reinitialise_weights,
    ),
    Story("infinite weight", frozenset({"non-finite"}), weights=plant_infinity),
    Story("another slope", frozenset({"leaky-slope"}), code={"slope": 0.01}),
    Story("mean for sum", frozenset({"branch-sum-mean"}), code={"branches": "mean"}),
    Story("no norm", frozenset({"norm-missing"}), code={"norm": "none"}),
    Story("no dilation", frozenset({"dilation"}), code={"dilations": (1, 1, 1)}),
    Story("tanh at the end", frozenset({"activation-extra"}), code={"final_tanh": True}),
    Story("no residual", frozenset({"residual-missing"}), code={"residual": False}),
    Story("labelled 22,050 Hz", frozenset({"sample-rate-label"}), sound=relabel_rate, traced=False),
    Story("backwards", frozenset({"reversed"}), sound=reverse_sound, traced=False),
    Story("integers wrapped round", frozenset({"wrap-around"}), sound=wrap_samples, traced=False),
    Story("a quarter as loud", frozenset({"gain"}), sound=quieten_sound),
    Story("late by 25 ms", frozenset({"lag"}), sound=delay_sound),
)


HEALTHY = (
    Story("nothing", frozenset()),
    Story("saved in 16 bits", frozenset(), weights=halve_precision),
    Story("recorded 16 bits a sample", frozenset(), sound=round_to_integers),
    Story("nothing, without traces", frozenset(), traced=False),
)
"""The same with nothing wrong: none of these may be called divergent."""
