"""Each operation against its textbook definition, and its inverse bit for bit."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auscult.checkpoint.source import dtype_of
from auscult.errors import RecipeError
from auscult.recipe import Op, find_op_class, list_op_names, op_from_json
from auscult.recipe.ops.byteswap import Byteswap
from auscult.recipe.ops.cast import Cast
from auscult.recipe.ops.concat import Concat
from auscult.recipe.ops.constant import Constant
from auscult.recipe.ops.copy import Copy
from auscult.recipe.ops.deinterleave import Deinterleave
from auscult.recipe.ops.dequantize import Dequantize
from auscult.recipe.ops.drop import Drop
from auscult.recipe.ops.exp import Exp
from auscult.recipe.ops.flip import Flip
from auscult.recipe.ops.fold_batch_norm import FoldBatchNorm
from auscult.recipe.ops.fold_layer_norm import FoldLayerNorm
from auscult.recipe.ops.fold_scale import FoldScale
from auscult.recipe.ops.fortran import FortranScramble
from auscult.recipe.ops.fuse_weight_norm import FuseWeightNorm
from auscult.recipe.ops.interleave import Interleave
from auscult.recipe.ops.log import Log
from auscult.recipe.ops.merge_lora import MergeLora
from auscult.recipe.ops.parallel import Parallel
from auscult.recipe.ops.permute import Permute
from auscult.recipe.ops.quantize import Quantize
from auscult.recipe.ops.reciprocal import Reciprocal
from auscult.recipe.ops.reinterpret import Reinterpret
from auscult.recipe.ops.reorder_blocks import ReorderBlocks
from auscult.recipe.ops.reshape import Reshape
from auscult.recipe.ops.rotary_tables import RotaryTables
from auscult.recipe.ops.route import Route
from auscult.recipe.ops.split import Split
from auscult.recipe.ops.split_weight_norm import SplitWeightNorm
from auscult.recipe.ops.sum import Sum
from auscult.recipe.ops.unify import Unify
from auscult.weights import Array

DTYPES = (
    "float16",
    "bfloat16",
    "float32",
    "float64",
    "int8",
    "int64",
    "bool",
    "complex64",
    "float8_e4m3fn",
)
EXAMPLES: tuple[Op, ...] = (
    Permute((0, 2, 1)),
    Reshape((2, 3), (6,)),
    FuseWeightNorm(1),
    SplitWeightNorm(0),
    Concat(0, (1, 2)),
    Split(0, (1, 2)),
    ReorderBlocks(0, (0, 2, 1)),
    Interleave(0, 4),
    Deinterleave(0, 4, 2, 3),
    Cast("float16", "float32"),
    Sum(2),
    FoldBatchNorm(1e-5, 1),
    FoldScale(1),
    FoldLayerNorm(("bias", "new-bias")),
    Reciprocal(1e-9),
    RotaryTables(7),
    MergeLora(0.5, "ab"),
    Log(),
    Exp(),
    Flip(2),
    Dequantize((0.1, 0.2), (1, -1), 0),
    Quantize((0.1,), (3,)),
    Drop((1,), "int64", (5,)),
    Constant((2, 2), "float32", 1.5),
    Reinterpret("float16", "bfloat16"),
    FortranScramble("row"),
    Byteswap(),
    Route((1, 0)),
    Copy(2),
    Unify(2),
    Parallel(((1, 2, (Split(0, (1, 2)),)), (1, 1, ()))),
)


def bits(array: Array) -> tuple[tuple[int, ...], str, bytes]:
    return array.shape, array.dtype.name, np.ascontiguousarray(array).tobytes()


def random_bits(shape: Sequence[int], dtype: str, seed: int) -> Array:
    """Every bit pattern, NaN payloads and infinities included."""
    kind = dtype_of(dtype)
    count = int(np.prod(shape, dtype=int))
    rng = np.random.default_rng(seed)
    if dtype == "bool":
        return rng.integers(0, 2, count).astype(bool).reshape(shape)
    return rng.integers(0, 256, count * kind.itemsize, dtype=np.uint8).view(kind).reshape(shape)


shapes = st.lists(st.integers(0, 5), min_size=1, max_size=4).map(tuple)


@st.composite
def lossless_cases(draw: st.DrawFn) -> tuple[Op, list[Array]]:
    shape: tuple[int, ...] = draw(shapes)
    dtype = draw(st.sampled_from(DTYPES))
    axis = draw(st.integers(0, len(shape) - 1))
    sizes = tuple(draw(st.lists(st.integers(0, 4), min_size=1, max_size=4)))
    count = draw(st.integers(1, 4))
    groups, parts, outer = (draw(st.integers(1, 3)) for _ in range(3))

    def along(side: int) -> tuple[int, ...]:
        return (*shape[:axis], side, *shape[axis + 1 :])

    order = tuple(draw(st.permutations(range(count))))
    cut = along(groups * parts * outer * draw(st.integers(0, 2)))
    op, sources = draw(
        st.sampled_from(
            [
                (Permute(tuple(draw(st.permutations(range(len(shape)))))), [shape, shape]),
                (Reshape(shape, (*shape[::-1], 1)), [shape]),
                (Concat(axis, sizes), [along(size) for size in sizes]),
                (Split(axis, sizes), [along(sum(sizes))]),
                (ReorderBlocks(axis, order), [along(count * 2)]),
                (Interleave(axis, groups, parts, outer), [cut]),
                (Deinterleave(axis, groups, parts, outer), [cut]),
                (Flip(axis), [shape, along(2)]),
                (FortranScramble(), [shape]),
                (FortranScramble("row"), [shape]),
                (Byteswap(), [shape]),
                (Reinterpret("uint8", dtype), [shape]),
            ]
        )
    )
    seed = draw(st.integers(0, 2**31))
    return op, [random_bits(source, dtype, seed + i) for i, source in enumerate(sources)]


@given(lossless_cases())
def test_inverse_brings_back_every_bit(case: tuple[Op, list[Array]]) -> None:
    op, sources = case
    before = [bits(source) for source in sources]
    targets = op.apply(sources)
    assert op.lossless
    assert [bits(array) for array in op.inverse().apply(targets)] == before
    assert [bits(source) for source in sources] == before, (
        "an operation must not write into its input"
    )
    assert [array.shape for array in targets] == [
        tuple(s) for s in op.shapes([source.shape for source in sources])
    ]


@pytest.mark.parametrize("name", list_op_names())
def test_json_round_trip_covers_every_operation(name: str) -> None:
    examples = [op for op in EXAMPLES if op.op == name]
    assert examples, f"add an example of {name}"
    for op in examples:
        assert op_from_json(json.loads(json.dumps(op.to_json()))) == op
    assert find_op_class(name).__doc__


@pytest.mark.parametrize(
    "data",
    [
        {"op": "os.system"},
        {"op": "../permute", "axes": [0]},
        {"op": "permute"},
        {"op": "permute", "axes": [0, 0]},
        {},
        [],
        {"op": 3},
    ],
)
def test_bad_json_is_refused(data: Any) -> None:
    with pytest.raises(RecipeError):
        op_from_json(data)


@pytest.mark.parametrize(
    ("op", "words"),
    [
        (Sum(2), "summands"),
        (FoldBatchNorm(), "multiplied into the weight"),
        (MergeLora(1.0), "base weight and update"),
        (Cast("float16", "float32"), "cannot hold every float32"),
        (Cast("float16", "bfloat16"), "cannot hold every bfloat16"),
        (Quantize((0.1,)), "half a step"),
        (Drop((3,), "float32"), "not in the recipe"),
    ],
)
def test_what_cannot_be_undone_says_what_is_lost(op: Op, words: str) -> None:
    assert not op.lossless
    with pytest.raises(RecipeError, match=words):
        op.inverse()


@pytest.mark.parametrize(
    ("narrow", "wide"),
    [
        ("float16", "float32"),
        ("bfloat16", "float32"),
        ("float8_e4m3fn", "float16"),
        ("int8", "bfloat16"),
        ("float32", "float64"),
    ],
)
def test_widening_casts_are_lossless(narrow: str, wide: str) -> None:
    op = Cast(wide, narrow)
    every = (
        np.arange(256, dtype=np.uint8).view(dtype_of(narrow))
        if dtype_of(narrow).itemsize == 1
        else None
    )
    values = every if every is not None else np.linspace(-3, 3, 777).astype(dtype_of(narrow))
    values = values[np.isfinite(values.astype(np.float64))]
    assert op.lossless
    assert bits(op.inverse().apply(op.apply([values]))[0]) == bits(values)


@pytest.mark.parametrize(
    ("narrow", "wide"),
    [
        ("int64", "float64"),
        ("int32", "float32"),
        ("float16", "bfloat16"),
        ("float8_e5m2", "float8_e4m3fn"),
        ("int8", "uint16"),
    ],
)
def test_casts_that_drop_something_are_not_called_lossless(narrow: str, wide: str) -> None:
    assert not Cast(wide, narrow).lossless


def test_cast_undo_is_within_half_a_unit_of_the_narrow_format() -> None:
    values = np.random.default_rng(0).standard_normal(4000).astype(np.float32)
    op = Cast("bfloat16", "float32")
    back = op.undo().apply(op.apply([values]))[0]
    assert 0 < np.max(np.abs(back - values) / np.abs(values)) <= 2.0**-8


@pytest.mark.parametrize("dim", [0, 1, 2])
def test_fuse_weight_norm_is_the_textbook_formula(dim: int) -> None:
    rng = np.random.default_rng(dim)
    v = rng.standard_normal((4, 5, 6)).astype(np.float32)
    g_shape = [1, 1, 1]
    g_shape[dim] = v.shape[dim]
    g = rng.standard_normal(g_shape).astype(np.float32)
    expected = np.empty(v.shape)
    for i in range(v.shape[dim]):
        index: list[Any] = [slice(None)] * 3
        index[dim] = i
        row = v[tuple(index)].astype(np.float64)
        expected[tuple(index)] = (
            float(g.reshape(-1)[i]) * row / np.sqrt(sum(x * x for x in row.reshape(-1)))
        )
    (fused,) = FuseWeightNorm(dim).apply([g, v])
    assert fused.dtype == np.float32
    np.testing.assert_allclose(fused, expected, rtol=2**-23)
    (flat_gain,) = FuseWeightNorm(dim).apply([g.reshape(-1), v])
    assert bits(flat_gain) == bits(fused)


@given(
    st.integers(0, 10**6),
    st.sampled_from(["float32", "float64", "float16", "bfloat16"]),
    st.integers(0, 2),
)
def test_split_weight_norm_fuses_to_the_same_weight(seed: int, dtype: str, dim: int) -> None:
    weight = np.random.default_rng(seed).standard_normal((3, 4, 2)).astype(dtype_of(dtype))
    g, v = SplitWeightNorm(dim).apply([weight])
    assert bits(v) == bits(weight)
    assert g.shape == tuple(SplitWeightNorm(dim).shapes([weight.shape])[0])
    (fused,) = FuseWeightNorm(dim).apply([g, v])
    unit = {"float32": 2.0**-23, "float64": 2.0**-52, "float16": 2.0**-10, "bfloat16": 2.0**-7}[
        dtype
    ]
    wide, exact = fused.astype(np.float64), weight.astype(np.float64)
    assert np.all(
        np.abs(wide - exact) <= unit * np.abs(exact) + (6e-8 if dtype == "float16" else 0)
    )


def test_weight_norm_matches_torch() -> None:
    torch = pytest.importorskip("torch")
    for module in (
        torch.nn.Conv1d(3, 5, 7),
        torch.nn.ConvTranspose1d(3, 5, 7),
        torch.nn.Linear(4, 6),
    ):
        torch.nn.utils.parametrizations.weight_norm(module)
        with torch.no_grad():
            module.parametrizations.weight.original0.mul_(-1.7)
        g, v = (
            getattr(module.parametrizations.weight, f"original{i}").detach().numpy() for i in (0, 1)
        )
        (fused,) = FuseWeightNorm(0).apply([g, v])
        np.testing.assert_allclose(fused, module.weight.detach().numpy(), rtol=1e-6)


def test_exchanged_gain_and_direction_are_refused_with_the_remedy() -> None:
    g, v = np.ones((4, 1, 1), np.float32), np.ones((4, 3, 2), np.float32)
    with pytest.raises(RecipeError, match="g is the smaller"):
        FuseWeightNorm(0).apply([v, g])


def test_reorder_blocks_moves_gates() -> None:
    weight = np.arange(8).reshape(8, 1)  # i i f f g g o o
    (moved,) = ReorderBlocks(0, (0, 3, 1, 2)).apply([weight])
    assert moved[:, 0].tolist() == [0, 1, 6, 7, 2, 3, 4, 5]


def test_interleave_puts_heads_together() -> None:
    rows = np.array(["q0", "q1", "k0", "k1", "v0", "v1"])
    assert Interleave(0, groups=2).apply([rows])[0].tolist() == ["q0", "k0", "v0", "q1", "k1", "v1"]
    halves = np.array(["a0", "a1", "b0", "b1"] * 2)
    assert (
        Interleave(0, groups=2, parts=2, outer=2).apply([halves])[0].tolist()
        == ["a0", "b0", "a1", "b1"] * 2
    )


def test_fortran_scramble_is_what_a_careless_npy_reader_sees() -> None:
    array = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    read = np.frombuffer(np.asfortranarray(array).tobytes("A"), np.float32).reshape(array.shape)
    np.testing.assert_array_equal(FortranScramble("row").apply([array])[0], read)


def test_byteswap_and_reinterpret_read_other_numbers_from_the_same_bytes() -> None:
    array = np.array([1.0, -2.5], np.float32)
    assert Byteswap().apply([array])[0].tobytes() == array.astype(">f4").tobytes()
    assert Byteswap().apply([np.array(1.0, np.float32)])[0].shape == ()
    half = np.array([1.0], dtype_of("bfloat16"))
    assert Reinterpret("float16", "bfloat16").apply([half])[0][0] == np.float16(1.875)  # 0x3f80
    assert bits(Byteswap().apply([array.astype(">f4")])[0]) == bits(Byteswap().apply([array])[0])


def test_fold_batch_norm_gives_the_output_of_convolution_and_norm() -> None:
    rng = np.random.default_rng(3)
    weight, bias, x = rng.standard_normal((5, 4)), rng.standard_normal(5), rng.standard_normal(4)
    gamma, beta, mean, variance = (
        rng.standard_normal(5),
        rng.standard_normal(5),
        rng.standard_normal(5),
        rng.random(5),
    )
    expected = gamma * ((weight @ x + bias) - mean) / np.sqrt(variance + 1e-3) + beta
    folded, shift = FoldBatchNorm(1e-3).apply([weight, bias, gamma, beta, mean, variance])
    np.testing.assert_allclose(folded @ x + shift, expected, rtol=1e-12)
    across, other = FoldBatchNorm(1e-3, dim=1).apply([weight.T, gamma, beta, mean, variance])
    np.testing.assert_allclose(
        across.T @ x + other, expected - gamma * bias / np.sqrt(variance + 1e-3), rtol=1e-10
    )


def test_fold_scale_gives_the_output_of_norm_and_layer() -> None:
    weight, gain, x = floats(5, 4), floats(4), floats(7, 4)
    folded = FoldScale(1).apply([weight, gain, np.zeros(4, np.float32)])[0]
    np.testing.assert_allclose(x @ folded.T, (x * gain) @ weight.T, rtol=1e-5, atol=1e-6)
    with pytest.raises(RecipeError, match="shift is not zero"):
        FoldScale(1).apply([weight, gain, np.ones(4, np.float32)])
    with pytest.raises(RecipeError, match="not as wide"):
        FoldScale(1).apply([weight, floats(5)])


def test_fold_layer_norm_gives_the_output_of_norm_and_layers() -> None:
    gain, shift, x = floats(4), floats(4, 1)[:, 0], floats(7, 4)
    query, bias, key = floats(5, 4), floats(5), floats(3, 4)
    fold = FoldLayerNorm(("bias", "new-bias"))
    query_folded, bias_folded, key_folded, key_bias = fold.apply([gain, shift, query, bias, key])
    normed = (x * gain + shift).astype(np.float64)
    near: dict[str, Any] = {"rtol": 1e-5, "atol": 1e-5}
    np.testing.assert_allclose(x @ query_folded.T + bias_folded, normed @ query.T + bias, **near)
    np.testing.assert_allclose(x @ key_folded.T + key_bias, normed @ key.T, **near)
    across = FoldLayerNorm(("new-bias",), dim=0).apply([gain, shift, key.T])
    np.testing.assert_allclose(across[0].T, key_folded, rtol=1e-6)
    np.testing.assert_allclose(across[1], key_bias, rtol=1e-6)
    with pytest.raises(RecipeError, match="shift is not zero"):
        FoldLayerNorm(("weight",)).apply([gain, shift, key])
    with pytest.raises(RecipeError, match="not as wide"):
        fold.apply([gain, shift, query, bias, floats(3, 5)])
    with pytest.raises(RecipeError, match="without a shift"):
        FoldLayerNorm(("bias",), shift=False)


def test_reciprocal_undoes_itself() -> None:
    x = np.linspace(0.1, 5, 50)
    there = Reciprocal(0.25)
    np.testing.assert_allclose(there.inverse().apply(there.apply([x]))[0], x, rtol=1e-12)


def test_rotary_tables_turn_by_the_position_times_the_frequency() -> None:
    frequencies = np.array([1.0, 0.1], np.float32)
    cosines, sines = RotaryTables(9).apply([frequencies])
    turned = np.exp(1j * np.arange(9)[:, None] * frequencies)
    np.testing.assert_allclose(cosines + 1j * sines, turned, atol=1e-6)


def test_merge_lora_in_both_conventions() -> None:
    rng = np.random.default_rng(4)
    weight, a, b = (
        rng.standard_normal((6, 4)),
        rng.standard_normal((2, 4)),
        rng.standard_normal((6, 2)),
    )
    expected = weight + 0.5 * b @ a
    np.testing.assert_allclose(MergeLora(0.5).apply([weight, a, b])[0], expected)
    np.testing.assert_allclose(MergeLora(0.5, "ab").apply([weight, a.T, b.T])[0], expected)
    with pytest.raises(RecipeError, match="factors"):
        MergeLora(0.5).apply([weight, b, a])


@given(st.sampled_from(["int8", "uint8", "int16", "int4", "uint4"]), st.integers(0, 10**6))
def test_dequantized_integers_come_back(dtype: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    bits_ = int(dtype.lstrip("uint"))
    low, high = (0, 2**bits_) if dtype.startswith("u") else (-(2 ** (bits_ - 1)), 2 ** (bits_ - 1))
    stored = rng.integers(low, high, (3, 50)).astype(dtype_of(dtype))
    scale = tuple(float(value) for value in rng.random(3) + 1e-3)
    zero = tuple(int(value) for value in rng.integers(low, high, 3))
    op = Dequantize(scale, zero, 0, dtype)
    assert bits(op.inverse().apply(op.apply([stored]))[0]) == bits(stored)


def test_quantize_clamps_and_rounds() -> None:
    op = Quantize((0.5,), (1,))
    assert op.apply([np.array([-100.0, -0.3, 0.2, 1.0, 100.0])])[0].tolist() == [-128, 0, 1, 3, 127]
    assert op.undo().apply(op.apply([np.array([1.0], np.float32)]))[0].tolist() == [1.0]


def test_drop_with_a_value_refuses_to_lose_another() -> None:
    drop = Drop((), "int64", 7)
    assert drop.apply([np.array(7)]) == []
    assert bits(drop.inverse().apply([])[0]) == bits(np.array(7))
    with pytest.raises(RecipeError, match="other values"):
        drop.apply([np.array(8)])


def test_log_and_exp_undo_each_other_within_rounding() -> None:
    alpha = np.random.default_rng(0).random(1000).astype(np.float32) + 0.01
    np.testing.assert_allclose(Exp().apply(Log().apply([alpha]))[0], alpha, rtol=1e-6)


def test_sum_adds_in_its_own_dtype() -> None:
    a, b = np.array([1.0, 2.0], np.float16), np.array([0.5, 0.25], np.float16)
    assert bits(Sum(2).apply([a, b])[0]) == bits(np.array([1.5, 2.25], np.float16))


@pytest.mark.parametrize(
    ("op", "sources"),
    [
        (Permute((1, 0)), [(2, 3, 4)]),
        (Reshape((2, 3), (6,)), [(3, 2)]),
        (Concat(0, (1, 2)), [(1, 3), (2, 4)]),
        (Concat(0, (1, 2)), [(1, 3)]),
        (Split(1, (1, 2)), [(3, 4)]),
        (ReorderBlocks(0, (1, 0)), [(3,)]),
        (Interleave(1, 2), [(6,)]),
        (Sum(2), [(1,), (2,)]),
        (FuseWeightNorm(0), [(3, 1, 1), (4, 3, 2)]),
        (Flip(1), [(3,)]),
        (FoldBatchNorm(), [(3, 2), (2,), (3,), (3,), (3,)]),
    ],
)
def test_what_does_not_fit_is_refused_before_and_with_data(
    op: Op, sources: list[tuple[int, ...]]
) -> None:
    with pytest.raises(RecipeError):
        op.shapes(sources)
    with pytest.raises(RecipeError):
        op.apply([np.zeros(shape, np.float32) for shape in sources])


def floats(*shape: int) -> Array:
    return np.random.default_rng(len(shape)).standard_normal(shape).astype(np.float32)


ERRORS: tuple[tuple[Op, list[Array]], ...] = (
    (FuseWeightNorm(1), [floats(1, 5, 1), floats(4, 5, 3)]),
    (SplitWeightNorm(0), [floats(4, 5, 3) * np.array([1, 0, 1, 1], np.float32)[:, None, None]]),
    (Cast("float16", "float32"), [floats(50, 3)]),
    (Cast("float8_e4m3fn", "float32"), [floats(50, 3)]),
    (Cast("float64", "float32"), [floats(5, 3)]),
    (Sum(3), [floats(4), floats(4, 1)[:, 0], -floats(4)]),
    (
        FoldBatchNorm(1e-5),
        [floats(4, 3), floats(4), floats(4, 1)[:, 0], floats(4), floats(4), np.abs(floats(4))],
    ),
    (MergeLora(0.7), [floats(6, 4, 2), floats(3, 8), floats(6, 3)]),
    (MergeLora(0.7, "ab"), [floats(6, 8), floats(8, 3), floats(3, 6)]),
    (Log(), [np.abs(floats(30))]),
    (Exp(), [floats(30)]),
    (FoldScale(1), [floats(4, 3, 2), floats(3), np.zeros(3, np.float32)]),
    (
        FoldLayerNorm(("bias", "new-bias")),
        [floats(3), floats(3, 1)[:, 0], floats(4, 3), floats(4), floats(5, 3)],
    ),
    (FoldLayerNorm(("weight",), shift=False, dim=0), [floats(3), floats(3, 4)]),
    (Reciprocal(1e-9), [np.abs(floats(30)) + np.float32(0.1)]),
    (RotaryTables(7), [np.abs(floats(4))]),
    (Quantize((0.05,)), [floats(30)]),
    (Permute((1, 0)), [floats(3, 4)]),
    (Parallel(((1, 1, (Cast("float16", "float32"),)), (1, 1, (Flip(0),)))), [floats(5), floats(4)]),
)


@pytest.mark.parametrize(
    ("op", "sources"), ERRORS, ids=lambda value: value.op if isinstance(value, Op) else ""
)
def test_the_error_accepts_the_result_and_rejects_a_damaged_one(
    op: Op, sources: list[Array]
) -> None:
    targets = op.apply(sources)
    assert op.error(sources, targets) <= 1
    assert (op.error(sources, targets) == 0) or not op.lossless
    if isinstance(op, Parallel):
        return  # measures its branches on the way
    for index in range(len(targets)):
        damaged = [array.copy() for array in targets]
        flat = damaged[index].reshape(-1)
        flat[0] = flat[0] * dtype_of(flat.dtype.name).type(1.5) + dtype_of(flat.dtype.name).type(1)
        assert op.error(sources, damaged) > 1


def test_an_overflowing_cast_fails_its_proof() -> None:
    source = np.array([1.0, 70000.0], np.float32)
    op = Cast("float16", "float32")
    assert op.error([source], op.apply([source])) == float("inf")


def test_clamped_quantisation_fails_its_proof() -> None:
    source = np.array([1.0, 100.0], np.float32)
    assert Quantize((0.1,)).error([source], Quantize((0.1,)).apply([source])) > 1


def test_copies_are_merged_only_if_they_are_copies() -> None:
    x = floats(3)
    assert bits(Unify(2).apply(Copy(2).apply([x]))[0]) == bits(x)
    with pytest.raises(RecipeError, match="differ"):
        Unify(2).apply([x, x + 1])


def test_int32_biases_dequantise_within_float32() -> None:
    source = np.array([2**31 - 1, -5, 0], np.int32)
    op = Dequantize((1e-4,), dtype="int32")
    assert not op.lossless
    assert op.error([source], op.apply([source])) <= 1
    assert op.error([source], [op.apply([source])[0] * np.float32(1.001)]) > 1
