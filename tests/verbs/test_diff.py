"""`diff` as a function: verdicts, coverage, code against files, several files, repairs that verify themselves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file, save_file

from auscult.errors import CheckpointError, UsageError
from auscult.finding import Severity
from auscult.verbs.diff.diff import diff
from auscult.verdict import Report, Verdict
from auscult.weights import Checkpoint
from tests.rules.models import (
    Arrays,
    code,
    filled,
    fresh,
    hifigan,
    hifigan_shapes,
    in_mlx_layout,
    streamspeech94_shapes,
    streamspeech394_shapes,
    weight_normed,
)


def side(arrays: Arrays, path: str = "a") -> Checkpoint:
    return Checkpoint.of(arrays, path)


def causes(report: Report) -> list[str]:
    return [finding.cause for finding in report.findings]


@pytest.fixture(scope="module")
def story() -> Report:
    """The first story: a trained file of 94 tensors against code that builds 394."""
    file = {f"generator.{name}": array for name, array in filled(streamspeech94_shapes()).items()}
    return diff(side(file, "best_model.pth"), code(fresh(streamspeech394_shapes())))


def test_the_story_in_its_order_of_importance(story: Report) -> None:
    assert story.verdict is Verdict.DIVERGENT
    order = [cause for cause in causes(story) if cause != "prefix"]
    assert order == [
        "modules-never-trained",
        "conv-grouped",
        "kernel-size",
        "partial-load",
        "undetermined-by-weights",
    ]


def test_the_figures_of_the_story(story: Report) -> None:
    found = {finding.cause: finding for finding in story.findings}
    assert found["modules-never-trained"].count == 300
    assert found["modules-never-trained"].evidence["kinds"] == {
        "norm": 150,
        "attention": 90,
        "LoRA": 60,
    }
    assert (found["conv-grouped"].count, found["conv-grouped"].evidence["groups"]) == (30, [4])
    assert (found["kernel-size"].count, found["kernel-size"].evidence["kernels"]) == (
        20,
        [[[5], [3]], [[7], [3]]],
    )
    partial = found["partial-load"].evidence
    assert (partial["copied"], partial["values_copied"], partial["values_total"]) == (
        64,
        3_181_441,
        13_656_961,
    )
    assert "23%" in found["partial-load"].message
    assert story.coverage is not None
    assert {name: n for name, n in story.coverage.buckets.items() if n} == {
        "identical": 64,
        "different": 30,
        "only_in_b": 300,
    }
    assert story.coverage.total == 394


def test_a_fit_with_code_is_never_a_pass() -> None:
    """94 of 94 load, and still nothing is known about dilation, norms and activation."""
    shapes = streamspeech94_shapes()
    report = diff(side(filled(shapes)), code(fresh(shapes)))
    assert report.verdict is Verdict.INCONCLUSIVE
    assert causes(report) == ["undetermined-by-weights"]
    finding = report.findings[0]
    assert finding.severity is Severity.WARNING
    assert finding.settled_by is not None
    assert "diagnose" in finding.settled_by
    assert "dilation" in finding.message
    assert all(entry.to_json()["compared"] == "shapes" for entry in report.mapping)


def test_code_that_holds_the_weights_is_compared_by_value() -> None:
    good = hifigan()
    report = diff(side(good), code(good))
    assert report.verdict is Verdict.PASS
    assert report.extra["compared"] == "values"


def test_code_first_is_the_same_question_with_sides_exchanged() -> None:
    shapes = hifigan_shapes()
    extra = fresh(shapes | {"extra_norm.weight": (8,)})
    forward, backward = (
        diff(side(filled(shapes)), code(extra)),
        diff(code(extra), side(filled(shapes))),
    )
    assert causes(forward) == causes(backward)
    assert forward.coverage is not None
    assert backward.coverage is not None
    assert (forward.coverage.buckets["only_in_b"], backward.coverage.buckets["only_in_a"]) == (1, 1)
    assert backward.subjects == ("model.py:build", "a")


def test_missing_is_what_the_candidate_lacks_and_extra_what_it_has_beside() -> None:
    """Between two files, and where the candidate is code that loads the reference."""
    good = hifigan()
    lost = {name: array for name, array in good.items() if not name.startswith("conv_post")}
    more = lost | filled({"other.weight": (3, 5)})
    for candidate in (side(more, "b"), code(fresh({n: a.shape for n, a in more.items()}))):
        found = {finding.cause: finding for finding in diff(side(good), candidate).findings}
        assert set(found["tensor-missing"].where) == {"conv_post.weight", "conv_post.bias"}
        assert found["tensor-extra"].where == ("other.weight",)
    severities = {cause: finding.severity for cause, finding in found.items()}
    assert severities["tensor-extra"] is Severity.ERROR, (
        "the model's tensor keeps its initial values"
    )
    assert severities["tensor-missing"] is Severity.WARNING


def test_the_former_names_of_the_sides_still_work() -> None:
    good = side(hifigan())
    with pytest.warns(DeprecationWarning, match="reference"):
        assert diff(a=good, b=good).verdict is Verdict.PASS  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="multiple values"):
        diff(good, good, a=good)  # type: ignore[call-arg]


def test_live_torch_module() -> None:
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    module = torch.nn.Sequential(torch.nn.Conv1d(3, 8, 5), torch.nn.ConvTranspose1d(8, 4, 4))
    state = {name: value.numpy().copy() for name, value in module.state_dict().items()}
    mlx = {
        "0.weight": np.ascontiguousarray(state["0.weight"].transpose(0, 2, 1)),
        "0.bias": state["0.bias"],
        "1.weight": np.ascontiguousarray(state["1.weight"].transpose(1, 2, 0)),
        "1.bias": state["1.bias"],
    }
    report = diff(side(mlx), module)
    assert report.verdict is Verdict.EQUIVALENT
    assert set(causes(report)) >= {"layout-conv1d", "layout-conv-transpose1d"}


def test_several_files_are_one_side(tmp_path: Path) -> None:
    good = hifigan()
    half = len(good) // 2
    for number, part in enumerate(
        (dict(list(good.items())[:half]), dict(list(good.items())[half:]))
    ):
        save_file(part, tmp_path / f"part{number}.safetensors")
    assert (
        diff([tmp_path / "part0.safetensors", tmp_path / "part1.safetensors"], side(good)).verdict
        is Verdict.PASS
    )
    with pytest.raises(UsageError, match="same name"):
        diff([tmp_path / "part0.safetensors"] * 2, side(good))


def test_a_file_that_is_cut_off_is_a_finding(tmp_path: Path) -> None:
    save_file(hifigan(), tmp_path / "whole.safetensors")
    cut = tmp_path / "cut.safetensors"
    cut.write_bytes((tmp_path / "whole.safetensors").read_bytes()[:-1000])
    report = diff(tmp_path / "whole.safetensors", cut)
    assert report.verdict is Verdict.ERROR
    assert causes(report) == ["truncated"]


def test_a_file_that_is_none_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError):
        diff(tmp_path / "nowhere.safetensors", side(hifigan()))


def test_select_and_ignore_change_what_is_shown_and_not_the_verdict() -> None:
    good = hifigan()
    bad = {name: array for name, array in good.items() if not name.startswith("conv_post")} | {
        "other.weight": np.ones((3, 5))
    }
    assert set(causes(diff(side(good), side(bad)))) == {"tensor-missing", "tensor-extra"}
    assert causes(diff(side(good), side(bad), select=("CKP004",))) == ["tensor-missing"]
    ignoring = diff(side(good), side(bad), ignore=("CKP",))
    assert causes(ignoring) == []
    assert ignoring.verdict is Verdict.DIVERGENT


def test_every_tensor_is_in_one_bucket_and_in_the_mapping() -> None:
    good = hifigan()
    bad: Arrays = {
        f"m.{name}": array.astype(np.float16)
        for name, array in in_mlx_layout(good).items()
        if "convs2.1" not in name
    }
    report = diff(side(good), side(bad))
    assert report.coverage is not None
    named = [name for entry in report.mapping for name in entry.a]
    assert len(named) == len(set(named)) == len(bad)
    assert report.coverage.total == len(good)


REPAIRS: dict[str, Any] = {
    "prefix": lambda good: {f"generator.{name}": array for name, array in good.items()},
    "mlx": in_mlx_layout,
    "extra": lambda good: good | {"discriminator.weight": np.ones((4, 9), np.float32)},
    "swapped": lambda good: (
        good
        | {
            "ups.0.bias": good["resblocks.0.convs1.0.bias"],
            "resblocks.0.convs1.0.bias": good["ups.0.bias"],
        }
    ),
}


@pytest.mark.parametrize("damage", REPAIRS)
def test_fix_restores_every_bit_and_says_so(damage: str, tmp_path: Path) -> None:
    good = hifigan()
    out = tmp_path / "fixed.safetensors"
    report = diff(side(good), side(REPAIRS[damage](good), "b"), fix=out)
    assert report.verdict is Verdict.PASS
    assert report.extra["fixed"]["written"] is True
    assert all(finding.severity is not Severity.ERROR for finding in report.findings)
    written = load_file(out)
    assert written.keys() == good.keys()
    assert all(np.array_equal(written[name], good[name]) for name in good)
    assert [path.name for path in tmp_path.iterdir()] == ["fixed.safetensors"]


def test_fix_splits_a_fused_weight_into_a_pair_that_stands_for_it(tmp_path: Path) -> None:
    apart, fused = weight_normed(hifigan())
    report = diff(side(apart), side(fused, "b"), fix=str(tmp_path / "fixed.safetensors"))
    assert report.verdict is Verdict.EQUIVALENT
    assert load_file(tmp_path / "fixed.safetensors").keys() == apart.keys()


def test_fix_writes_a_checkpoint_so_that_the_code_loads_it(tmp_path: Path) -> None:
    """With code as the candidate it is the reference that is written, and the recipe says so."""
    good = hifigan()
    file = {f"generator.{name}": array for name, array in in_mlx_layout(good).items()}
    out = tmp_path / "fixed.safetensors"
    report = diff(side(file), code(good), fix=out)
    assert report.extra["fixed"]["written"] is True
    written = load_file(out)
    assert all(np.array_equal(written[name], good[name]) for name in good)
    recipe_finding = next(finding for finding in report.findings if finding.cause == "prefix")
    assert recipe_finding.fix is not None
    assert recipe_finding.fix.summary.endswith("from the checkpoint to the model")
    assert recipe_finding.fix.recipe[0]["sources"][0].startswith("generator.")


def test_a_recipe_leads_from_the_candidate_to_the_reference() -> None:
    good = hifigan()
    report = diff(side(good), side(in_mlx_layout(good), "b"))
    by_target = {
        entry["targets"][0]: entry["ops"]
        for finding in report.findings
        if finding.fix is not None
        for entry in finding.fix.recipe
    }
    assert by_target["ups.0.weight"] == [{"op": "permute", "axes": [2, 0, 1]}]
    mapping = {entry.a[0]: entry.ops for entry in report.mapping}
    assert mapping["ups.0.weight"] == ({"op": "permute", "axes": [1, 2, 0]},)


def test_fix_refuses_what_no_recipe_repairs(tmp_path: Path) -> None:
    good = hifigan()
    bad = good | {"conv_pre.weight": np.zeros_like(good["conv_pre.weight"])}
    report = diff(side(good), side(bad, "b"), fix=tmp_path / "fixed.safetensors")
    assert report.verdict is Verdict.DIVERGENT
    assert report.extra["fixed"]["written"] is False
    assert any("not written" in skip.reason for skip in report.skips)
    assert list(tmp_path.iterdir()) == []


def test_fix_never_writes_over_a_file(tmp_path: Path) -> None:
    good = hifigan()
    file = tmp_path / "a.safetensors"
    save_file(good, file)
    with pytest.raises(UsageError, match="replace an input"):
        diff(side(good), file, fix=file)
    other = tmp_path / "other.safetensors"
    other.write_bytes(b"precious")
    with pytest.raises(UsageError, match="there already"):
        diff(side(good), file, fix=other)
    assert other.read_bytes() == b"precious"


def test_a_model_that_was_loaded_in_part_is_compared_by_value() -> None:
    """The exception was caught: the largest tensors are fresh, the small ones are the file's."""
    good = hifigan()
    stale = {name for name, array in good.items() if array.ndim == 3 and array.size > 1000}
    loaded = good | fresh({name: good[name].shape for name in stale})
    report = diff(side(good), code(loaded))
    assert report.extra["compared"] == "values"
    assert report.verdict is Verdict.DIVERGENT
    assert causes(report)[0] == "partial-load"
    assert set(report.findings[0].where) == stale


TENSORS = st.dictionaries(
    st.lists(
        st.sampled_from(
            ["a", "b", "0", "1", "weight", "weight_g", "weight_v", "bias", "norm", "lora_A"]
        ),
        min_size=1,
        max_size=3,
    ).map(".".join),
    st.tuples(
        st.lists(st.integers(0, 3), max_size=3).map(tuple),
        st.sampled_from(["float32", "float16", "int64", "bool", "complex64"]),
        st.sampled_from(["zero", "random", "nan"]),
    ),
    max_size=6,
)


def drawn(spec: dict[str, tuple[tuple[int, ...], str, str]]) -> Arrays:
    rng = np.random.default_rng(len(spec))
    arrays = {}
    for name, (shape, dtype, fill) in spec.items():
        values = (
            np.zeros(shape) if fill == "zero" else rng.integers(-3, 3, shape).astype(np.float64)
        )
        if fill == "nan" and dtype.startswith("float"):
            values = values * np.nan
        arrays[name] = np.asarray(values).astype(dtype)
    return arrays


@given(TENSORS, TENSORS, st.booleans())
@settings(max_examples=150, deadline=None)
def test_whatever_is_compared_every_tensor_is_counted(
    left: dict[str, tuple[tuple[int, ...], str, str]],
    right: dict[str, tuple[tuple[int, ...], str, str]],
    live: bool,
) -> None:
    a, b = (
        drawn(left | {"x.weight": ((2, 3), "float32", "random")}),
        drawn(right | {"y.weight": ((2, 3), "float32", "random")}),
    )
    report = diff(side(a), code(b) if live else side(b))
    assert report.coverage is not None
    in_a = [name for entry in report.mapping for name in entry.a]
    in_b = [name for entry in report.mapping for name in entry.b]
    buckets = report.coverage.buckets
    assert len(set(in_a)) + buckets["only_in_a"] == len(a)
    assert len(set(in_b)) + buckets["only_in_b"] == len(b)
    if report.verdict in {Verdict.PASS, Verdict.EQUIVALENT}:
        assert buckets["different"] == 0
    assert diff(side(a), side(a)).verdict is Verdict.PASS
