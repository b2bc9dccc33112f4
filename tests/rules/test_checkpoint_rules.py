"""The rules of files and names, each planted once, each with a clean control."""

from __future__ import annotations

from dataclasses import replace

import ml_dtypes
import numpy as np
import pytest

from auscult.finding import Finding, Severity
from auscult.rules.diff.evidence.difference import judge_freshness, measure_difference
from auscult.verbs.diff.diff import diff
from auscult.verdict import Report, Verdict
from auscult.weights import Checkpoint
from tests.rules.models import Arrays, filled, fresh, hifigan, hifigan_shapes


def run(candidate: Arrays, reference: Arrays) -> Report:
    return diff(Checkpoint.of(reference, "a"), Checkpoint.of(candidate, "b"))


def found(report: Report, cause: str) -> Finding:
    assert report.findings, "nothing found"
    assert report.findings[0].cause == cause
    return report.findings[0]


def changed(name: str, values: np.ndarray) -> Report:
    good = hifigan()
    return run(good | {name: values}, good)


NAME = "resblocks.4.convs1.0.weight"


def test_renamed() -> None:
    good = hifigan()
    bad = {
        name.replace("resblocks.", "blocks_").replace("ups.", "upsamplers."): array
        for name, array in good.items()
    }
    report = run(bad, good)
    assert report.verdict is Verdict.EQUIVALENT
    assert set(found(report, "renamed").where) == {name for name in bad if name not in good}


def test_swapped_between_few_blocks_of_a_renamed_file() -> None:
    """Of three blocks one vector keeps its place: what else lies in the blocks tells where the two belong."""
    good = filled(
        {
            f"blocks.{index}.{leaf}": shape
            for index in range(3)
            for leaf, shape in {
                "norm1.weight": (16,),
                "norm1.bias": (16,),
                "ff.weight": (8, 16),
            }.items()
        }
    )
    new_names = {
        name: name.replace("blocks", "m.layers").replace("norm1", "ln_a").replace("ff", "fc")
        for name in good
    }
    right = {new_names[name]: array for name, array in good.items()}
    assert run(right, good).verdict is Verdict.EQUIVALENT
    one, two = "m.layers.0.ln_a.weight", "m.layers.2.ln_a.weight"
    report = run(right | {one: right[two], two: right[one]}, good)
    assert report.verdict is Verdict.DIVERGENT
    assert set(found(report, "swapped").where) == {one, two}


def test_swapped_inside_a_renamed_file() -> None:
    """norm2 and norm3 exchanged, in a file whose modules have other names throughout."""
    good = filled(
        {f"layers.{layer}.norm{which}.weight": (16,) for layer in range(4) for which in (1, 2, 3)}
    )
    port = {name.replace("layers.", "blocks_"): array for name, array in good.items()}
    one, two = "blocks_1.norm2.weight", "blocks_1.norm3.weight"
    port[one], port[two] = port[two], port[one]
    report = run(port, good)
    assert set(found(report, "swapped").where) == {one, two}
    assert report.verdict is Verdict.DIVERGENT


def test_three_in_a_circle_are_one_group() -> None:
    good = hifigan()
    names = [f"resblocks.2.convs1.{index}.weight" for index in range(3)]
    bad = good | {name: good[names[(place + 1) % 3]] for place, name in enumerate(names)}
    finding = found(run(bad, good), "swapped")
    assert set(finding.where) == set(names)
    assert len(finding.evidence["groups"]) == 1


def test_missing_and_extra() -> None:
    good = hifigan()
    lost = {name for name in good if name.startswith("resblocks.5.convs2.1")}
    assert (
        set(
            found(
                run({n: a for n, a in good.items() if n not in lost}, good), "tensor-missing"
            ).where
        )
        == lost
    )
    extra = found(run(good | filled({"final_proj.weight": (9, 13)}, seed=4), good), "tensor-extra")
    assert extra.where == ("final_proj.weight",)


@pytest.mark.parametrize("kind", ["zero", "constant", "uniform"])
def test_untrained(kind: str) -> None:
    shape = hifigan_shapes()[NAME]
    values = {
        "zero": np.zeros(shape),
        "constant": np.full(shape, 0.01),
        "uniform": fresh({NAME: shape})[NAME],
    }[kind]
    finding = found(changed(NAME, values.astype(np.float32)), "untrained")
    assert finding.where == (NAME,)
    assert finding.evidence["like"] == {kind: 1}


def test_partial_load_between_files() -> None:
    good = hifigan()
    stale = [name for name in good if "convs2" in name and name.endswith("weight")]
    bad = good | fresh({name: good[name].shape for name in stale})
    finding = found(run(bad, good), "partial-load")
    assert set(finding.where) == set(stale)


def test_tie_lost() -> None:
    table = filled({"emb.weight": (40, 16)})["emb.weight"]
    good = Checkpoint.of(
        {"emb.weight": table, "head.weight": table}, "b", ties=(("emb.weight", "head.weight"),)
    )
    drifted = Checkpoint.of(
        {"emb.weight": table, "head.weight": table + filled({"x": (40, 16)}, 7)["x"]}, "a"
    )
    assert found(diff(good, drifted), "tie-lost").where == ("head.weight",)
    once = diff(good, Checkpoint.of({"emb.weight": table}, "b"))
    assert found(once, "tie-lost").severity is Severity.INFO
    assert once.verdict is Verdict.EQUIVALENT


def test_truncated_inside_a_tensor_and_corrupt() -> None:
    values = hifigan()[NAME]
    cut = values.copy()
    cut.reshape(-1)[cut.size // 2 :] = 0
    assert found(changed(NAME, cut), "truncated").where == (NAME,)
    damaged = values.copy()
    damaged.reshape(-1)[10:26] = 3.0
    finding = found(changed(NAME, damaged), "corrupt")
    assert finding.evidence["damage"][0] == {
        "values": 16,
        "of": values.size,
        "first": 10,
        "last": 25,
    }


def test_non_finite() -> None:
    values = hifigan()[NAME].copy()
    values.reshape(-1)[5] = np.nan
    assert found(changed(NAME, values), "non-finite").evidence == {
        "values": 1,
        "sides": ["candidate"],
    }


def test_wrong_dtype() -> None:
    good = hifigan()
    good[NAME] = good[NAME].astype(ml_dtypes.bfloat16)
    report = run(good | {NAME: good[NAME].view(np.float16)}, good)
    assert found(report, "wrong-dtype").where == (NAME,)
    assert report.verdict is Verdict.DIVERGENT


def test_lossy() -> None:
    good = hifigan()
    report = run({name: array.astype(ml_dtypes.bfloat16) for name, array in good.items()}, good)
    assert report.verdict is Verdict.EQUIVALENT
    finding = found(report, "lossy")
    assert finding.severity is Severity.INFO
    assert list(finding.evidence["formats"]) == ["bfloat16"]


def test_other_weights_and_a_fine_tuned_copy() -> None:
    good = hifigan()
    other = found(run(hifigan(seed=9), good), "other-weights")
    assert other.count == len(good)
    assert other.evidence["related"] is False
    tuned = {
        name: array * np.float32(1.02) + 0.02 * hifigan(seed=9)[name]
        for name, array in good.items()
    }
    assert found(run(tuned, good), "other-weights").evidence["related"] is True


def test_derived_buffers_are_no_alarm() -> None:
    good = hifigan()
    report = run(
        good,
        good
        | {
            "norm.num_batches_tracked": np.array(7),
            "stft_window": np.hanning(16).astype(np.float32),
        },
    )
    assert found(report, "derived-buffer").severity is Severity.INFO
    assert report.verdict is Verdict.EQUIVALENT


def test_wrapped_names_the_container() -> None:
    good = hifigan()
    nested = replace(Checkpoint.of(good, "a"), container=("model_state_dict", "generator"))
    finding = found(diff(Checkpoint.of(good, "b"), nested), "wrapped")
    assert '["model_state_dict"]["generator"]' in finding.message


def test_measure_against_the_textbook() -> None:
    rng = np.random.default_rng(1)
    a, b = rng.standard_normal((2, 50))
    b[:25] = a[:25]
    found_difference = measure_difference(a, b)
    assert found_difference.equal_share == 0.5
    assert (found_difference.first, found_difference.last) == (25, 49)
    assert found_difference.correlation == pytest.approx(np.corrcoef(a, b)[0, 1])
    assert found_difference.ratio == pytest.approx(np.sqrt((a**2).mean() / (b**2).mean()))


def test_freshness_tells_constructors_from_training() -> None:
    """On 200 weights each: what a constructor makes is called so, and trained-looking weights are not."""
    rng = np.random.default_rng(0)
    uniform, normal, trained = 0, 0, 0
    for seed in range(200):
        shape = (int(rng.integers(8, 64)), int(rng.integers(4, 32)), int(rng.integers(1, 8)))
        uniform += judge_freshness(fresh({"w": shape}, seed)["w"]) == "uniform"
        normal += judge_freshness(0.01 * rng.standard_normal(shape)) == "normal"
        trained += judge_freshness(filled({"w": shape}, seed)["w"]) is not None
    assert uniform >= 190
    assert normal >= 180
    assert trained <= 4
