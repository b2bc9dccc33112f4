"""Norms by class and attributes, every convention, and a batch norm undone."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from auscult.explain.algebra.norms import (
    NormConvention,
    apply_written_norm,
    invert_batch_norm,
    iter_norm_conventions,
    norm_from_module,
)
from auscult.weights import Array, ModuleInfo
from tests.hand_made import make_noise

X = make_noise(2, 6, 9).astype(np.float64)


def read_weights(module: nn.Module) -> dict[str, Array]:
    return {name: tensor.numpy() for name, tensor in module.state_dict().items()}


def fill(module: nn.Module) -> nn.Module:
    torch.manual_seed(0)
    with torch.no_grad():
        for tensor in module.state_dict().values():
            if tensor.is_floating_point():
                tensor.uniform_(0.5, 1.5)
    return module.double().eval()


@pytest.mark.parametrize(
    ("module", "attributes"),
    [
        (nn.GroupNorm(3, 6), {"num_groups": 3, "eps": 1e-5}),
        (nn.BatchNorm1d(6, eps=1e-3), {"eps": 1e-3}),
        (nn.InstanceNorm1d(6, affine=True), {"eps": 1e-5}),
    ],
)
def test_what_torch_computes(module: nn.Module, attributes: dict[str, float]) -> None:
    fill(module)
    info = ModuleInfo("norm", type(module).__name__, attributes)
    y = apply_written_norm(info, read_weights(module), X)
    assert y is not None
    np.testing.assert_allclose(y, module(torch.tensor(X)).detach().numpy(), atol=1e-10)


def test_a_layer_norm_lies_over_the_axis_that_its_weights_fit() -> None:
    last = X.transpose(0, 2, 1)
    layer = fill(nn.LayerNorm(6))
    weights, expected = read_weights(layer), layer(torch.tensor(last)).detach().numpy()
    info = ModuleInfo("norm", "LayerNorm", {"eps": 1e-5})
    for x, y in ((last, expected), (X, expected.transpose(0, 2, 1))):
        found = apply_written_norm(info, weights, x)
        assert found is not None
        np.testing.assert_allclose(found, y, atol=1e-10)


def test_other_classes_are_no_norm() -> None:
    assert norm_from_module(ModuleInfo("a", "Conv1d"), {}, X) is None
    assert apply_written_norm(ModuleInfo("a", "Conv1d"), {}, X) is None


def test_a_batch_norm_undone() -> None:
    module = fill(nn.BatchNorm1d(6))
    info, weights = ModuleInfo("n", "BatchNorm1d", {"eps": 1e-5}), read_weights(module)
    y = module(torch.tensor(X)).detach().numpy()
    undone = invert_batch_norm(info, weights, y)
    assert undone is not None
    np.testing.assert_allclose(undone, X, atol=1e-9)
    hidden = {**weights, "weight": np.zeros(6)}
    assert invert_batch_norm(info, hidden, y) is None
    assert invert_batch_norm(ModuleInfo("n", "LayerNorm"), weights, y) is None


def test_conventions_that_do_not_fit_give_nothing() -> None:
    assert NormConvention("group", 1, groups=4)(X, {}) is None
    assert NormConvention("batch", 1)(X, {}) is None
    assert NormConvention("instance", 1)(X[:, :, 0], {}) is None
    assert NormConvention("layer", 1)(X, {"weight": np.ones(5)}) is None


def test_conventions_by_their_formula() -> None:
    mean, variance = X.mean(1, keepdims=True), X.var(1, keepdims=True)
    formulas = {
        NormConvention("layer", 1, outside=True): (X - mean) / (np.sqrt(variance) + 1e-5),
        NormConvention("unit", 1, eps=0.0): X / np.linalg.norm(X, axis=1, keepdims=True),
        NormConvention("layer", 1, eps=0.0, ddof=1): (X - mean) / X.std(1, ddof=1, keepdims=True),
    }
    for norm, expected in formulas.items():
        y = norm(X, {})
        assert y is not None
        np.testing.assert_allclose(y, expected)


def test_all_conventions_are_different_and_can_be_applied() -> None:
    conventions = list(iter_norm_conventions(X, (2, 3)))
    assert len(conventions) == len(set(conventions)) > 40
    weights = {"running_mean": np.zeros(6), "running_var": np.ones(6)}
    applied = [norm(X, weights) for norm in conventions if norm.axis == 1]
    assert all(y is not None and y.shape == X.shape for y in applied)
