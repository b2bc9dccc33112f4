"""Settling on the bundled vocoder: the true reading, the tempting wrong one, and weights that can tell nothing."""

from __future__ import annotations

import numpy as np
import pytest

from auscult import data
from auscult.checkpoint import open_checkpoint
from auscult.errors import UsageError
from auscult.sound.recording import read_recording
from auscult.verbs.demo import make_story_inputs
from auscult.verbs.diagnose.family_build import build_family, read_stored_mel
from auscult.verbs.diagnose.settle import settle_checkpoint
from auscult.verdict import Report, Verdict
from auscult.weights import Checkpoint

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def settled() -> Report:
    return settle_checkpoint(
        data.path(data.VOCODER), data.path(data.SENTENCE), inputs=make_story_inputs()
    )


def test_the_training_scripts_reading_comes_first(settled: Report) -> None:
    assert settled.verdict is Verdict.PASS
    ranking = settled.extra["settlement"]["ranking"]
    assert ranking[0]["name"] == "training-script"
    simple = next(row for row in ranking if row["name"] == "simple-grc")
    assert simple["distance"] > 3 * ranking[0]["distance"]
    assert simple["sigmas"] > 5


def test_what_decides_the_sound_is_settled(settled: Report) -> None:
    truth = {
        "norm": "instance",
        "dilations": (1, 2, 4),
        "branches": "sum",
        "residual": True,
        "upsample_rates": (2, 2, 2, 2, 4),
    }
    outcome = {choice["field"]: choice for choice in settled.extra["settlement"]["choices"]}
    for name, value in truth.items():
        assert outcome[name]["value"] == value
        assert outcome[name]["settled"]
    assert settled.findings[0].confidence > 0.9
    assert settled.coverage is not None
    assert settled.coverage.total == len(outcome)
    assert len(settled.skips) == sum(not choice["settled"] for choice in outcome.values())


@pytest.mark.parametrize("seed", range(3))
def test_random_weights_settle_nothing(seed: int) -> None:
    rng = np.random.default_rng(seed)
    trained = open_checkpoint(data.path(data.VOCODER))
    random = {
        name: (rng.standard_normal(tensor.shape) * tensor.values().std()).astype(np.float32)
        for name, tensor in trained.items()
    }
    report = settle_checkpoint(
        Checkpoint.of(random, metadata=trained.metadata),
        read_recording(data.path(data.SENTENCE)).cut(1.2),
    )
    assert report.verdict is Verdict.INCONCLUSIVE
    assert not any(choice["settled"] for choice in report.extra["settlement"]["choices"])


def test_the_mel_comes_from_the_files_config() -> None:
    definition = read_stored_mel(open_checkpoint(data.path(data.VOCODER)))
    assert definition is not None
    assert (definition.sample_rate, definition.hop) == (16000, 64)


def test_a_model_of_no_family_is_refused() -> None:
    with pytest.raises(UsageError, match="famil"):
        build_family(Checkpoint.of({"some.weight": np.zeros((3, 3), np.float32)}))
