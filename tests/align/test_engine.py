from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from numpy.typing import NDArray

from auscult.align import align
from auscult.errors import CheckpointError
from auscult.recipe.ops.cast import Cast
from auscult.recipe.ops.permute import Permute
from auscult.verdict import Equality
from auscult.weights import Array, Checkpoint, InMemoryData, Quantization, Tensor
from corpus.networks import NETWORKS
from tests.align.pairs import Arrays, aligned, check_places, only, ops_of, plain


def generator(rng: np.random.Generator) -> Arrays:
    """A small HiFi-GAN-shaped generator, in which several convolutions have as many channels in as out."""
    arrays: Arrays = {}

    def layer(name: str, *shape: int) -> None:
        arrays[f"{name}.weight"] = rng.standard_normal(shape).astype(np.float32)
        arrays[f"{name}.bias"] = rng.standard_normal(
            shape[1] if name.startswith("ups") else shape[0]
        ).astype(np.float32)

    layer("conv_pre", 16, 10, 7)
    layer("ups.0", 16, 8, 4)
    layer("ups.1", 8, 8, 4)
    for index in range(4):
        layer(f"resblocks.{index}.convs1.0", 8, 8, 3)
        layer(f"resblocks.{index}.convs2.0", 8, 8, 3)
    layer("conv_post", 1, 8, 7)
    return arrays


def in_mlx(arrays: Arrays) -> Arrays:
    axes = {name: (1, 2, 0) if name.startswith("ups") else (0, 2, 1) for name in arrays}
    return {
        n: np.ascontiguousarray(a.transpose(axes[n])) if a.ndim == 3 else a
        for n, a in arrays.items()
    }


class TestSilentPasses:
    """What other differs let through: each must be seen here."""

    def test_identical(self, rng: np.random.Generator) -> None:
        arrays = generator(rng)
        result = aligned(arrays, dict(reversed(arrays.items())))
        assert result.coverage().buckets["identical"] == len(arrays)
        assert plain(result)

    def test_two_convolutions_exchanged(self, rng: np.random.Generator) -> None:
        arrays = generator(rng)
        first, second = "resblocks.1.convs1.0.weight", "resblocks.2.convs2.0.weight"
        result = aligned(arrays | {first: arrays[second], second: arrays[first]}, arrays)
        assert [(match.a, match.b) for match in only(result, "swapped")] == [
            ((first,), (second,)),
            ((second,), (first,)),
        ]
        assert all(match.fault for match in only(result, "swapped"))
        assert result.coverage().buckets["identical"] == len(arrays) - 2

    def test_the_same_weights_in_mlx_layout(self, rng: np.random.Generator) -> None:
        arrays = generator(rng)
        result = aligned(arrays, in_mlx(arrays))
        assert plain(result)
        for match in result.matches:
            wanted = {
                1: (),
                3: (Permute((1, 2, 0) if match.a[0].startswith("ups") else (0, 2, 1)),),
            }
            assert match.a == match.b
            assert match.ops == wanted[arrays[match.a[0]].ndim]
            assert match.equality is Equality.EXACT

    def test_a_prefix(self, rng: np.random.Generator) -> None:
        arrays = generator(rng)
        result = aligned({f"generator.{name}": array for name, array in arrays.items()}, arrays)
        assert plain(result)
        assert all(match.a[0] == f"generator.{match.b[0]}" for match in result.matches)

    def test_weight_norm_against_fused(self, rng: np.random.Generator) -> None:
        arrays = generator(rng)
        unfused: Arrays = {}
        for name, array in arrays.items():
            if name.endswith("weight"):
                unfused[name + "_g"] = np.sqrt(
                    (array.astype(np.float64) ** 2).sum((1, 2), keepdims=True)
                ).astype(np.float32)
                unfused[name + "_v"] = array * np.float32(1.7)
            else:
                unfused[name] = array
        result = aligned(unfused, arrays)
        assert plain(result)
        assert {match.b[0] for match in only(result, "weight-norm-unfused")} == {
            n for n in arrays if n.endswith("weight")
        }


class TestFormats:
    @pytest.mark.parametrize(
        "dtype", [np.float16, ml_dtypes.bfloat16, ml_dtypes.float8_e4m3fn, ml_dtypes.float8_e5m2]
    )
    @pytest.mark.parametrize("renamed", [False, True])
    def test_rounded_and_permuted(
        self, dtype: Any, renamed: bool, rng: np.random.Generator
    ) -> None:
        arrays = generator(rng)
        port = {f"net.{n}" if renamed else n: a.astype(dtype) for n, a in in_mlx(arrays).items()}
        result = aligned(arrays, port)
        assert plain(result)
        for match in result.matches:
            assert match.ops[-1] == Cast(np.dtype(dtype).name, "float32")
            assert match.equality is Equality.CLOSE or not np.count_nonzero(arrays[match.a[0]])
            assert match.number_format == np.dtype(dtype).name
            assert 0 < match.error < 0.1

    def test_widening_is_exact(self, rng: np.random.Generator) -> None:
        arrays = {name: array.astype(np.float16) for name, array in generator(rng).items()}
        result = aligned(arrays, {name: array.astype(np.float32) for name, array in arrays.items()})
        assert {(match.equality, match.ops) for match in result.matches} == {
            (Equality.EXACT, (Cast("float32", "float16"),))
        }

    def test_the_coarse_side_may_be_a(self, rng: np.random.Generator) -> None:
        arrays = generator(rng)
        result = aligned({name: array.astype(np.float16) for name, array in arrays.items()}, arrays)
        assert {(m.equality, m.number_format) for m in result.matches} == {
            (Equality.CLOSE, "float16")
        }

    def test_both_coarse_and_different(self, rng: np.random.Generator) -> None:
        arrays = generator(rng)
        half = {name: array.astype(np.float16) for name, array in arrays.items()}
        result = aligned(
            half, {name: array.astype(ml_dtypes.bfloat16) for name, array in arrays.items()}
        )
        assert plain(result)
        assert {match.number_format for match in result.matches} == {"bfloat16"}

    def test_rounded_once_and_widened_again(self, rng: np.random.Generator) -> None:
        arrays = generator(rng)
        result = aligned(
            arrays,
            {name: array.astype(np.float16).astype(np.float32) for name, array in arrays.items()},
        )
        assert {(m.equality, m.number_format, m.ops) for m in result.matches} == {
            (Equality.CLOSE, "float16", ())
        }

    def test_truncated_bfloat16_is_within_one_unit(self, rng: np.random.Generator) -> None:
        arrays = generator(rng)
        cut = {
            n: (a.view(np.uint32) & np.uint32(0xFFFF0000)).view(np.float32)
            for n, a in arrays.items()
        }
        result = aligned(
            arrays, {name: array.astype(ml_dtypes.bfloat16) for name, array in cut.items()}
        )
        assert {(m.equality, m.number_format) for m in result.matches} == {
            (Equality.CLOSE, "bfloat16")
        }
        assert all("rounding" not in match.evidence for match in result.matches)

    @pytest.mark.parametrize("axis", [None, 0])
    def test_eight_bits_with_a_scale(self, axis: int | None, rng: np.random.Generator) -> None:
        weight = rng.standard_normal((24, 40)).astype(np.float32)
        scale = np.abs(weight).max(
            axis=None if axis is None else 1, keepdims=axis is not None
        ) / np.float32(127)
        stored = np.rint(weight / scale).astype(np.int8)
        affine = Quantization(np.asarray(scale).reshape(-1), np.zeros(1, np.int64), axis)
        tensor = Tensor(
            "fc.w", weight.shape, "int8", InMemoryData(stored), stored.nbytes, quantization=affine
        )
        result = align(
            Checkpoint("q", "litert", {"fc.w": tensor}), Checkpoint.of({"linear.weight": weight})
        )
        (match,) = result.matches
        assert (match.equality, match.number_format, ops_of(match)) == (
            Equality.CLOSE,
            "int8",
            ["dequantize"],
        )
        back = align(
            Checkpoint.of({"linear.weight": weight}), Checkpoint("q", "litert", {"fc.w": tensor})
        )
        assert ops_of(back.matches[0]) == ["quantize"]

    def test_an_error_above_the_format_is_a_difference(self, rng: np.random.Generator) -> None:
        weight = rng.standard_normal((24, 40)).astype(np.float32)
        wrong = weight.astype(np.float16)
        wrong[3, 4] += np.float16(0.25)
        (match,) = aligned({"w": weight}, {"w": wrong}).matches
        assert match.equality is Equality.DIFFERENT
        assert match.evidence["correlation"] > 0.99

    def test_overflow_is_not_rounding(self, rng: np.random.Generator) -> None:
        weight = rng.standard_normal((24, 40)).astype(np.float32)
        weight[2, 3] = 1e6
        with np.errstate(over="ignore"):
            (match,) = aligned({"w": weight}, {"w": weight.astype(np.float16)}).matches
        assert match.equality is Equality.DIFFERENT
        assert match.evidence["b"]["inf"] > 0

    def test_a_fine_tuned_copy_is_different_not_close(self, rng: np.random.Generator) -> None:
        weight = rng.standard_normal((24, 40)).astype(np.float32)
        tuned = weight + np.float32(1e-3) * rng.standard_normal(weight.shape).astype(np.float32)
        (match,) = aligned({"w": weight}, {"w": tuned}).matches
        assert match.equality is Equality.DIFFERENT

    def test_constants_that_differ_are_not_called_rounding(self) -> None:
        a, b = np.full(12, 1.0, np.float32), np.full(12, 1.001, np.float32)
        (match,) = aligned({"filter": a}, {"filter": b}).matches
        assert match.equality is Equality.DIFFERENT

    def test_constants_follow_what_the_rest_was_rounded_to(self, rng: np.random.Generator) -> None:
        arrays = {
            "w": rng.standard_normal((24, 40)).astype(np.float32),
            "alpha": np.full(12, 0.1, np.float32),
        }
        port = {
            name: array.astype(ml_dtypes.bfloat16).astype(np.float32)
            for name, array in arrays.items()
        }
        assert {match.number_format for match in aligned(arrays, port).matches} == {"bfloat16"}

    def test_values_below_the_smallest_step_round_to_zero(self) -> None:
        (match,) = aligned(
            {"b": np.full(1, 3e-4, np.float32)}, {"b": np.zeros(1, ml_dtypes.float8_e4m3fn)}
        ).matches
        assert (match.equality, match.number_format, match.error) == (
            Equality.CLOSE,
            "float8_e4m3fn",
            1.0,
        )

    def test_integers_of_another_width(self) -> None:
        steps = {
            "bn.num_batches_tracked": np.array(1234, np.int64),
            "ids": np.arange(40, dtype=np.int64),
        }
        result = aligned(steps, {name: array.astype(np.int32) for name, array in steps.items()})
        assert {match.equality for match in result.matches} <= {Equality.EXACT, Equality.CLOSE}
        assert {match.error for match in result.matches} == {0.0}


class TestTies:
    def test_zero_biases_go_by_the_learnt_names(self, rng: np.random.Generator) -> None:
        a: Arrays = {}
        b: Arrays = {}
        for index in range(6):
            weight, bias = rng.standard_normal((5, 4)).astype(np.float32), np.zeros(5, np.float32)
            a |= {f"blocks.{index}.to_q.weight": weight, f"blocks.{index}.to_q.bias": bias}
            b |= {f"blocks_{index}.query.bias": bias, f"blocks_{index}.query.weight": weight}
        result = aligned(a, dict(sorted(b.items(), reverse=True)))
        for match in result.matches:
            assert match.b[0] == match.a[0].replace("blocks.", "blocks_").replace("to_q", "query")
        assert {match.by for match in result.matches if match.a[0].endswith("bias")} == {
            "neighbours"
        }
        assert result.ambiguous == {}

    def test_names_without_a_pattern_go_by_their_neighbours_and_are_ambiguous(
        self, rng: np.random.Generator
    ) -> None:
        a: Arrays = {}
        b: Arrays = {}
        for index in range(5):
            weight, bias = rng.standard_normal((5, 4)).astype(np.float32), np.zeros(5, np.float32)
            a |= {f"layer{index}.weight": weight, f"layer{index}.bias": bias}
            b |= {f"onnx::MatMul_{'qwert'[index]}": weight, f"onnx::Add_{'uiopa'[index]}": bias}
        result = aligned(a, b)
        pairs = {match.a[0]: match.b[0] for match in result.matches}
        assert [pairs[f"layer{i}.bias"] for i in range(5)] == [
            f"onnx::Add_{'uiopa'[i]}" for i in range(5)
        ]
        assert set(result.ambiguous) == {f"onnx::Add_{'uiopa'[i]}" for i in range(5)}
        assert result.ambiguous["onnx::Add_u"] == tuple(f"layer{i}.bias" for i in range(1, 5))

    def test_identical_copies_keep_their_names(self, rng: np.random.Generator) -> None:
        window = rng.standard_normal(32).astype(np.float32)
        arrays = {f"down.{index}.filter": window for index in range(9)}
        result = aligned(arrays, {f"m.{name}": array for name, array in reversed(arrays.items())})
        assert all(match.b[0] == f"m.{match.a[0]}" for match in result.matches)

    def test_a_surplus_of_constants_is_not_paired_at_random(self) -> None:
        zeros = np.zeros(8, np.float32)
        result = aligned({"x": zeros, "y": zeros}, {"p.beta": zeros})
        assert len(result.only_in_a) == 2
        assert result.only_in_b == ("p.beta",)

    def test_counters_are_never_told_apart_by_value(self) -> None:
        count = np.array(5, np.int64)
        assert aligned({"bn.num_batches_tracked": count}, {"global_step": count}).matches == ()

    def test_a_copy_that_is_left_over_is_named(self, rng: np.random.Generator) -> None:
        table = rng.standard_normal((9, 4)).astype(np.float32)
        result = aligned(
            {"shared.weight": table, "embed_tokens.weight": table.copy()}, {"shared.weight": table}
        )
        assert result.only_in_a == ("embed_tokens.weight",)
        assert result.copies_a == {"embed_tokens.weight": "shared.weight"}

    def test_a_square_tensor_that_fits_as_it_is_stays(self, rng: np.random.Generator) -> None:
        square = rng.standard_normal((7, 7, 3)).astype(np.float32)
        assert aligned({"w": square}, {"w": square}).matches[0].ops == ()

    def test_a_symmetric_matrix_says_that_it_could_be_transposed(
        self, rng: np.random.Generator
    ) -> None:
        matrix = rng.standard_normal((9, 9)).astype(np.float32)
        (match,) = aligned({"w": matrix + matrix.T}, {"w": matrix + matrix.T}).matches
        assert match.ops == ()
        assert match.evidence["also_permutations"] == [[1, 0]]

    def test_same_fingerprint_and_other_content_is_refused(self) -> None:
        a, b = (
            np.array([0.0, 1.0, 2.0, 5.0], np.float32),
            np.array([1.0, 0.0, 5.0, 2.0], np.float32),
        )
        (match,) = aligned({"w": a}, {"w": b}).matches
        assert match.equality is Equality.DIFFERENT


class TestNames:
    def test_other_shapes_under_one_name(self, rng: np.random.Generator) -> None:
        a = {"c.weight": rng.standard_normal((8, 8, 3)).astype(np.float32)}
        b = {"c.weight": rng.standard_normal((8, 2, 3)).astype(np.float32)}
        (match,) = aligned(a, b).matches
        assert (match.equality, match.by) == (Equality.DIFFERENT, "name")
        assert match.evidence["shape_a"] == [8, 8, 3]

    def test_names_are_paired_under_the_learnt_prefix(self, rng: np.random.Generator) -> None:
        arrays = generator(rng)
        other = {f"generator.{name}": array for name, array in arrays.items()}
        other["generator.conv_post.weight"] = rng.standard_normal((1, 8, 7)).astype(np.float32)
        result = aligned(arrays, other)
        assert [m.b for m in result.matches if m.equality is Equality.DIFFERENT] == [
            ("generator.conv_post.weight",)
        ]

    @pytest.mark.parametrize("value", [np.nan, np.inf, 0.0])
    def test_damage_is_described(self, value: float, rng: np.random.Generator) -> None:
        weight = rng.standard_normal((16, 5, 8)).astype(np.float32)
        damaged = weight.copy()
        damaged.reshape(-1)[100:132] = value
        (match,) = aligned({"w": damaged}, {"w": weight}).matches
        found = match.evidence
        assert match.equality is Equality.DIFFERENT
        assert (found["first"], found["last"], found["differing"]) == (100, 131, 32)
        assert found["equal_share"] == pytest.approx(1 - 32 / 640)
        kind = {"nan": np.isnan(value), "inf": np.isinf(value), "zero": value == 0}
        assert {name: found["a"][name] for name in kind} == {
            name: float(is_it) for name, is_it in kind.items()
        }
        assert found["b"] == {"nan": 0.0, "inf": 0.0, "zero": 0.0, "constant": False}

    def test_damage_under_another_layout(self, rng: np.random.Generator) -> None:
        weight = rng.standard_normal((16, 5, 8)).astype(np.float32)
        damaged = np.ascontiguousarray(weight.transpose(0, 2, 1))
        damaged[3] = 0
        (match,) = aligned({"w": weight}, {"w": damaged}).matches
        assert match.ops == (Permute((0, 2, 1)),)
        assert (match.evidence["first"], match.evidence["last"]) == (120, 159)

    def test_a_scaled_tensor_shows_its_scale(self, rng: np.random.Generator) -> None:
        weight = rng.standard_normal((16, 40)).astype(np.float32)
        (match,) = aligned({"w": weight}, {"w": weight * np.float32(0.7071)}).matches
        assert match.evidence["scale"] == pytest.approx(0.7071, rel=1e-5)
        assert match.evidence["correlation"] == pytest.approx(1)

    def test_missing_and_extra(self, rng: np.random.Generator) -> None:
        arrays = generator(rng)
        result = aligned(
            {**arrays, "extra.weight": np.eye(3)},
            {n: a for n, a in arrays.items() if n != "conv_pre.bias"},
        )
        assert result.only_in_a == ("conv_pre.bias", "extra.weight")


@dataclass(frozen=True)
class Torn:
    """Data that cannot be read."""

    def array(self) -> Array:
        raise CheckpointError("points outside the file", where="torn.pth")

    def flat(self, start: int, stop: int) -> Array:  # noqa: ARG002
        raise CheckpointError("points outside the file", where="torn.pth")


class TestEdges:
    def test_an_unreadable_tensor_is_a_skip(self, rng: np.random.Generator) -> None:
        good = Tensor.of("good", rng.standard_normal((3, 3)))
        torn = Tensor("torn", (3, 3), "float32", Torn(), 36)
        a = Checkpoint("torn.pth", "torch", {"good": good, "torn": torn})
        result = align(a, Checkpoint.of({"good": good.numpy(), "torn": np.zeros((3, 3))}))
        check_places(result, ["good", "torn"], ["good", "torn"])
        assert [skip.where for skip in result.skips] == ["torn.pth: torn"]
        assert (result.unread_a, result.unread_b) == (("torn",), ("torn",))  # not missing
        assert result.only_in_b == ()

    @pytest.mark.parametrize(
        "array",
        [
            np.zeros((0, 4), np.float32),
            np.array(3.5),
            np.array([True, False, True]),
            np.array([1 + 2j, np.nan, 3j]),
            np.array([1 + 2j, 3j], np.complex64),
            np.array([np.nan, np.inf, -np.inf, 0.0, -0.0], np.float32),
            np.array([1e-45, 3e38, -1e-40], np.float32),
            np.array([[2**63 - 1, -(2**63)]], np.int64),
            np.arange(12, dtype=">f4").reshape(3, 4),
            np.asfortranarray(np.arange(12.0).reshape(3, 4)),
            np.arange(40, dtype=np.float16)[::2],
        ],
    )
    def test_any_content_equals_itself(self, array: NDArray[Any]) -> None:
        assert aligned_quietly({"x": array}, {"x": array.copy()})[0].identical
        for other in (
            {"x": np.ones(3, np.float32)},
            {"x": np.array(2.0)},
            {"x": np.ones(array.shape, np.int8)},
        ):
            aligned_quietly({"x": array}, other)
            aligned_quietly(other, {"x": array})

    def test_nothing_at_all(self) -> None:
        assert aligned({}, {}).coverage().total == 0
        assert aligned({}, {"x": np.ones(2)}).only_in_b == ("x",)

    def test_progress_is_told_and_ends_at_the_total(self, rng: np.random.Generator) -> None:
        seen: list[tuple[int, int, str]] = []
        arrays = generator(rng)
        align(
            Checkpoint.of(arrays),
            Checkpoint.of(arrays),
            progress=lambda done, total, what: seen.append((done, total, what)),
        )
        assert seen[-1][:2] == (2 * len(arrays), 2 * len(arrays))
        assert all(0 <= done <= total for done, total, _ in seen)

    @pytest.mark.parametrize("network", sorted(NETWORKS))
    def test_the_same_every_time(
        self, network: str, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        arrays = NETWORKS[network](3, 32).weights
        port = {
            f"m.{n}": a.astype(np.float16) if a.dtype == np.float32 else a
            for n, a in in_any_order(arrays, rng).items()
        }
        first = align(Checkpoint.of(arrays), Checkpoint.of(port))
        monkeypatch.setattr("auscult.align.side.MIN_THREADED_SIZE", 1)
        monkeypatch.setattr("auscult.align.side.MAX_WORKERS", 4)
        assert align(Checkpoint.of(arrays), Checkpoint.of(port)) == first


def in_any_order(arrays: Arrays, rng: np.random.Generator) -> Arrays:
    keys = list(arrays)
    return {keys[int(index)]: arrays[keys[int(index)]] for index in rng.permutation(len(keys))}


def aligned_quietly(a: Arrays, b: Arrays) -> tuple[Any, ...]:
    with np.errstate(all="ignore"):
        result = align(Checkpoint.of(a), Checkpoint.of(b))
    check_places(result, list(a), list(b))
    return result.matches


def test_rounding_that_leaves_few_values_is_rounding(rng: np.random.Generator) -> None:
    """Gains of a norm lie so near 1 that bfloat16 has few values for them, though the float32 ones are all different."""
    a = {
        "norm.weight": (1 + 0.01 * rng.standard_normal(64)).astype(np.float32),
        "ff.weight": rng.standard_normal((32, 16)).astype(np.float32),
    }
    b = {name: array.astype(ml_dtypes.bfloat16).astype(np.float32) for name, array in a.items()}
    assert {match.equality for match in aligned(a, b).matches} == {Equality.CLOSE}
    other = b | {"norm.weight": b["norm.weight"][::-1].copy()}
    assert {
        match.equality for match in aligned(a, other).matches if match.a == ("norm.weight",)
    } == {Equality.DIFFERENT}


def test_weights_that_a_converter_dequantised_are_rounded(rng: np.random.Generator) -> None:
    """As a ggml Q8_0 file becomes a plain one: scales in float16, a run to each row of `ff` and two to each of `out`."""
    a = {
        "ff.weight": rng.standard_normal((24, 32)).astype(np.float32),
        "out.weight": rng.standard_normal((24, 64)).astype(np.float32),
    }

    def dequantise(array: NDArray[np.float32]) -> NDArray[np.float32]:
        runs = array.reshape(-1, 32)
        scale = np.abs(runs).max(axis=1, keepdims=True) / 127
        codes = np.rint(runs / scale)
        return (codes * scale.astype(np.float16).astype(np.float32)).reshape(array.shape)

    b = {name: dequantise(array) for name, array in a.items()}
    assert {match.equality for match in aligned(a, b).matches} == {Equality.CLOSE}
    other = {name: dequantise(1.02 * array) for name, array in a.items()}
    assert {match.equality for match in aligned(a, other).matches} == {Equality.DIFFERENT}
