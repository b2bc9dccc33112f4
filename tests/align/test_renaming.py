from __future__ import annotations

from auscult.align.renaming import Renaming


def predicted(pairs: list[tuple[str, str]], name: str) -> list[str]:
    return list(dict.fromkeys(Renaming.of(pairs).predict_names(name)))


def test_a_prefix() -> None:
    pairs = [
        ("generator.ups.0.weight", "ups.0.weight"),
        ("generator.conv_pre.weight", "conv_pre.weight"),
    ]
    assert predicted(pairs, "generator.conv_post.bias") == ["conv_post.bias"]


def test_an_added_prefix() -> None:
    pairs = [("a.weight", "model.a.weight"), ("b.0.weight", "model.b.0.weight")]
    assert predicted(pairs, "c.bias") == ["model.c.bias"]


def test_an_index_moves_into_the_word() -> None:
    pairs = [(f"encoders.{i}.norm.weight", f"encoders_{i}.norm.weight") for i in range(3)]
    assert predicted(pairs, "encoders.7.ff.bias")[0] == "encoders_7.ff.bias"


def test_an_index_counts_from_one() -> None:
    pairs = [
        (f"x.block{i}.tdnnd{j}.w", f"x.blocks.{i - 1}.layers.{j - 1}.w")
        for i in (1, 2)
        for j in (1, 2, 3)
    ]
    assert predicted(pairs, "x.block3.tdnnd9.b")[0] == "x.blocks.2.layers.8.b"


def test_every_second_index() -> None:
    pairs = [(f"condnet.{2 * i}.weight", f"condnet.{i}.weight") for i in range(1, 4)]
    assert predicted(pairs, "condnet.8.bias")[0] == "condnet.4.bias"


def test_one_form_two_meanings_goes_by_the_index_that_tells_them_apart() -> None:
    pairs = [(f"m.{i}.block.0.weight", f"m_{i}.conv.weight") for i in range(3)]
    pairs += [(f"m.{i}.block.2.weight", f"m_{i}.norm.weight") for i in range(5)]
    assert predicted(pairs, "m.9.block.0.bias")[0] == "m_9.conv.bias"
    assert predicted(pairs, "m.9.block.2.bias")[0] == "m_9.norm.bias"


def test_a_word_is_replaced_wherever_it_stands() -> None:
    pairs = [("a.0.attn.to_q.weight", "a.0.attn.query_proj.weight")]
    assert predicted(pairs, "z.3.attn.to_q.bias") == ["z.3.attn.query_proj.bias"]
    assert predicted(pairs, "z.to_out.bias") == []


def test_equal_names_predict_themselves() -> None:
    pairs = [("a.weight", "a.weight"), ("b.0.weight", "b.0.weight")]
    assert predicted(pairs, "c.9.weight") == ["c.9.weight"]


def test_nothing_learnt_predicts_nothing() -> None:
    assert predicted([], "a.weight") == []


def test_braces_and_empty_parts_in_names_do_no_harm() -> None:
    pairs = [("{x}.0.w", "y.0.w"), ("..w", ".w"), ("", "z")]
    assert predicted(pairs, "{x}.1.b") is not None
    assert predicted(pairs, "{0.}") is not None
