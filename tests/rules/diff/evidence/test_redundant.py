"""Equal weights in another form, which are no divergence; and true faults of the same look, which are."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest

from auscult.verbs.diff.diff import diff
from auscult.verdict import Report, Verdict
from auscult.weights import Array, Checkpoint
from tests.hand_made import make_noise

torch = pytest.importorskip("torch")
nn = torch.nn

BASE: dict[str, Array] = {
    f"layers.{index}.{name}": 0.1 * make_noise(*shape, seed=index)
    for index in range(3)
    for name, shape in (
        ("ff.weight", (64, 32)),
        ("conv.weight", (32, 32, 3)),
        ("conv.bias", (32,)),
        ("norm.weight", (32,)),
    )
}
SUMS, COUNTS = make_noise(64, 16), (1 + np.arange(64)).astype(np.float32)
CODEBOOK = SUMS / COUNTS[:, None]
VECTORS = make_noise(32, 32, 5)
GAIN = np.sqrt(np.sum(VECTORS**2, (1, 2), keepdims=True))
OTHER_GAIN = np.abs(make_noise(32, 1, 1)) + 1
FUSED = VECTORS / GAIN * OTHER_GAIN
ONES, ZEROS = np.ones(32, np.float32), np.zeros(32, np.float32)


def make_sines(rows: int) -> Array:
    """Sines in one half of the columns, cosines in the other, as Whisper's encoder has them [rows, 32]."""
    angles = np.arange(rows)[:, None] * np.exp(-np.log(1e4) / 15 * np.arange(16))
    return np.concatenate((np.sin(angles), np.cos(angles)), 1).astype(np.float32)


def run(reference: Mapping[str, Array], candidate: Mapping[str, Array]) -> Report:
    return diff(
        Checkpoint.of({**BASE, **reference}, "reference"),
        Checkpoint.of({**BASE, **candidate}, "candidate"),
    )


EQUAL: dict[str, tuple[dict[str, Array], dict[str, Array]]] = {
    "averages of a codebook": (
        {"vq.embed": CODEBOOK, "vq.embed_avg": SUMS, "vq.cluster_size": COUNTS},
        {"vq.embed": CODEBOOK},
    ),
    "a codebook as sums and counts": (
        {"vq.embedding_sum": SUMS, "vq.cluster_usage": COUNTS},
        {"vq.embedding.weight": CODEBOOK},
    ),
    "a flag": (
        {"vq.embed": CODEBOOK, "vq._initialized": np.ones(1, np.float32)},
        {"vq.embed": CODEBOOK},
    ),
    "an embedding for training": ({"masked_spec_embed": make_noise(32)}, {}),
    "the ones and zeros of a norm": ({"in_norm.weight": ONES, "in_norm.bias": ZEROS}, {}),
    "statistics of mean 0 and scale 1": ({"mean": ZEROS, "scale": ONES}, {}),
    "a table under any name": ({"encoder.positional_embedding": make_sines(200)}, {}),
    "a longer table": ({"pos.table": make_sines(200)}, {"pos.table": make_sines(500)}),
    "v of another length": (
        {"up.weight_v": VECTORS, "up.weight_g": OTHER_GAIN},
        {"up.weight_v": FUSED, "up.weight_g": OTHER_GAIN},
    ),
}
UNEQUAL: dict[str, tuple[dict[str, Array], dict[str, Array], str]] = {
    "averages without their codebook": (
        {"vq.embed_avg": SUMS, "vq.cluster_size": COUNTS},
        {},
        "tensor-missing",
    ),
    "another codebook": (
        {"vq.embedding_sum": SUMS, "vq.cluster_usage": COUNTS},
        {"vq.embedding.weight": make_noise(64, 16, seed=5)},
        "tensor-missing",
    ),
    "a norm with values": (
        {"in_norm.weight": 1 + 0.1 * make_noise(32), "in_norm.bias": ZEROS},
        {},
        "tensor-missing",
    ),
    "statistics with values": ({"mean": ZEROS, "scale": 2 * ONES}, {}, "tensor-missing"),
    "a scale without a mean": ({"scale": ONES}, {}, "tensor-missing"),
    "learnt positions": ({"pos.weight": make_noise(200, 32)}, {}, "tensor-missing"),
    "another table": (
        {"pos.table": make_sines(200)},
        {"pos.table": make_sines(200)[:, ::-1].copy()},
        "other-weights",
    ),
    "v of another direction": (
        {"up.weight_v": VECTORS, "up.weight_g": OTHER_GAIN},
        {"up.weight_v": make_noise(32, 32, 5, seed=9), "up.weight_g": OTHER_GAIN},
        "other-weights",
    ),
    "g that is not v's length": (
        {"up.weight": VECTORS},
        {"up.weight_v": VECTORS, "up.weight_g": OTHER_GAIN},
        "tensor-extra",
    ),
}


@pytest.mark.parametrize("name", EQUAL)
@pytest.mark.parametrize("is_turned", [False, True])
def test_what_changes_nothing(name: str, *, is_turned: bool) -> None:
    reference, candidate = EQUAL[name]
    report = run(candidate, reference) if is_turned else run(reference, candidate)
    assert report.verdict is Verdict.EQUIVALENT
    assert "redundant" in {finding.cause for finding in report.findings}


@pytest.mark.parametrize("name", UNEQUAL)
def test_what_looks_like_it_and_is_a_fault(name: str) -> None:
    reference, candidate, _ = UNEQUAL[name]
    assert run(reference, candidate).verdict is Verdict.DIVERGENT


def test_whole_numbers_that_the_port_lists_and_those_that_it_lacks() -> None:
    heads = {"alignment_heads": np.array([[1, 0], [1, 1], [2, 5]])}
    report = run({}, heads)
    assert report.verdict is Verdict.EQUIVALENT
    assert "redundant" in {finding.cause for finding in report.findings}
    assert run(heads, {}).verdict is Verdict.DIVERGENT


@pytest.mark.parametrize("name", ["averages without their codebook", "learnt positions"])
def test_the_cause_of_a_fault(name: str) -> None:
    reference, candidate, cause = UNEQUAL[name]
    assert cause in {finding.cause for finding in run(reference, candidate).findings}


def test_an_instance_norm_in_code_that_was_trained_without_parameters() -> None:
    class Net(nn.Module):  # type: ignore[name-defined]
        def __init__(self, norm: type) -> None:
            super().__init__()
            torch.manual_seed(0)
            self.convs = nn.ModuleList(nn.Conv1d(8, 8, 3) for _ in range(2))
            self.norms = nn.ModuleList(norm(8, affine=True) for _ in range(2))

    weights = {
        name: tensor.numpy()
        for name, tensor in Net(nn.InstanceNorm1d).state_dict().items()
        if name.startswith("convs")
    }
    file = Checkpoint.of(weights, "file")
    instance, batch = diff(file, Net(nn.InstanceNorm1d)), diff(file, Net(nn.BatchNorm1d))
    assert instance.verdict is not Verdict.DIVERGENT
    assert "modules-never-trained" not in {finding.cause for finding in instance.findings}
    (untrained,) = (f for f in batch.findings if f.cause == "modules-never-trained")
    assert untrained.fix is not None
    assert "affine=False" in untrained.fix.summary
