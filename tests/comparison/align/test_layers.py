"""The whole alignment on hand-made traces: every module of both in one place."""

from __future__ import annotations

import numpy as np
import pytest

from auscult.comparison.align.layers import align_layers, learn_axis_orders, parse_path_map
from auscult.comparison.align.pairs import LayerPair
from auscult.comparison.modules import ModuleTree
from auscult.errors import UsageError
from tests.hand_made import make_noise, make_trace

X, H, Y = make_noise(1, 3, 5), make_noise(1, 4, 5), make_noise(1, 2, 5)
WEIGHTS = {"enc.conv": {"weight": make_noise(4, 3)}, "dec": {"weight": make_noise(2, 4)}}
REF = make_trace(
    [(":input", X), ("enc.conv", H), ("enc", H * 1), ("drop", H * 2), ("dec", Y), ("", Y * 1)],
    weights=WEIGHTS,
)


def turn(array: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(array.transpose(0, 2, 1))


CAND = make_trace(
    [
        (":input", turn(X)),
        ("encoder.c", turn(H)),
        ("encoder", turn(H) * 1),
        ("decoder", turn(Y)),
        ("", turn(Y) * 1),
    ],
    weights={"encoder.c": WEIGHTS["enc.conv"], "decoder": WEIGHTS["dec"]},
)


def test_weights_parts_and_the_root() -> None:
    alignment = align_layers(REF, CAND)
    assert {(pair.a, pair.b): pair.by for pair in alignment.pairs} == {
        ("", ""): "root",
        ("enc.conv", "encoder.c"): "weights",
        ("dec", "decoder"): "weights",
        ("enc", "encoder"): "parts",
    }
    assert (alignment.only_in_ref, alignment.only_in_cand) == (("drop",), ())
    assert alignment.orders == {3: (0, 2, 1)}
    assert [pair.a for pair in alignment.pairs] == ["enc.conv", "enc", "dec", ""]


def test_a_name_without_the_weights_is_doubted() -> None:
    other = make_trace([("dec", Y)], weights={"dec": {"weight": make_noise(2, 4, seed=7)}})
    (doubt,) = align_layers(make_trace([("dec", Y)], weights={"dec": WEIGHTS["dec"]}), other).doubts
    assert (doubt.a, doubt.b) == ("dec", "dec")


def test_what_never_ran_is_a_skip() -> None:
    lazy = make_trace([("dec", Y)], weights=WEIGHTS)
    assert [skip.where for skip in align_layers(lazy, lazy).skips] == ["enc.conv", "enc.conv"]


def test_a_map_holds_in_any_case() -> None:
    alignment = align_layers(REF, CAND, {"drop": "encoder"})
    assert alignment.names["drop"] == "encoder"
    with pytest.raises(UsageError, match="no layer of the candidate"):
        align_layers(REF, CAND, {"drop": "nowhere"})


def test_axis_orders_are_learned_from_whole_tensors_alone() -> None:
    pairs = [LayerPair(("dec",), ("decoder",), "weights")]
    assert learn_axis_orders(ModuleTree.of(REF), ModuleTree.of(CAND), pairs) == {3: (0, 2, 1)}
    sketched = make_trace([("decoder", turn(Y))], stored="statistics")
    assert learn_axis_orders(ModuleTree.of(REF), ModuleTree.of(sketched), pairs) == {}


def test_maps_as_lines_and_as_json() -> None:
    assert parse_path_map("a.b = c  # why\n\nd=e") == {"a.b": "c", "d": "e"}
    assert parse_path_map('{"a": "b"}') == {"a": "b"}
    for text in ("a", "=b", '{"a": 1}', "{"):
        with pytest.raises(UsageError):
            parse_path_map(text)


def test_an_encoder_that_owns_a_table_is_not_the_embedding_that_holds_it() -> None:
    table, weight = make_noise(6, 4, seed=7), make_noise(4, 4, seed=8)
    x, y = make_noise(1, 6, 4, seed=9), make_noise(1, 6, 4, seed=10)
    reference = make_trace(
        [(":input", x), ("enc:input", x), ("enc.ff", y), ("enc", y + 1), ("", y + 1)],
        types={"enc": "Encoder"},
        weights={"enc": {"positions": table}, "enc.ff": {"weight": weight}},
    )
    candidate = make_trace(
        [(":input", x), ("pos", x + 2), ("ff", y), ("", y + 1)],
        types={"pos": "Embedding"},
        weights={"pos": {"weight": table}, "ff": {"weight": weight}},
    )
    names = align_layers(reference, candidate).names
    assert names.get("enc") != "pos"
    assert names["enc.ff"] == "ff"
