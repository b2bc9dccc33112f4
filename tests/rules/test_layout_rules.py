"""The rules of layout and parametrisation: each planted once, each with a clean control that looks much like it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from auscult.finding import Finding, Severity
from auscult.verbs.diff.diff import diff
from auscult.verdict import Report, Verdict
from auscult.weights import Checkpoint, ModuleInfo
from tests.rules.models import (
    Arrays,
    code,
    filled,
    fresh,
    hifigan,
    hifigan_shapes,
    in_mlx_layout,
    weight_normed,
)


def run(candidate: Arrays, reference: Arrays) -> Report:
    return diff(Checkpoint.of(reference, "a"), Checkpoint.of(candidate, "b"))


def found(report: Report, cause: str) -> Finding:
    assert report.findings, "nothing found"
    assert report.findings[0].cause == cause
    return report.findings[0]


def permuted(
    arrays: Arrays, axes: tuple[int, ...], chosen: Callable[[str], bool]
) -> tuple[Arrays, set[str]]:
    names = {name for name, array in arrays.items() if array.ndim == len(axes) and chosen(name)}
    return {
        n: np.ascontiguousarray(a.transpose(axes)) if n in names else a for n, a in arrays.items()
    }, names


def test_conv1d_layout() -> None:
    good = hifigan()
    bad, names = permuted(good, (0, 2, 1), lambda name: not name.startswith("ups"))
    report = run(bad, good)
    finding = found(report, "layout-conv1d")
    assert set(finding.where) == names
    assert finding.severity is Severity.ERROR, (
        "the transposed convolutions were left: no framework has that layout"
    )
    assert report.verdict is Verdict.EQUIVALENT
    assert finding.fix is not None
    assert finding.fix.safety == "safe"
    assert len(finding.fix.recipe) == len(names)


def test_a_whole_framework_layout_only_informs() -> None:
    report = run(in_mlx_layout(hifigan()), hifigan())
    assert {finding.severity for finding in report.findings} == {Severity.INFO}


def test_conv_transpose_layout_square_and_exchanged() -> None:
    good = hifigan() | filled({"up.weight": (12, 12, 8)}, seed=3)
    bad = good | {"up.weight": np.ascontiguousarray(good["up.weight"].transpose(1, 0, 2))}
    finding = found(run(bad, good), "layout-conv-transpose1d")
    assert finding.where == ("up.weight",)
    assert finding.evidence["same_shape"] == 1
    assert finding.evidence["legal"] is False


def test_conv2d_layout() -> None:
    good = filled(
        {"head.0.weight": (8, 3, 3, 3), "head.1.weight": (8, 8, 3, 3), "head.1.bias": (8,)}
    )
    bad, names = permuted(good, (0, 2, 3, 1), lambda _: True)
    assert set(found(run(bad, good), "layout-conv2d").where) == names


def test_linear_layout_with_square_matrices() -> None:
    good = filled({"c_attn.weight": (24, 8), "c_proj.weight": (8, 8), "ln.weight": (8,)})
    bad, names = permuted(good, (1, 0), lambda _: True)
    assert set(found(run(bad, good), "layout-linear").where) == names


def in_a_graph(arrays: Arrays, straight: str = "") -> Checkpoint:
    """A graph that multiplies by each matrix from the right, all but `straight` turned round for it."""
    tensors = {
        f"val_{number}": array if name == straight else np.ascontiguousarray(array.T)
        for number, (name, array) in enumerate(arrays.items())
    }
    modules = {name: ModuleInfo(name, "MatMul", {"node": name, "input": 1}) for name in tensors}
    return Checkpoint.of(tensors, "b", modules=modules)


def test_a_square_matrix_left_as_it_is_among_transposed_ones() -> None:
    good = filled({"up.weight": (24, 12), "query.weight": (12, 12), "down.weight": (12, 24)})
    report = diff(Checkpoint.of(good, "a"), in_a_graph(good, straight="query.weight"))
    finding = found(report, "layout-linear")
    assert (finding.severity, finding.where) == (Severity.ERROR, ("val_1",))
    assert report.verdict is Verdict.DIVERGENT


def test_a_graph_with_every_matrix_transposed_only_informs() -> None:
    good = filled({"up.weight": (24, 12), "query.weight": (12, 12), "down.weight": (12, 24)})
    report = diff(Checkpoint.of(good, "a"), in_a_graph(good))
    assert report.verdict is Verdict.EQUIVALENT
    assert not any(finding.severity is Severity.ERROR for finding in report.findings)


def test_layout_mixed_names_the_odd_ones() -> None:
    good = in_mlx_layout(hifigan())
    odd = "resblocks.7.convs2.1.weight"
    bad = good | {odd: np.ascontiguousarray(good[odd].transpose(0, 2, 1))}
    report = run(bad, good)
    assert found(report, "layout-mixed").where == (odd,)
    assert report.verdict is Verdict.DIVERGENT


def test_one_layer_left_behind_in_a_port() -> None:
    """A port to MLX in which the heuristic "shape[1] < shape[2]" took one layer for converted already."""
    good = hifigan()
    port = in_mlx_layout(good) | {"conv_pre.weight": good["conv_pre.weight"]}
    report = run(port, good)
    assert found(report, "layout-mixed").where == ("conv_pre.weight",)
    assert {finding.cause for finding in report.findings} == {
        "layout-mixed",
        "layout-conv1d",
        "layout-conv-transpose1d",
    }


def test_fortran_order() -> None:
    good = hifigan()
    names = ["conv_pre.weight", "ups.0.weight"]
    bad = good | {name: good[name].ravel(order="F").reshape(good[name].shape) for name in names}
    report = run(bad, good)
    assert set(found(report, "layout-fortran").where) == set(names)
    assert report.verdict is Verdict.DIVERGENT


def test_weight_norm_unfused_and_fused_over_the_wrong_axis() -> None:
    apart, fused = weight_normed(hifigan())
    assert run(apart, fused).findings[0].cause == "weight-norm-unfused"
    gain, vectors = (
        apart["ups.0.weight_g"].astype(np.float64),
        apart["ups.0.weight_v"].astype(np.float64),
    )
    wrong = (gain * vectors / np.sqrt((vectors**2).sum((0, 2), keepdims=True))).astype(np.float32)
    bad = {name: array for name, array in apart.items() if not name.startswith("ups.0.weight")} | {
        "ups.0.weight": wrong
    }
    report = run(bad, apart)
    assert found(report, "weight-norm-axis").where == ("ups.0.weight",)
    assert report.verdict is Verdict.DIVERGENT


def test_weight_norm_swapped() -> None:
    apart, _ = weight_normed(hifigan())
    exchange = {"_g": "_v", "_v": "_g"}
    bad = {
        name[:-2] + exchange[name[-2:]] if name[-2:] in exchange else name: array
        for name, array in apart.items()
    }
    report = run(bad, apart)
    assert set(found(report, "weight-norm-swapped").where) == {
        name for name in apart if name[-2:] in exchange
    }
    assert report.verdict is Verdict.DIVERGENT


def attention() -> Arrays:
    shapes = {
        f"layers.{layer}.attn.to_{part}.weight": (16, 16) for layer in range(2) for part in "qkv"
    }
    return filled(shapes | {"layers.0.norm.weight": (16,), "head.weight": (20, 16)})


def test_qkv_fused() -> None:
    good = attention()
    bad = {name: array for name, array in good.items() if ".to_" not in name}
    for layer in range(2):
        bad[f"layers.{layer}.attn.in_proj.weight"] = np.concatenate(
            [good[f"layers.{layer}.attn.to_{p}.weight"] for p in "qkv"]
        )
    finding = found(run(bad, good), "qkv-fused")
    assert set(finding.where) == {f"layers.{layer}.attn.in_proj.weight" for layer in range(2)}


@pytest.mark.parametrize(
    ("name", "cause", "severity", "verdict"),
    [
        ("in_proj_weight", "qkv-order", Severity.ERROR, Verdict.DIVERGENT),
        ("qkv_proj.weight", "qkv-fused", Severity.WARNING, Verdict.EQUIVALENT),
    ],
)
def test_parts_of_attention_joined_in_another_order(
    name: str, cause: str, severity: Severity, verdict: Verdict
) -> None:
    """torch's attention has one order; CodeGen's `qkv_proj` is q, v, k."""
    good = attention()
    rest = {key: array for key, array in good.items() if ".to_" not in key}

    def join(order: str) -> Report:
        joined = {
            f"layers.{layer}.attn.{name}": np.concatenate(
                [good[f"layers.{layer}.attn.to_{part}.weight"] for part in order]
            )
            for layer in range(2)
        }
        return run(rest | joined, good)

    report = join("qvk")
    assert found(report, cause).severity is severity
    assert report.verdict is verdict
    right = join("qkv")
    assert found(right, "qkv-fused").severity is Severity.INFO
    assert right.verdict is Verdict.EQUIVALENT


def test_qkv_order() -> None:
    good = {
        "attn.to_qkv.weight": np.concatenate(list(attention().values())[:3]),
        "head.weight": attention()["head.weight"],
    }
    q, k, v = np.split(good["attn.to_qkv.weight"], 3)
    assert found(
        run(good | {"attn.to_qkv.weight": np.concatenate([v, q, k])}, good), "qkv-order"
    ).where == ("attn.to_qkv.weight",)


def test_gate_order() -> None:
    good = filled(
        {
            "lstm.weight_ih_l0": (32, 6),
            "lstm.weight_hh_l0": (32, 8),
            "lstm.bias_ih_l0": (32,),
            "lstm.bias_hh_l0": (32,),
        }
    )
    bad = {
        name: np.concatenate([np.split(array, 4)[gate] for gate in (0, 3, 1, 2)])
        for name, array in good.items()
    }
    assert set(found(run(bad, good), "gate-order").where) == set(good)


def test_two_biases_as_one_only_inform() -> None:
    good = filled(
        {"lstm.weight_ih_l0": (32, 6), "lstm.bias_ih_l0": (32,), "lstm.bias_hh_l0": (32,)}
    )
    port = {
        "lstm.Wx": good["lstm.weight_ih_l0"],
        "lstm.bias": good["lstm.bias_ih_l0"] + good["lstm.bias_hh_l0"],
    }
    report = run(port, good)
    (finding,) = [item for item in report.findings if item.cause == "gate-order"]
    assert finding.severity is Severity.INFO
    assert "their sum" in finding.message


def test_norm_folded() -> None:
    rng = np.random.default_rng(0)
    good = filled({"conv.weight": (8, 4, 3, 3), "conv.bias": (8,), "head.weight": (5, 8)})
    norm = {
        f"bn.{leaf}": rng.uniform(0.5, 1.5, 8).astype(np.float32)
        for leaf in ("weight", "bias", "running_mean", "running_var")
    }
    scale = norm["bn.weight"].astype(np.float64) / np.sqrt(
        norm["bn.running_var"].astype(np.float64) + 1e-5
    )
    folded = good | {
        "conv.weight": (good["conv.weight"] * scale.reshape(-1, 1, 1, 1)).astype(np.float32),
        "conv.bias": (
            (good["conv.bias"] - norm["bn.running_mean"]) * scale + norm["bn.bias"]
        ).astype(np.float32),
    }
    report = run(folded, good | norm)
    assert set(found(report, "norm-folded").where) == {"conv.weight", "conv.bias"}


def test_lora_unmerged() -> None:
    good = filled({"q.weight": (24, 16), "norm.weight": (16,)})
    factors = filled({"q.lora_A.weight": (4, 16), "q.lora_B.weight": (24, 4)}, seed=5)
    delta = factors["q.lora_B.weight"].astype(np.float64) @ factors["q.lora_A.weight"].astype(
        np.float64
    )
    merged = good | {"q.weight": (good["q.weight"] + 2.0 * delta).astype(np.float32)}
    assert set(found(run(good | factors, merged), "lora-unmerged").where) == {"q.weight", *factors}


def test_snake_parametrisation() -> None:
    good = filled(
        {f"block.{i}.snake.alpha": (1, 16, 1) for i in range(3)} | {"conv.weight": (16, 8, 3)}
    )
    bad = {name: np.exp(array) if "alpha" in name else array for name, array in good.items()}
    assert set(found(run(bad, good), "snake-parametrisation").where) == {
        name for name in good if "alpha" in name
    }


@pytest.mark.parametrize("port", ["float16", "mlx", "prefix"])
def test_correct_ports_raise_no_alarm(port: str) -> None:
    good = hifigan()
    ports = {
        "float16": {name: array.astype(np.float16) for name, array in good.items()},
        "mlx": in_mlx_layout(good),
        "prefix": {f"model.{name}": array for name, array in good.items()},
    }
    report = run(ports[port], good)
    assert report.verdict is Verdict.EQUIVALENT
    assert all(finding.severity is not Severity.ERROR for finding in report.findings)


def test_layout_against_code_is_an_error_with_a_confidence() -> None:
    """Against fresh code only shapes are compared, and square weights follow the others."""
    good = hifigan()
    report = diff(Checkpoint.of(in_mlx_layout(good), "mlx"), code(fresh(hifigan_shapes())))
    finding = next(finding for finding in report.findings if finding.cause == "layout-conv1d")
    assert finding.severity is Severity.ERROR
    assert finding.evidence["confirmed_on"] == "shapes"
    assert report.verdict is Verdict.INCONCLUSIVE
