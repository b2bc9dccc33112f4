"""The port of the story: stages are swapped, then layers, and each planted fault is named at its place."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from auscult.verbs.compare.compare import compare  # noqa: E402
from auscult.verbs.diff.diff import diff  # noqa: E402
from auscult.verdict import Report, Verdict  # noqa: E402
from tests.families.stable_audio.story import port, reference, story_inputs  # noqa: E402

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

STAGES = ("text", "conditioner", "estimator", "decoder")


def compared(*faults: str, seed: int = 1) -> Report:
    return compare(reference(), port(faults, seed), inputs=story_inputs(), stages=STAGES)


def guilty(report: Report) -> list[str]:
    return [stage["a"] for stage in report.extra["stages"] if stage["guilty"]]


def test_a_faithful_port_passes() -> None:
    report = compared()
    assert (report.verdict, report.findings, guilty(report)) == (Verdict.PASS, (), [])


@pytest.mark.parametrize(
    ("fault", "stage", "cause", "place"),
    [
        ("pads", "conditioner", "mask-not-applied", "conditioner.prompt"),
        (
            "number",
            "conditioner",
            "number-embedding",
            "conditioner.conditioners.seconds_total.embedder.embedding.0",
        ),
        ("sampler", "estimator", "sampler-mismatch", "estimator"),
        (
            "eps",
            "estimator",
            "layer-norm-eps",
            "estimator.transformer.transformer.layers.0.pre_norm",
        ),
    ],
)
def test_each_fault_is_named_at_its_place(fault: str, stage: str, cause: str, place: str) -> None:
    report = compared(fault)
    assert report.verdict is Verdict.DIVERGENT
    assert stage in guilty(report)
    assert report.findings[0].cause == cause
    assert place in report.findings[0].where


@pytest.mark.parametrize(
    ("faults", "causes"),
    [
        (("pads", "number"), {"number-embedding", "mask-not-applied", "factor"}),
        (("pads", "eps"), {"mask-not-applied", "layer-norm-eps"}),
        (("pads", "sampler"), {"sampler-mismatch", "mask-not-applied"}),
        (("number", "eps"), {"number-embedding", "factor", "layer-norm-eps"}),
    ],
)
def test_two_faults_at_once_are_both_named(faults: tuple[str, str], causes: set[str]) -> None:
    assert {finding.cause for finding in compared(*faults).findings} == causes


@pytest.mark.parametrize(
    ("fault", "cause", "place"),
    [
        ("pads", "mask-not-applied", "conditioner.prompt"),
        (
            "number",
            "number-embedding",
            "conditioner.conditioners.seconds_total.embedder.embedding.0",
        ),
        ("eps", "layer-norm-eps", "estimator.transformer.transformer.layers.0.pre_norm"),
        ("sampler", "sampler-mismatch", "estimator"),
        (None, None, None),
    ],
)
def test_the_port_in_mlx(fault: str | None, cause: str | None, place: str | None) -> None:
    pytest.importorskip("mlx.core")
    from tests.families.stable_audio.story_mlx import port as mlx_port

    report = compare(
        reference(), mlx_port({fault} if fault else ()), inputs=story_inputs(), stages=STAGES
    )
    if fault is None:
        assert (report.verdict, report.findings, guilty(report)) == (Verdict.PASS, (), [])
        return
    assert report.verdict is Verdict.DIVERGENT
    assert report.findings[0].cause == cause
    assert place in report.findings[0].where


def test_another_length_shows_where_it_is_handed_over() -> None:
    report = compared("length")
    assert report.verdict is Verdict.DIVERGENT
    assert guilty(report) == ["decoder"]
    assert "35 long instead of 64" in report.findings[0].message


def test_the_seconds_are_not_scaled() -> None:
    said = [finding.message for finding in compared("number").findings]
    assert any("256" in message for message in said)


def test_the_weights_are_not_to_blame_unless_they_are() -> None:
    """The port's weights equal the reference's whatever its code does; those of another training run do not."""
    states = [
        _state(port(("pads", "number", "sampler", "eps"))),
        _state(reference()),
        _state(reference(seed=5)),
    ]
    same, other = diff(states[0], states[1]), diff(states[2], states[1])
    assert same.verdict is Verdict.PASS
    assert other.verdict is Verdict.DIVERGENT
    assert "other-weights" in {finding.cause for finding in other.findings}


def _state(pipeline: Any) -> Any:
    from auscult.weights import Checkpoint

    return Checkpoint.of(
        {name: value.numpy().copy() for name, value in pipeline.state_dict().items()}
    )
