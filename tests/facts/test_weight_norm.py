"""The names against those that torch's own two implementations give."""

from __future__ import annotations

import pytest

from auscult.facts.weight_norm import (
    get_fused_name,
    is_direction_name,
    is_gain_name,
    list_weight_norm_names,
    parse_weight_norm_name,
)

OLD, NEW = (
    ("x.weight_g", "x.weight_v"),
    tuple(f"x.parametrizations.weight.original{i}" for i in "01"),
)


@pytest.mark.parametrize("names", [OLD, NEW, ("weight_g", "weight_v")])
def test_both_names_of_a_pair_give_the_pair(names: tuple[str, str]) -> None:
    for name in names:
        pair = parse_weight_norm_name(name)
        assert pair is not None
        assert pair.names == names
        assert pair in list_weight_norm_names(pair.weight)
        assert (is_gain_name(name), is_direction_name(name)) == (name == names[0], name == names[1])
        assert get_fused_name(name) in ("x.weight", "weight")


def test_weights_of_other_names_are_known() -> None:
    """Torch can normalise any parameter, such as one of a recurrent layer."""
    assert get_fused_name("lstm.weight_hh_l0_g") == "lstm.weight_hh_l0"
    assert get_fused_name("parametrizations.kernel.original1") == "kernel"


@pytest.mark.parametrize(
    "name",
    [
        "x.weight",
        "x.bias_g",
        "x.weight_u",
        "x.parametrizations.weight.original",
        "x.original0",
        "g",
    ],
)
def test_other_names_are_no_weight_norm(name: str) -> None:
    assert parse_weight_norm_name(name) is None
    assert get_fused_name(name) == name
    assert not is_gain_name(name)
    assert not is_direction_name(name)


@pytest.mark.filterwarnings("ignore:.*weight_norm.*:FutureWarning")
def test_torch_names_its_pairs_so() -> None:
    torch = pytest.importorskip("torch")
    old_layer = torch.nn.utils.weight_norm(torch.nn.Conv1d(3, 4, 5))
    new_layer = torch.nn.utils.parametrizations.weight_norm(torch.nn.Conv1d(3, 4, 5))
    for layer, names in zip((old_layer, new_layer), list_weight_norm_names("weight"), strict=True):
        state = layer.state_dict()
        assert set(state) == {"bias", *names.names}
        assert state[names.gain].shape == (4, 1, 1)
        assert state[names.direction].shape == (4, 3, 5)
