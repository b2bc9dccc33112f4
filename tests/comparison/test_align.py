"""Layers of two traces are found whatever their names, granularity, number format and order of axes."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from auscult.comparison.align.axes import (
    find_axis_order,
    find_fitting_orders,
    fit_shape_to_rank,
    to_candidate_order,
    to_reference_order,
)
from auscult.comparison.align.layers import align_layers, parse_path_map
from auscult.comparison.align.pairs import LayerAlignment
from auscult.comparison.compare_runs import align_runs
from auscult.errors import UsageError
from auscult.runtime.runner import make_runner
from auscult.traces.records import Trace
from tests.traced_ports import (
    MEL,
    SIGNAL,
    Attention,
    FoldedNet,
    Net,
    channels_last,
    hifigan,
    in_mlx,
    runs_of,
)


def trace_of(model: object, inputs: np.ndarray = SIGNAL) -> Trace:
    return make_runner(model).run({"input": inputs})


def by(alignment: LayerAlignment) -> dict[str, tuple[str, ...]]:
    return {pair.a: pair.candidate for pair in alignment.pairs}


def test_torch_and_mlx_of_one_model() -> None:
    torch_model = hifigan()
    found = align_layers(
        trace_of(torch_model, MEL), trace_of(in_mlx(torch_model), channels_last(MEL))
    )
    assert all(pair.reference == pair.candidate for pair in found.pairs)
    assert (found.only_in_ref, found.only_in_cand) == ((), ())
    assert found.orders == {3: (0, 2, 1)}
    assert {pair.by for pair in found.pairs} == {"root", "weights", "parts"}


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_rounded_weights_under_other_names(dtype: str) -> None:
    class Wrapper(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.generator = hifigan(form="fused")

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.generator(x)

    model = hifigan()
    found = align_layers(trace_of(model, MEL), make_runner(Wrapper()).at(dtype).run({"input": MEL}))
    assert all(pair.b == f"generator.{pair.a}" for pair in found.pairs if pair.by == "weights")
    assert not found.doubts
    assert found.only_in_ref == ()
    assert (
        len(found.only_in_cand) == 1
    )  # the root and what it holds are one module of the reference


def test_shuffled_names_are_seen_through() -> None:
    """Layers whose names are permuted are paired by what they own, not by what they are called."""

    class Chain(nn.Module):
        def __init__(self, names: tuple[str, ...]) -> None:
            super().__init__()
            torch.manual_seed(0)
            self.names = names
            for name in names:
                self.add_module(name, nn.Linear(8, 8))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            for name in self.names:
                x = torch.tanh(getattr(self, name)(x))
            return x

    x = SIGNAL.transpose(0, 2, 1)
    found = align_layers(trace_of(Chain(("a", "b", "c")), x), trace_of(Chain(("c", "a", "b")), x))
    assert by(found) == {"a": ("c",), "b": ("a",), "c": ("b",), "": ("",)}


def test_a_folded_norm_is_held_against_the_norm() -> None:
    net = Net()
    found = align_runs(runs_of(net, FoldedNet(net)), {})
    groups = {pair.reference: pair.candidate for pair in found.pairs}
    assert groups["encoder.conv", "encoder.norm"] == ("first.layer",)
    assert groups["decoder.conv", "decoder.norm"] == ("second.layer",)
    assert groups[("head",)] == ("out",)
    assert groups[("encoder",)] == ("first",)
    assert found.only_in_ref == ("encoder.act", "decoder.act")


def test_a_folded_norm_is_found_by_values_without_the_models() -> None:
    net = Net()
    found = align_layers(trace_of(net), trace_of(FoldedNet(net)))
    ends = {pair.a: pair.b for pair in found.pairs}
    assert ends["encoder.norm"] == "first.layer"


def test_three_projections_and_one() -> None:
    x = np.ascontiguousarray(SIGNAL.transpose(0, 2, 1))
    found = align_runs(runs_of(Attention(fused=False), Attention(fused=True), x), {})
    pair = next(pair for pair in found.pairs if len(pair.reference) == 3)
    assert (pair.reference, pair.candidate, pair.join, pair.by) == (
        ("q", "k", "v"),
        ("qkv",),
        "concat",
        "derived",
    )
    assert by(found)["out"] == ("out",)


def test_layers_without_weights_follow_the_order() -> None:
    one = nn.Sequential(nn.Linear(8, 8), nn.GELU(), nn.Dropout(), nn.Linear(8, 4), nn.Tanh()).eval()
    two = nn.Sequential(one[0], nn.GELU(), one[3], nn.Identity(), nn.Tanh()).eval()
    x = SIGNAL.transpose(0, 2, 1)
    found = align_layers(trace_of(one, x), trace_of(two, x))
    assert by(found) == {"0": ("0",), "1": ("1",), "3": ("2",), "4": ("4",), "": ("",)}
    assert (found.only_in_ref, found.only_in_cand) == (("2",), ("3",))


def test_overrides_come_first() -> None:
    net = Net()
    ref, cand = trace_of(net), trace_of(FoldedNet(net))
    found = align_layers(ref, cand, {"encoder": "second"})
    assert next(pair for pair in found.pairs if pair.a == "encoder").candidate == ("second",)
    with pytest.raises(UsageError, match="names no layer of the candidate"):
        align_layers(ref, cand, {"encoder": "nothing"})


def test_maps_are_lines_or_json() -> None:
    assert (
        parse_path_map("a.b=c\n# comment\nd = e.f\n")
        == parse_path_map('{"a.b": "c", "d": "e.f"}')
        == {"a.b": "c", "d": "e.f"}
    )
    for wrong in ("a", "{", '{"a": 1}', "=b"):
        with pytest.raises(UsageError):
            parse_path_map(wrong)


@settings(max_examples=20, deadline=None)
@given(st.permutations(list(range(4))), st.integers(0, 3), st.booleans())
def test_every_module_is_in_exactly_one_place(
    order: list[int], dropped: int, activations: bool
) -> None:
    torch.manual_seed(0)
    layers = [nn.Linear(8, 8) for _ in range(4)]
    one = nn.Sequential(*(part for layer in layers for part in (layer, nn.Tanh()))).eval()
    kept = [layers[index] for index in order if index != dropped]
    two = nn.Sequential(
        *(part for layer in kept for part in ((layer, nn.Tanh()) if activations else (layer,)))
    ).eval()
    x = SIGNAL.transpose(0, 2, 1)
    ref, cand = trace_of(one, x), trace_of(two, x)
    found = align_layers(ref, cand)
    assert sorted(
        [*(p for pair in found.pairs for p in pair.reference), *found.only_in_ref]
    ) == sorted({r.path for r in ref})
    assert sorted(
        [*(p for pair in found.pairs for p in pair.candidate), *found.only_in_cand]
    ) == sorted({r.path for r in cand})
    weights = {pair.a: pair.b for pair in found.pairs if pair.by == "weights"}
    own = {path: two.get_submodule(path) for path in weights.values()}
    assert all(own[b] is one.get_submodule(a) for a, b in weights.items())


@given(st.permutations([0, 1, 2]), st.booleans())
def test_axes_are_recovered_and_turned_back(order: list[int], equal: bool) -> None:
    shape = (4, 6, 6) if equal else (4, 6, 9)
    array = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    other = np.ascontiguousarray(array.transpose(order))
    np.testing.assert_array_equal(to_reference_order(array, other, {}), array)
    usual = {3: find_axis_order(array, other, {})[0]}
    np.testing.assert_array_equal(to_candidate_order(array, other.shape, usual), other)


def test_axes_of_one_length_after_the_divergence_follow_the_rest_of_the_model() -> None:
    rng = np.random.default_rng(0)
    array, unrelated = rng.standard_normal((2, 6, 6)), rng.standard_normal((2, 6, 6))
    assert find_axis_order(array, unrelated, {3: (0, 2, 1)}) == ((0, 2, 1), False)
    assert find_axis_order(array, unrelated, {}) == ((0, 1, 2), False)


def test_axes_of_length_one_come_and_go() -> None:
    assert fit_shape_to_rank((2, 1, 30), (2, 30)) == (2, 1, 30)
    assert fit_shape_to_rank((2, 30), (2, 30, 1)) == (2, 30)
    assert fit_shape_to_rank((2, 30), (2, 5, 6)) is None
    assert find_fitting_orders((2, 8, 30), (2, 31, 8)) == ((0, 2, 1),)
