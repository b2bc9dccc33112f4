from __future__ import annotations

from itertools import permutations
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from numpy.typing import NDArray

from auscult.recipe.ops.concat import Concat
from auscult.recipe.ops.fuse_weight_norm import FuseWeightNorm
from auscult.recipe.ops.merge_lora import MergeLora
from auscult.recipe.ops.reorder_blocks import ReorderBlocks
from auscult.verdict import Equality
from tests.align.pairs import Arrays, aligned, names, only, ops_of, plain

OLD = ("weight_g", "weight_v")
NEW = ("parametrizations.weight.original0", "parametrizations.weight.original1")


def floats(rng: np.random.Generator, *shape: int) -> NDArray[np.float32]:
    return rng.standard_normal(shape).astype(np.float32)


def fused(gain: NDArray[Any], vectors: NDArray[Any], axis: int = 0) -> NDArray[Any]:
    """The textbook formula, in float64."""
    axes = tuple(other for other in range(vectors.ndim) if other != axis)
    wide = vectors.astype(np.float64)
    side = [1] * vectors.ndim
    side[axis] = -1
    return np.asarray(
        (
            gain.astype(np.float64).reshape(side)
            * wide
            / np.sqrt((wide**2).sum(axes, keepdims=True))
        ).astype(np.float32)
    )


def relative(right: NDArray[Any], wrong: NDArray[Any]) -> float:
    return float(
        np.linalg.norm(wrong.astype(np.float64) - right) / np.linalg.norm(wrong.astype(np.float64))
    )


class TestWeightNorm:
    def layers(self, rng: np.random.Generator, suffixes: tuple[str, str]) -> tuple[Arrays, Arrays]:
        split: Arrays = {}
        whole: Arrays = {}
        for name, shape in (
            ("ups.0", (12, 6, 4)),
            ("ups.1", (6, 6, 4)),
            ("conv_pre", (12, 5, 7)),
            ("conv_post", (1, 6, 7)),
        ):
            gain, vectors = np.abs(floats(rng, shape[0], 1, 1)) + 1, floats(rng, *shape)
            split[f"{name}.{suffixes[0]}"], split[f"{name}.{suffixes[1]}"] = gain, vectors
            whole[f"{name}.weight"] = fused(gain, vectors)
            bias = floats(rng, shape[1] if name.startswith("ups") else shape[0])
            split[f"{name}.bias"] = whole[f"{name}.bias"] = bias
        return split, whole

    @pytest.mark.parametrize("suffixes", [OLD, NEW])
    def test_both_directions(self, suffixes: tuple[str, str], rng: np.random.Generator) -> None:
        split, whole = self.layers(rng, suffixes)
        there, back = aligned(split, whole), aligned(whole, split)
        assert plain(there)
        assert plain(back)
        for name in ("ups.0", "ups.1", "conv_pre", "conv_post"):
            pair, weight = tuple(f"{name}.{part}" for part in suffixes), (f"{name}.weight",)
            assert (pair, weight) in [names(match) for match in only(there, "weight-norm-unfused")]
            assert (weight, pair) in [names(match) for match in only(back, "weight-norm-unfused")]
        assert {ops_of(match)[0] for match in only(back, "weight-norm-unfused")} == {
            "split_weight_norm"
        }
        assert {match.evidence.get("confirmed") for match in only(back, "weight-norm-unfused")} == {
            "from b to a"
        }

    def test_with_permutation_prefix_and_half_precision(self, rng: np.random.Generator) -> None:
        split, whole = self.layers(rng, NEW)
        axes = {name: (1, 2, 0) if name.startswith("ups") else (0, 2, 1) for name in whole}
        port = {
            f"m.{n}": a.transpose(axes[n]).astype(np.float16) if a.ndim == 3 else a
            for n, a in whole.items()
        }
        result = aligned(split, port)
        assert plain(result)
        assert {tuple(ops_of(m)) for m in only(result, "weight-norm-unfused")} == {
            ("fuse_weight_norm", "permute", "cast")
        }

    def test_found_by_content_where_no_name_helps(self, rng: np.random.Generator) -> None:
        split, whole = self.layers(rng, OLD)
        result = aligned(
            split, {f"onnx::Conv_{index}": array for index, array in enumerate(whole.values())}
        )
        assert plain(result)
        assert len(only(result, "weight-norm-unfused")) == 4

    def test_old_names_against_new_names(self, rng: np.random.Generator) -> None:
        split, _ = self.layers(rng, OLD)
        new = {
            n.replace("weight_g", NEW[0]).replace("weight_v", NEW[1]): array
            for n, array in split.items()
        }
        result = aligned(split, new)
        assert plain(result)
        assert result.coverage().buckets["identical"] == len(split)

    @pytest.mark.parametrize("gain_axis", [1, 0])
    def test_the_wrong_axis(self, gain_axis: int, rng: np.random.Generator) -> None:
        gain, vectors = np.abs(floats(rng, 8, 1, 1)) + 1, floats(rng, 8, 8, 4)
        side = (-1, 1, 1) if gain_axis == 0 else (1, -1, 1)
        norm = np.sqrt((vectors.astype(np.float64) ** 2).sum((0, 2), keepdims=True))
        wrong = (gain.astype(np.float64).reshape(side) * vectors / norm).astype(np.float32)
        for a, b in (({"up.weight_g": gain, "up.weight_v": vectors}, {"up.weight": wrong}),):
            for left, right in ((a, b), (b, a)):
                (match,) = aligned(left, right).matches
                assert (match.cause, match.fault, match.equality) == (
                    "weight-norm-axis",
                    True,
                    Equality.DIFFERENT,
                )
                assert match.evidence == {"norm_axes": (0, 2), "gain_axis": gain_axis}
                assert match.error == pytest.approx(relative(fused(gain, vectors), wrong), rel=1e-5)

    @pytest.mark.parametrize(("here", "there"), [(OLD, OLD), (NEW, NEW), (OLD, NEW)])
    def test_g_and_v_exchanged(
        self, here: tuple[str, str], there: tuple[str, str], rng: np.random.Generator
    ) -> None:
        split, _ = self.layers(rng, here)
        moved = {
            n.replace(here[0], "?").replace(here[1], there[0]).replace("?", there[1]): a
            for n, a in split.items()
        }
        result = aligned(moved, split)
        assert {match.a for match in only(result, "weight-norm-swapped")} == {
            (n,) for n in moved if not n.endswith("bias")
        }
        assert all(match.fault for match in only(result, "weight-norm-swapped"))

    def test_g_and_v_exchanged_against_fused(self, rng: np.random.Generator) -> None:
        split, whole = self.layers(rng, NEW)
        moved = {
            n.replace(NEW[0], "?").replace(NEW[1], NEW[0]).replace("?", NEW[1]): a
            for n, a in split.items()
        }
        result = aligned(moved, whole)
        assert len(only(result, "weight-norm-swapped")) == 4
        for match in only(result, "weight-norm-swapped"):
            assert match.ops == (FuseWeightNorm(0),)
            assert moved[match.a[0]].size < moved[match.a[1]].size or match.b == (
                "conv_post.weight",
            )

    def test_spectral_norm_is_not_weight_norm(self, rng: np.random.Generator) -> None:
        arrays = {
            "c.weight_orig": floats(rng, 8, 4, 3),
            "c.weight_u": floats(rng, 8),
            "c.weight_v": floats(rng, 12),
        }
        assert (
            only(aligned(arrays, {"c.weight": arrays["c.weight_orig"]}), "weight-norm-unfused")
            == []
        )

    def test_other_weights_are_named_by_the_pair_and_differ(self, rng: np.random.Generator) -> None:
        split = {"c.weight_g": np.abs(floats(rng, 8, 1, 1)), "c.weight_v": floats(rng, 8, 4, 3)}
        (match,) = aligned(split, {"c.weight": floats(rng, 8, 4, 3)}).matches
        assert names(match) == (("c.weight_g", "c.weight_v"), ("c.weight",))
        assert (match.equality, match.by) == (Equality.DIFFERENT, "name")


class TestAttention:
    def parts(self, rng: np.random.Generator, *, bias: bool = True) -> Arrays:
        arrays = {f"l.0.attn.to_{part}.weight": floats(rng, 16, 12) for part in "qkv"}
        return arrays | (
            {f"l.0.attn.to_{part}.bias": floats(rng, 16) for part in "qkv"} if bias else {}
        )

    @pytest.mark.parametrize("order", ["".join(order) for order in permutations("qkv")])
    def test_every_order_in_both_directions(self, order: str, rng: np.random.Generator) -> None:
        arrays = self.parts(rng)
        whole = {
            f"l.0.attn.qkv.{leaf}": np.concatenate(
                [arrays[f"l.0.attn.to_{part}.{leaf}"] for part in order]
            )
            for leaf in ("weight", "bias")
        }
        for result in (aligned(arrays, whole), aligned(whole, arrays)):
            assert plain(result)
            assert {match.evidence["order"] for match in only(result, "qkv-fused")} == {order}
            assert len(only(result, "qkv-fused")) == 2

    @pytest.mark.parametrize("target", ["l.0.attn.in_proj_weight", "h.0.c_attn.weight", "blob_17"])
    def test_whatever_it_is_called(self, target: str, rng: np.random.Generator) -> None:
        arrays = self.parts(rng, bias=False)
        result = aligned(arrays, {target: np.concatenate(list(arrays.values()))})
        (match,) = only(result, "qkv-fused")
        assert match.ops == (Concat(0, (16, 16, 16)),)

    def test_transposed_as_in_gpt2(self, rng: np.random.Generator) -> None:
        arrays = self.parts(rng, bias=False)
        result = aligned(
            arrays,
            {
                "l.0.attn.c_attn.weight": np.ascontiguousarray(
                    np.concatenate(list(arrays.values())).T
                )
            },
        )
        (match,) = only(result, "qkv-fused")
        assert ops_of(match) == ["concat", "permute"]

    def test_heads_interleaved(self, rng: np.random.Generator) -> None:
        arrays = self.parts(rng, bias=False)
        heads = np.stack([array.reshape(4, 4, 12) for array in arrays.values()], axis=1).reshape(
            48, 12
        )
        result = aligned(arrays, {"l.0.attn.qkv.weight": heads})
        (match,) = only(result, "qkv-fused")
        assert (match.evidence["heads"], ops_of(match)) == (4, ["concat", "interleave"])

    def test_half_precision_under_its_module(self, rng: np.random.Generator) -> None:
        arrays = self.parts(rng, bias=False)
        whole = np.concatenate(list(arrays.values())).astype(np.float16)
        (match,) = only(aligned(arrays, {"l.0.attn.qkv.weight": whole}), "qkv-fused")
        assert (match.equality, match.number_format) == (Equality.CLOSE, "float16")

    def test_key_and_value_only(self, rng: np.random.Generator) -> None:
        arrays = self.parts(rng, bias=False)
        whole = {
            "l.0.attn.to_q.weight": arrays["l.0.attn.to_q.weight"],
            "l.0.attn.to_kv.weight": np.concatenate(
                [arrays[f"l.0.attn.to_{part}.weight"] for part in "kv"]
            ),
        }
        result = aligned(arrays, whole)
        assert plain(result)
        (match,) = only(result, "qkv-fused")
        assert (match.b, match.evidence["order"]) == (("l.0.attn.to_kv.weight",), "kv")

    @pytest.mark.parametrize("order", [(0, 2, 1), (1, 0, 2), (2, 0, 1), (2, 1, 0), (1, 2, 0)])
    def test_blocks_in_another_order(
        self, order: tuple[int, ...], rng: np.random.Generator
    ) -> None:
        weight = floats(rng, 48, 12)
        blocks = np.split(weight, 3)
        moved = np.concatenate([blocks[index] for index in order])
        (match,) = aligned({"a.to_qkv.weight": weight}, {"a.to_qkv.weight": moved}).matches
        assert (match.cause, match.fault, match.ops) == (
            "qkv-order",
            True,
            (ReorderBlocks(0, order),),
        )

    def test_blocks_in_another_order_and_layout_and_precision(
        self, rng: np.random.Generator
    ) -> None:
        weight = floats(rng, 48, 12)
        blocks = np.split(weight, 3)
        moved = np.concatenate([blocks[2], blocks[0], blocks[1]]).T.astype(ml_dtypes.bfloat16)
        (match,) = aligned(
            {"a.qkv.weight": weight}, {"a.c_attn.weight": np.ascontiguousarray(moved)}
        ).matches
        assert (match.cause, match.fault) == ("qkv-order", False)
        assert ops_of(match) == ["permute", "reorder_blocks", "cast"]


class TestRecurrent:
    @pytest.mark.parametrize(
        ("gates", "order"), [(4, (0, 3, 1, 2)), (4, (0, 1, 3, 2)), (3, (1, 0, 2))]
    )
    def test_gates_in_another_order(
        self, gates: int, order: tuple[int, ...], rng: np.random.Generator
    ) -> None:
        arrays = {
            "lstm.weight_ih_l0": floats(rng, gates * 6, 5),
            "lstm.weight_hh_l0": floats(rng, gates * 6, 6),
            "lstm.bias_ih_l0": floats(rng, gates * 6),
        }
        moved = {
            n: np.concatenate([np.split(a, gates)[index] for index in order])
            for n, a in arrays.items()
        }
        result = aligned(moved, arrays)
        assert {(m.cause, m.fault) for m in result.matches} == {("gate-order", True)}
        back = tuple(int(index) for index in np.argsort(order))
        assert {match.ops for match in result.matches} == {(ReorderBlocks(0, back),)}

    def test_two_biases_against_their_sum(self, rng: np.random.Generator) -> None:
        torch = {
            "rnn.weight_ih_l0": floats(rng, 24, 5),
            "rnn.bias_ih_l0": floats(rng, 24),
            "rnn.bias_hh_l0": floats(rng, 24),
        }
        mlx = {
            "rnn.Wx": torch["rnn.weight_ih_l0"],
            "rnn.bias": torch["rnn.bias_ih_l0"] + torch["rnn.bias_hh_l0"],
        }
        there, back = aligned(torch, mlx), aligned(mlx, torch)
        assert plain(there)
        assert plain(back)
        assert [ops_of(match) for match in only(there, "gate-order")] == [["sum"]]
        assert [match.backward for match in only(back, "gate-order")] == [True]

    def test_both_biases_in_one_with_other_gates_as_in_onnx(self, rng: np.random.Generator) -> None:
        torch = {"rnn.bias_ih_l0": floats(rng, 24), "rnn.bias_hh_l0": floats(rng, 24)}
        halves = [
            np.concatenate([np.split(array, 4)[index] for index in (0, 3, 1, 2)])
            for array in torch.values()
        ]
        result = aligned(torch, {"onnx::LSTM_9": np.concatenate(halves)[None]})
        (match,) = only(result, "gate-order")
        assert ops_of(match) == ["concat", "reorder_blocks", "reshape"]


class TestFoldedNorms:
    def layers(self, rng: np.random.Generator, eps: float, *, bias: bool) -> tuple[Arrays, Arrays]:
        loose: Arrays = {}
        folded: Arrays = {}
        for index in range(3):
            weight, shift = floats(rng, 8, 5, 3), floats(rng, 8)
            gamma, beta, mean, var = (
                floats(rng, 8),
                floats(rng, 8),
                floats(rng, 8),
                np.exp(floats(rng, 8)) * np.float32(1e-2),
            )
            loose[f"net.{2 * index}.weight"] = weight
            if bias:
                loose[f"net.{2 * index}.bias"] = shift
            norm = {"weight": gamma, "bias": beta, "running_mean": mean, "running_var": var}
            loose |= {f"net.{2 * index + 1}.{leaf}": array for leaf, array in norm.items()}
            loose[f"net.{2 * index + 1}.num_batches_tracked"] = np.array(100, np.int64)
            scale = gamma.astype(np.float64) / np.sqrt(var.astype(np.float64) + eps)
            own = shift.astype(np.float64) if bias else 0.0
            folded[f"net.{2 * index}.weight"] = (weight * scale.reshape(-1, 1, 1)).astype(
                np.float32
            )
            folded[f"net.{2 * index}.bias"] = (
                (own - mean.astype(np.float64)) * scale + beta
            ).astype(np.float32)
        return loose, folded

    @pytest.mark.parametrize("eps", [1e-5, 1e-3])
    @pytest.mark.parametrize("bias", [True, False])
    def test_both_directions(self, eps: float, bias: bool, rng: np.random.Generator) -> None:
        loose, folded = self.layers(rng, eps, bias=bias)
        for result in (aligned(loose, folded), aligned(folded, loose)):
            found = only(result, "norm-folded")
            assert len(found) == 3
            assert {match.evidence["eps"] for match in found} == {eps}
            assert not [match for match in result.matches if match.equality is Equality.DIFFERENT]
            assert all(
                name.endswith("num_batches_tracked") for name in result.only_in_a + result.only_in_b
            )

    def test_under_other_names(self, rng: np.random.Generator) -> None:
        loose, folded = self.layers(rng, 1e-5, bias=True)
        port = {name.replace("net.", "Conv_"): array for name, array in folded.items()}
        assert len(only(aligned(loose, port), "norm-folded")) == 3


class TestLora:
    @pytest.mark.parametrize(
        "names_",
        [
            ("lora_A.weight", "lora_B.weight"),
            ("lora_down.weight", "lora_up.weight"),
            ("lora_A", "lora_B"),
        ],
    )
    @pytest.mark.parametrize("scale", [2.0, 0.5, 1.37])
    def test_merged(self, names_: tuple[str, str], scale: float, rng: np.random.Generator) -> None:
        weight, down, up = (
            floats(rng, 20, 16),
            floats(rng, 4, 16),
            floats(rng, 20, 4) * np.float32(0.1),
        )
        merged = (weight.astype(np.float64) + scale * up.astype(np.float64) @ down).astype(
            np.float32
        )
        loose = {"fc.weight": weight, f"fc.{names_[0]}": down, f"fc.{names_[1]}": up}
        for left, right in ((loose, {"fc.weight": merged}), ({"fc.weight": merged}, loose)):
            (match,) = aligned(left, right).matches
            assert match.cause == "lora-unmerged"
            (op,) = match.ops
            assert isinstance(op, MergeLora)
            assert op.scale == pytest.approx(scale, rel=1e-4)

    def test_peft_names_and_a_transposed_base(self, rng: np.random.Generator) -> None:
        weight, down, up = floats(rng, 20, 16), floats(rng, 4, 16), floats(rng, 20, 4)
        merged = (weight.astype(np.float64) + 2.0 * up.astype(np.float64) @ down).astype(np.float32)
        loose = {
            "q.base_layer.weight": weight,
            "q.lora_A.default.weight": down,
            "q.lora_B.default.weight": up,
        }
        (match,) = aligned(loose, {"q.weight": np.ascontiguousarray(merged.T)}).matches
        assert ops_of(match) == ["merge_lora", "permute"]

    def test_factors_that_were_not_merged_are_extra(self, rng: np.random.Generator) -> None:
        weight = floats(rng, 20, 16)
        result = aligned(
            {"fc.weight": weight, "fc.lora_A": floats(rng, 4, 16), "fc.lora_B": floats(rng, 20, 4)},
            {"fc.weight": weight},
        )
        assert result.only_in_a == ("fc.lora_A", "fc.lora_B")


class TestSnake:
    @pytest.mark.parametrize("leaf", ["act.alpha", "act.beta", "snake.weight"])
    def test_both_directions(self, leaf: str, rng: np.random.Generator) -> None:
        log = floats(rng, 1, 32, 1) * np.float32(0.5)
        linear = np.exp(log.astype(np.float64)).astype(np.float32)
        assert [ops_of(m) for m in aligned({leaf: log}, {leaf: linear}).matches] == [["exp"]]
        assert [ops_of(m) for m in aligned({leaf: linear}, {leaf: log}).matches] == [["log"]]
        assert [ops_of(m) for m in aligned({leaf: linear}, {leaf: log.reshape(32)}).matches] == [
            ["reshape", "log"]
        ] or [ops_of(m) for m in aligned({leaf: linear}, {leaf: log.reshape(32)}).matches] == [
            ["log", "reshape"]
        ]

    def test_values_near_one(self, rng: np.random.Generator) -> None:
        linear = (1 + 1e-3 * rng.standard_normal(64)).astype(np.float32)
        log = np.log(linear.astype(np.float64)).astype(np.float32)
        for left, right in ((log, linear), (linear, log)):
            (match,) = aligned({"a.alpha": left}, {"a.alpha": right}).matches
            assert match.cause == "snake-parametrisation"

    def test_other_tensors_are_left_alone(self, rng: np.random.Generator) -> None:
        log = floats(rng, 64)
        (match,) = aligned({"fc.bias": log}, {"fc.bias": np.exp(log)}).matches
        assert match.equality is Equality.DIFFERENT


class TestScrambles:
    def test_column_major_read_as_row_major(self, rng: np.random.Generator) -> None:
        weight = floats(rng, 6, 5, 3)
        scrambled = weight.ravel(order="F").reshape(weight.shape)
        for left, right in ((weight, scrambled), (scrambled, weight)):
            (match,) = aligned({"w": left}, {"w": right}).matches
            assert (match.cause, match.fault, ops_of(match)) == (
                "layout-fortran",
                True,
                ["fortran"],
            )

    def test_a_transposed_view_saved_as_it_lay(self, rng: np.random.Generator) -> None:
        weight = floats(rng, 6, 5, 3)
        scrambled = weight.reshape(-1).reshape(6, 3, 5)
        (match,) = aligned({"w": weight}, {"w": scrambled}).matches
        assert (match.cause, match.fault, ops_of(match)) == ("layout-fortran", True, ["reshape"])

    def test_a_square_matrix_among_scrambled_ones_is_one_of_them(
        self, rng: np.random.Generator
    ) -> None:
        arrays = {"a.weight": floats(rng, 6, 5), "b.weight": floats(rng, 7, 7)}
        result = aligned(
            {n: a.ravel(order="F").reshape(a.shape) for n, a in arrays.items()}, arrays
        )
        assert {match.cause for match in result.matches} == {"layout-fortran"}
        assert (
            aligned({"b.weight": arrays["b.weight"].T.copy()}, {"b.weight": arrays["b.weight"]})
            .matches[0]
            .cause
            is None
        )

    def test_a_regrouping_is_no_fault(self, rng: np.random.Generator) -> None:
        table = floats(rng, 4, 6, 5)
        (match,) = aligned({"codebooks": table}, {"codebook": table.reshape(24, 5)}).matches
        assert (match.equality, ops_of(match), match.fault) == (Equality.EXACT, ["reshape"], False)

    def test_a_flipped_kernel(self, rng: np.random.Generator) -> None:
        kernel = floats(rng, 4, 6, 5)
        (match,) = aligned({"w": kernel}, {"w": np.ascontiguousarray(kernel[:, :, ::-1])}).matches
        assert ops_of(match) == ["flip"]

    @pytest.mark.parametrize(
        ("kind", "read"), [(ml_dtypes.bfloat16, np.float16), (np.float16, ml_dtypes.bfloat16)]
    )
    @pytest.mark.parametrize("widened", [False, True])
    def test_bytes_read_as_another_type(
        self, kind: Any, read: Any, widened: bool, rng: np.random.Generator
    ) -> None:
        weight = floats(rng, 12, 10).astype(kind)
        misread = weight.view(read)
        arrays = (
            (weight.astype(np.float32), misread.astype(np.float32))
            if widened
            else (weight, misread)
        )
        for left, right in (arrays, arrays[::-1]):
            (match,) = aligned({"w": left}, {"w": right}).matches
            assert (match.cause, match.fault) == ("wrong-dtype", True)
            assert "reinterpret" in ops_of(match)

    @pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.int32])
    def test_the_other_byte_order(self, dtype: Any, rng: np.random.Generator) -> None:
        weight = (100 * rng.standard_normal((12, 10))).astype(dtype)
        (match,) = aligned({"w": weight.byteswap()}, {"w": weight}).matches
        assert (match.cause, match.fault, ops_of(match)) == ("wrong-dtype", True, ["byteswap"])

    def test_signed_read_as_unsigned(self, rng: np.random.Generator) -> None:
        stored = rng.integers(-127, 128, (12, 10)).astype(np.int8)
        (match,) = aligned({"w": stored}, {"w": stored.view(np.uint8)}).matches
        assert (match.cause, ops_of(match)) == ("wrong-dtype", ["reinterpret"])


class TestExchanges:
    def test_a_ring_of_three(self, rng: np.random.Generator) -> None:
        arrays = {f"norm{index}.weight": floats(rng, 16) for index in range(5)}
        ring = {
            "norm1.weight": "norm2.weight",
            "norm2.weight": "norm3.weight",
            "norm3.weight": "norm1.weight",
        }
        result = aligned({name: arrays[ring.get(name, name)] for name in arrays}, arrays)
        assert {match.a[0] for match in only(result, "swapped")} == set(ring)
        assert {match.evidence["expected"] for match in only(result, "swapped")} == set(ring)

    def test_under_a_prefix_and_in_half_precision(self, rng: np.random.Generator) -> None:
        arrays = {f"blocks.{i}.norm{j}.weight": floats(rng, 32) for i in range(4) for j in (1, 2)}
        moved = {f"model.{name}": array.astype(np.float16) for name, array in arrays.items()}
        first, second = "model.blocks.1.norm1.weight", "model.blocks.1.norm2.weight"
        moved[first], moved[second] = moved[second], moved[first]
        result = aligned(moved, arrays)
        assert {match.a[0] for match in only(result, "swapped")} == {first, second}

    def test_a_shifted_numbering_is_no_exchange(self, rng: np.random.Generator) -> None:
        arrays = {f"condnet.{2 * index}.weight": floats(rng, 6, 6) for index in range(5)}
        result = aligned(
            arrays,
            {
                f"condnet.{index}.weight": arrays[f"condnet.{2 * index}.weight"]
                for index in range(5)
            },
        )
        assert only(result, "swapped") == []
        assert plain(result)
