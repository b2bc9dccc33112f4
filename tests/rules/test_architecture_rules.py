"""The rules of architecture against checkpoint, each planted once, with the case that it must not take for its own."""

from __future__ import annotations

import numpy as np

from auscult.finding import Finding
from auscult.rules.diff.architecture.arc004_depth import measure
from auscult.verbs.diff.diff import diff
from auscult.verdict import Report
from auscult.weights import Checkpoint, ModuleInfo, Shape
from tests.rules.models import code, filled, fresh, hifigan_shapes


def run(
    file: dict[str, Shape], model: dict[str, Shape], modules: dict[str, ModuleInfo] | None = None
) -> Report:
    return diff(Checkpoint.of(filled(file), "a"), code(fresh(model), modules=modules))


def found(report: Report, cause: str) -> Finding:
    assert report.findings, "nothing found"
    assert report.findings[0].cause == cause
    return report.findings[0]


def test_grouped_where_the_file_is_fully_connected() -> None:
    shapes = hifigan_shapes()
    square = [
        name
        for name, shape in shapes.items()
        if "convs1" in name and len(shape) == 3 and shape[0] == 16
    ]
    finding = found(
        run(shapes, shapes | {name: (16, 4, shapes[name][2]) for name in square}), "conv-grouped"
    )
    assert set(finding.where) == set(square)
    assert finding.evidence["groups"] == [4]
    assert finding.evidence["grouped_side"] == "b"


def test_depthwise_file_against_full_code() -> None:
    shapes: dict[str, Shape] = {"a.weight": (16, 16, 3), "b.weight": (16, 16, 7), "b.bias": (16,)}
    finding = found(run(shapes | {"b.weight": (16, 1, 7)}, shapes), "conv-grouped")
    assert finding.evidence["groups"] == [16]
    assert finding.evidence["grouped_side"] == "a"


def test_kernel_size() -> None:
    shapes = hifigan_shapes()
    other: dict[str, Shape] = {
        name: (*shape[:2], 5) if shape[2:] == (7,) else shape for name, shape in shapes.items()
    }
    finding = found(run(shapes, other), "kernel-size")
    assert set(finding.where) == {name for name in shapes if shapes[name] != other[name]}
    assert finding.evidence["kernels"] == [[[7], [5]]]


def test_a_narrower_model_is_not_grouped() -> None:
    """conv_post keeps its one output and has half the inputs: that is the width of the layer before."""
    file, model = hifigan_shapes(32), hifigan_shapes(16)
    report = run(file, model)
    finding = found(report, "width")
    assert set(finding.where) == {name for name in file if file[name] != model[name]}
    assert "conv_post.weight" in finding.where
    assert "conv-grouped" not in {other.cause for other in report.findings}


def test_depth_is_a_block_past_the_end() -> None:
    shapes: dict[str, Shape] = {
        f"layers.{i}.{part}.weight": (8, 8 + len(part)) for i in range(4) for part in ("attn", "ff")
    }
    more: dict[str, Shape] = shapes | {
        "layers.4.attn.weight": (8, 12),
        "layers.4.ff.weight": (8, 10),
    }
    finding = found(run(shapes, more), "depth")
    assert set(finding.where) == {"layers.4.attn.weight", "layers.4.ff.weight"}
    assert finding.evidence == {"blocks": [["layers.", 4]], "side": "b"}


def test_a_gap_is_no_depth() -> None:
    shapes: dict[str, Shape] = {f"layers.{i}.ff.weight": (8, 10) for i in range(5)}
    assert found(
        run({n: s for n, s in shapes.items() if ".2." not in n}, shapes), "tensor-extra"
    ).where == ("layers.2.ff.weight",)
    assert measure(["norm3.weight"], ["norm1.weight", "norm2.weight"], template=True) == {}
    rows = [f"rows.{row}.convs.{i}.weight" for row in range(2) for i in range(3)]
    assert measure([rows[-1]], rows[:-1], template=True) == {}


def test_never_trained_modules_and_a_lost_one() -> None:
    shapes: dict[str, Shape] = {f"blocks.{i}.conv.weight": (8, 8, 3) for i in range(3)}
    norms: dict[str, Shape] = {
        f"blocks.{i}.norm.{leaf}": (8,) for i in range(3) for leaf in ("weight", "bias")
    }
    assert set(found(run(shapes, shapes | norms), "modules-never-trained").where) == set(norms)
    some_norms = {name: shape for name, shape in norms.items() if ".1." not in name}
    lost = found(run(shapes | some_norms, shapes | norms), "tensor-extra")
    assert set(lost.where) == {"blocks.1.norm.weight", "blocks.1.norm.bias"}


def test_a_class_tells_the_kind_where_names_do_not() -> None:
    shapes: dict[str, Shape] = {"net.0.weight": (8, 8, 3)}
    modules = {
        "net.1": ModuleInfo("net.1", "BatchNorm1d"),
        "net.0": ModuleInfo("net.0", "Conv1d", {"dilation": (3,)}),
    }
    report = run(
        shapes,
        shapes | {"net.act.gain": (8,)},
        modules | {"net.act": ModuleInfo("net.act", "GroupNorm")},
    )
    assert found(report, "modules-never-trained").evidence["kinds"] == {"norm": 1}


def test_undetermined_lists_only_what_is_there() -> None:
    shapes: dict[str, Shape] = {
        "a.weight": (8, 8, 3),
        "lstm.weight_ih_l0": (32, 8),
        "lstm.weight_hh_l0": (32, 8),
    }
    modules = {"a": ModuleInfo("a", "Conv1d", {"dilation": (3,)})}
    finding = found(run(shapes, shapes, modules), "undetermined-by-weights")
    assert set(finding.evidence["open"]) == {"conv", "recurrent"}
    assert finding.evidence["declared_by_code"] == {"Conv1d.dilation": ["(3,)"]}


def test_two_files_of_the_same_weights_leave_nothing_open() -> None:
    arrays = filled({"a.weight": (8, 8, 3)})
    assert (
        diff(
            Checkpoint.of(arrays),
            Checkpoint.of({name: np.array(array) for name, array in arrays.items()}),
        ).findings
        == ()
    )
