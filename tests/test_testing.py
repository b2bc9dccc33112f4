"""`auscult.testing`: what passes, what fails, and that the failure is the diagnosis."""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from auscult.testing import (
    Divergence,
    assert_invariant,
    assert_parity,
    assert_same_weights,
    assert_sound,
)
from auscult.verdict import Verdict

RNG = np.random.default_rng(5)
STATE = {
    "conv.weight": RNG.standard_normal((6, 5, 3)).astype(np.float32),
    "conv.bias": RNG.standard_normal(6).astype(np.float32),
    "head.weight": RNG.standard_normal((4, 6)).astype(np.float32),
}


def saved(path: Path, state: dict[str, np.ndarray]) -> Path:
    save_file({name: np.ascontiguousarray(array) for name, array in state.items()}, path)
    return path


def test_same_weights_in_another_layout_pass(tmp_path: Path) -> None:
    theirs = saved(tmp_path / "a.safetensors", STATE)
    turned = {
        f"net.{name}": array.swapaxes(1, 2) if array.ndim == 3 else array
        for name, array in STATE.items()
    }
    report = assert_same_weights(theirs, saved(tmp_path / "b.safetensors", turned), exact=True)
    assert report.verdict is Verdict.EQUIVALENT


def test_rounded_weights_pass_unless_they_must_be_exact(tmp_path: Path) -> None:
    theirs = saved(tmp_path / "a.safetensors", STATE)
    half = saved(
        tmp_path / "b.safetensors",
        {name: array.astype(np.float16) for name, array in STATE.items()},
    )
    assert_same_weights(theirs, half)
    with pytest.raises(Divergence, match=r"3 of 3 not bit for bit"):
        assert_same_weights(theirs, half, exact=True)


def test_other_weights_fail_with_the_diagnosis(tmp_path: Path) -> None:
    theirs = saved(tmp_path / "a.safetensors", STATE)
    mine = saved(
        tmp_path / "b.safetensors",
        {name: array for name, array in STATE.items() if name != "conv.bias"},
    )
    with pytest.raises(Divergence) as failure:
        assert_same_weights(theirs, mine)
    assert isinstance(failure.value, AssertionError)
    lines = str(failure.value).splitlines()
    assert lines[0] == "the weights are not the same"
    assert lines[2].startswith("DIVERGENT  ")
    (first,) = (number for number, line in enumerate(lines) if "(CKP004): " in line)
    assert lines[first].startswith("error ")
    assert lines[first + 1].strip().startswith("conv.bias")
    assert failure.value.report.findings[0].cause == "tensor-missing"
    assert assert_same_weights(theirs, mine, allow=["tensor-missing"]).verdict is Verdict.DIVERGENT
    assert assert_same_weights(theirs, mine, allow=["ckp004"]).verdict is Verdict.DIVERGENT
    with pytest.raises(Divergence):
        assert_same_weights(theirs, mine, allow=["LAY"])


def test_the_former_names_of_the_candidate_still_work(tmp_path: Path) -> None:
    theirs = saved(tmp_path / "a.safetensors", STATE)
    with pytest.warns(DeprecationWarning, match="candidate"):
        assert assert_same_weights(mine=theirs, reference=theirs).verdict is Verdict.PASS  # type: ignore[call-arg]


def test_parity() -> None:
    pytest.importorskip("torch")
    from tests.traced_ports import SIGNAL, FoldedNet, Net

    net = Net()
    assert assert_parity(net, copy.deepcopy(net), SIGNAL, strict=True).verdict is Verdict.PASS
    assert assert_parity(net, FoldedNet(net), SIGNAL).verdict is Verdict.EQUIVALENT
    with pytest.raises(Divergence, match="another granularity"):
        assert_parity(net, FoldedNet(net), SIGNAL, strict=True)


def test_a_wrong_port_fails_with_the_layer_and_the_cause() -> None:
    pytest.importorskip("torch")
    from tests.traced_ports import SIGNAL, Net

    with pytest.raises(Divergence) as failure:
        assert_parity(Net(), Net(shortcuts=(True, False)), {"input": SIGNAL})
    message = str(failure.value)
    assert message.startswith(
        "the candidate does not compute what the reference computes\n\nDIVERGENT  "
    )
    assert "first divergence  output of decoder" in message
    assert "residual-missing" in message
    report = assert_parity(
        Net(), Net(shortcuts=(True, False)), {"input": SIGNAL}, allow=["residual-missing"]
    )
    assert report.findings[0].where == ("decoder",)


def test_what_cannot_be_settled_fails(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    from auscult.runtime.capture_run import capture
    from tests.traced_ports import SIGNAL, Net

    one, two = (capture(Net(), {"input": signal}) for signal in (SIGNAL, 2 * SIGNAL))
    with pytest.raises(Divergence, match="not settled whether they are the same"):
        assert_parity(one, two)


def test_a_model_that_agrees_with_itself() -> None:
    pytest.importorskip("torch")
    from tests.properties.checked_networks import ConvVocoder

    mel = RNG.standard_normal((1, 8, 64)).astype(np.float32)
    assert assert_invariant(ConvVocoder().eval(), mel, only=["batch"]).verdict is Verdict.PASS
    dropping = ConvVocoder(dropout=0.5).eval()
    with pytest.raises(Divergence, match="the model does not agree with itself") as failure:
        assert_invariant(dropping, mel, only=["determinism", "mode"])
    assert failure.value.report.findings[0].cause == "dropout-active"
    for accepted in ("determinism", "dropout-active", "INV001"):
        assert_invariant(dropping, mel, only=["determinism", "mode"], allow=[accepted])
    with pytest.raises(Divergence, match="not settled whether the model agrees with itself"):
        assert_invariant(ConvVocoder().eval(), mel, only=["streaming"], chunk=64)


def test_a_recording_that_is_sound_and_one_that_is_not() -> None:
    from tests.verbs.test_listen import RATE, voice, with_gaps

    clean = voice(2.0)
    assert assert_sound((clean.samples, RATE)).verdict is Verdict.PASS
    with pytest.raises(Divergence) as failure:
        assert_sound(with_gaps(clean))
    lines = str(failure.value).splitlines()
    assert lines[0] == "the recording has a defect"
    assert lines[2].startswith("DIVERGENT  ")
    codes = {finding.code for finding in failure.value.report.findings}
    assert assert_sound(with_gaps(clean), allow=sorted(codes)).verdict is Verdict.DIVERGENT
    with pytest.raises(Divergence):
        assert_sound(with_gaps(clean), allow=["CKP"])
