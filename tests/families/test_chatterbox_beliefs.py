"""Two things that were believed of a port of S3Gen: that a log-mel is negative, and that its output was a bad mel."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from auscult.comparison.start_noise import find_noise_moments  # noqa: E402
from auscult.families.chatterbox_s3gen.config import tiny  # noqa: E402
from auscult.families.chatterbox_s3gen.features import flow_mel  # noqa: E402
from auscult.families.chatterbox_s3gen.torch.flow import Flow  # noqa: E402
from auscult.runtime.runner import make_runner  # noqa: E402
from auscult.traces.file import read_trace, write_trace  # noqa: E402
from auscult.traces.records import TensorStatistics, Trace  # noqa: E402
from auscult.verbs.compare.compare import compare  # noqa: E402
from tests.families.chatterbox import randomise  # noqa: E402

TOKENS, PROMPT = 68, 6
SIZES = replace(tiny().flow, mel_bins=80, inputs=320, mid_blocks=1, transformers=1, steps=3)


def test_a_log_mel_of_a_loud_sound_is_positive_where_it_is_loud() -> None:
    """It is the logarithm of a sum of magnitudes, and these are not below 1: a clamp to 0 takes the loudest bands away."""
    time = np.arange(24_000) / 24_000
    sine = flow_mel((0.99 * np.sin(2 * np.pi * 440 * time)).astype(np.float32))
    saw = flow_mel((2 * (150 * time % 1) - 1).astype(np.float32))
    noise = flow_mel((0.3 * np.random.default_rng(0).standard_normal(24_000)).astype(np.float32))
    assert 2.5 < sine.max() < 3.5
    assert 2.0 < saw.max() < 3.0
    assert 0.1 < (saw > 0).mean() < 0.2
    assert 0.1 < noise.max() < 0.6
    silence = flow_mel(np.zeros(24_000, np.float32))
    assert abs(silence.max() - np.log(1e-5)) < 1e-5


@pytest.fixture(scope="module")
def traces(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Any]:
    """The flow and the same with an estimator whose last layer was never loaded, each traced into a file; and what came out."""
    reference = randomise(Flow(SIZES, 10), gain=0.8)
    unloaded = randomise(Flow(SIZES, 10), gain=0.8)
    with torch.no_grad():
        unloaded.decoder.estimator.final_proj.weight.zero_()
        unloaded.decoder.estimator.final_proj.bias.zero_()
    rng = np.random.default_rng(1)
    given: dict[str, Any] = {
        "tokens": rng.integers(0, SIZES.tokens, (1, TOKENS)),
        "prompt_tokens": rng.integers(0, SIZES.tokens, (1, PROMPT)),
        "prompt_mel": rng.standard_normal((1, 80, 2 * PROMPT)).astype(np.float32),
        "xvector": rng.standard_normal((1, 10)).astype(np.float32),
    }
    folder = tmp_path_factory.mktemp("traces")
    torch.manual_seed(0)
    ran = make_runner(reference).run(given)
    broken = make_runner(unloaded).run(given, replay=ran)
    write_trace(ran, folder / "a.safetensors")
    write_trace(broken, folder / "b.safetensors")
    output = broken.find("")
    assert output is not None
    return folder / "a.safetensors", folder / "b.safetensors", broken.tensor(output)


def test_a_mel_that_is_start_noise_says_that_the_velocity_is_zero(
    traces: tuple[Path, Path, Any],
) -> None:
    """2.72 s of it look as the port's did: about ±4, as many values above 0 as below, every channel alike."""
    first, second, mel = traces
    assert mel.shape == (1, 80, 136)
    assert 3.2 < -mel.min() < 5.2
    assert 3.2 < mel.max() < 5.2
    assert abs((mel > 0).mean() - 0.5) < 0.03
    assert np.abs(mel.mean(axis=2)).max() < 5 / 136**0.5
    report = compare(read_trace(first), read_trace(second))
    found = [finding for finding in report.findings if finding.cause == "velocity-zero"]
    assert len(found) == 1
    assert "the start noise" in found[0].message
    assert found[0] is report.findings[0]


def test_the_statistics_of_the_output_alone_say_so(traces: tuple[Path, Path, Any]) -> None:
    """As where a port has written down nothing but range, mean and quantiles of its mel."""
    running, unloaded = (read_trace(path).find("") for path in traces[:2])
    assert running is not None
    assert unloaded is not None
    found = find_noise_moments(unloaded.statistics, 80 * 136)
    assert found is not None
    assert abs(found["expected_peak"] - 4.0) < 0.05
    assert find_noise_moments(running.statistics, 80 * 136) is None


def test_what_the_port_had_written_down_says_so() -> None:
    """No more than a trace of one tensor: 2.72 s of mel from -3.81 to 4.18, 53 % above 0, every channel alike."""
    count, shift = 80 * 136, 0.0753  # of a standard normal with that mean, 53 % are above 0
    levels = np.clip(np.linspace(0, 1, 17), 0.5 / count, 1 - 0.5 / count)
    quantiles = [-3.81, *(NormalDist(shift, 1.0).inv_cdf(level) for level in levels[1:-1]), 4.18]
    mel = TensorStatistics(
        shift, 1.0, (1 + shift**2) ** 0.5, -3.81, 4.18, quantiles=tuple(quantiles)
    )
    found = find_noise_moments(mel, count)
    assert found is not None
    real = replace(mel, mean=-5.85, std=2.31, low=-10.45, high=0.08)  # of a mel that is one
    assert find_noise_moments(real, count) is None


def test_a_trace_of_statistics_alone_says_that_the_velocity_is_zero(
    traces: tuple[Path, Path, Any],
) -> None:
    """A port in another language that writes moments and quantiles of its mel, and no tensor."""
    running, unloaded = (read_trace(path) for path in traces[:2])
    bare = Trace(
        unloaded.manifest,
        tuple(replace(record, stored="statistics") for record in unloaded.records),
        unloaded.values,
        "port.safetensors",
    )
    report = compare(running, bare)
    assert "velocity-zero" in {finding.cause for finding in report.findings}, report


def test_a_flow_that_runs_is_not_called_start_noise(traces: tuple[Path, Path, Any]) -> None:
    """Nor is the reference against itself."""
    report = compare(read_trace(traces[0]), read_trace(traces[0]))
    assert not [finding for finding in report.findings if finding.cause == "velocity-zero"]
