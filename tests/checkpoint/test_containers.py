from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from auscult.checkpoint import open_checkpoint
from auscult.checkpoint.containers import ContainerChoice, choose_container
from auscult.checkpoint.contents import Opaque
from auscult.checkpoint.groups import walk_tree
from auscult.errors import CheckpointError
from auscult.weights import Tensor


def t(*shape: int) -> Tensor:
    return Tensor.of("", np.zeros(shape, np.float32))


def chosen(tree: Any, container: str | None = None) -> ContainerChoice:
    return choose_container(walk_tree(tree, "test").root, "test", container)


def names(tree: Any, container: str | None = None) -> list[str]:
    return [name for name, _ in chosen(tree, container).leaves]


STATE = {"conv.weight": t(2, 3), "conv.bias": t(2)}
OTHER = {"conv.weight": t(4, 3), "conv.bias": t(4)}
OPTIMIZER = {
    "state": {0: {"step": t(), "exp_avg": t(2, 3)}},
    "param_groups": [{"lr": 0.1, "params": [0]}],
}

WRAPPED: dict[str, tuple[Any, tuple[str | int, ...], list[str]]] = {
    "flat": (STATE, (), ["conv.weight", "conv.bias"]),
    "generator": ({"generator": STATE}, ("generator",), ["conv.weight", "conv.bias"]),
    "lightning": (
        {"epoch": 3, "state_dict": STATE, "optimizer_states": [OPTIMIZER], "lr_schedulers": [{"best": t()}], "loops": {}},
        ("state_dict",),
        ["conv.weight", "conv.bias"],
    ),
    "twice": ({"model": {"generator": STATE}, "epoch": 1}, ("model", "generator"), ["conv.weight", "conv.bias"]),
    "unknown name": ({"my_net": STATE, "step": 5}, ("my_net",), ["conv.weight", "conv.bias"]),
    "with averages": ({"model": STATE, "model_ema": STATE}, ("model",), ["conv.weight", "conv.bias"]),
    "only averages": ({"ema": STATE, "optimizer": OPTIMIZER}, ("ema",), ["conv.weight", "conv.bias"]),
    "hifi-gan do_": (
        {"mpd": STATE, "msd": OTHER, "optim_g": OPTIMIZER, "optim_d": OPTIMIZER, "steps": 3, "epoch": 0},
        (),
        ["mpd.conv.weight", "mpd.conv.bias", "msd.conv.weight", "msd.conv.bias"],
    ),
    "gan": ({"generator": STATE, "mpd": OTHER, "discriminator": OTHER}, ("generator",), ["conv.weight", "conv.bias"]),
    "pair": ({"net_g": STATE, "net_d": OTHER}, ("net_g",), ["conv.weight", "conv.bias"]),
    "parts": (
        {"model": {"encoder": STATE, "decoder": OTHER}},
        ("model",),
        ["encoder.conv.weight", "encoder.conv.bias", "decoder.conv.weight", "decoder.conv.bias"],
    ),
    "nested tree": (
        {"conv": {"weight": t(2), "bias": t(2)}, "blocks": [{"d": {"weight": t(1)}, "e": {"weight": t(1)}}], "alpha": t(1)},
        (),
        ["alpha", "conv.weight", "conv.bias", "blocks.0.d.weight", "blocks.0.e.weight"],
    ),
    "versions": ({"last": STATE, "best_so_far": STATE}, ("last",), ["conv.weight", "conv.bias"]),
    "list": ([STATE, {"lr": 0.1}], (0,), ["conv.weight", "conv.bias"]),
    "random state": ({"model": STATE, "rng_state": t(100)}, ("model",), ["conv.weight", "conv.bias"]),
    "module": (
        {"model": Opaque("x.Net", {"_parameters": {"a": t(1), "none": None}, "_buffers": {}, "_modules": {"opt": Opaque("x.Y", {
            "_parameters": {"b": t(1)}, "_buffers": {"c": t(1)}, "_modules": {}, "training": True})}})},
        ("model",),
        ["a", "opt.b", "opt.c"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", WRAPPED)
def test_the_model_is_found(name: str) -> None:
    tree, path, expected = WRAPPED[name]
    choice = chosen(tree)
    assert choice.path == path
    assert [leaf for leaf, _ in choice.leaves] == expected
    [taken] = [
        entry
        for entry in choice.containers
        if entry.path == path and entry.kind in ("model", "ema")
    ]
    assert taken.tensors == len(expected)


@pytest.mark.parametrize("name", WRAPPED)
def test_every_tensor_is_in_exactly_one_container(name: str) -> None:
    root = walk_tree(WRAPPED[name][0], "test").root
    choice = choose_container(root, "test")
    assert sum(entry.tensors for entry in choice.containers) == root.tensors
    assert sum(entry.parameters for entry in choice.containers) == root.parameters


def test_optimizers_are_listed_and_not_chosen() -> None:
    listed = {
        entry.path: entry.kind
        for entry in chosen({"model": STATE, "opt": OPTIMIZER, "ema": STATE}).containers
    }
    assert listed == {("model",): "model", ("opt",): "optimizer", ("ema",): "ema"}


@pytest.mark.parametrize("container", ["b.c", '["b"]["c"]', "['b']['c']"])
def test_a_container_can_be_named_by_path_or_label(container: str) -> None:
    tree = {"model": STATE, "b": {"c": OTHER}}
    choice = chosen(tree, container)
    assert choice.path == ("b", "c")
    assert dict(choice.leaves) == OTHER


def test_a_prefix_of_names_counts_as_a_container() -> None:
    tree = {"model_state_dict": {"generator.conv.weight": t(1), "other.bias": t(1)}}
    choice = chosen(tree, "model_state_dict.generator")
    assert choice.path == ("model_state_dict", "generator")
    assert [name for name, _ in choice.leaves] == ["conv.weight"]


def test_the_empty_container_takes_everything() -> None:
    assert names({"model": {"a.b": t(1)}, "opt": {"x": t(1)}}, "") == ["model.a.b", "opt.x"]


def test_an_unknown_container_lists_those_found() -> None:
    with pytest.raises(CheckpointError, match="one of model, ema"):
        chosen({"model": STATE, "ema": STATE}, "modle")


def test_scalars_beside_the_container_become_metadata() -> None:
    choice = chosen(
        {
            "model": STATE,
            "epoch": 3,
            "config": {"lr": 0.1, "name": "x" * 1000},
            "optimizer": {"lr": 1, "s": t(1)},
        }
    )
    assert choice.scalars["epoch"] == "3"
    assert choice.scalars["config.lr"] == "0.1"
    assert len(choice.scalars["config.name"]) == 200
    assert "optimizer.lr" not in choice.scalars


def test_one_state_dict_under_two_keys_is_listed_under_both() -> None:
    assert {entry.path for entry in chosen({"model": STATE, "ema": STATE}).containers} == {
        ("model",),
        ("ema",),
    }


def test_two_tensors_of_one_name_are_not_lost_in_silence(tmp_path: Path) -> None:
    torch.save({1: torch.ones(1), "1": torch.ones(2), "a.b": torch.ones(3)}, tmp_path / "m.pth")
    checkpoint = open_checkpoint(tmp_path / "m.pth")
    assert {name: tensor.shape for name, tensor in checkpoint.items()} == {"1": (1,), "a.b": (3,)}
    assert [(skip.where, skip.reason) for skip in checkpoint.skips] == [
        ("1", "a second tensor of this name")
    ]
