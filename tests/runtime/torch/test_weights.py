"""What a torch module owns, with the weights that weight norm makes."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch
from torch import nn

from auscult.errors import UsageError
from auscult.runtime.torch.weights import collect_own_arrays, set_own_array


def test_parameters_and_buffers_of_the_module_itself() -> None:
    names = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
    assert set(collect_own_arrays(nn.BatchNorm1d(3))) == set(names)
    assert collect_own_arrays(nn.Sequential(nn.Linear(2, 2))) == {}


def test_the_fused_weight_of_both_forms_of_weight_norm() -> None:
    layer, older = nn.Linear(4, 3), nn.Linear(4, 3)
    plain = layer.weight.detach().numpy().copy()
    new = collect_own_arrays(nn.utils.parametrizations.weight_norm(layer))
    assert np.allclose(new["weight"], plain, atol=1e-6)
    assert any(name.startswith("parametrizations.weight") for name in new)
    with torch.no_grad():
        older.weight.copy_(torch.from_numpy(plain))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        old = collect_own_arrays(nn.utils.weight_norm(older))
    assert np.allclose(old["weight"], plain, atol=1e-6)
    assert {"weight_g", "weight_v"} <= set(old)


def test_other_values_of_weights_under_both_forms_of_weight_norm() -> None:
    wanted = np.random.default_rng(0).normal(size=(3, 4)).astype(np.float32)
    plain, layer, older = nn.Linear(4, 3), nn.Linear(4, 3), nn.Linear(4, 3)
    nn.utils.parametrizations.weight_norm(layer)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        nn.utils.weight_norm(older)
    for module in (plain, layer, older):
        set_own_array(module, "weight", wanted)
        module(torch.zeros(1, 4))  # the older form makes the weight when it runs
        assert np.allclose(collect_own_arrays(module)["weight"], wanted, atol=1e-6)
    with pytest.raises(UsageError, match="has no such weight"):
        set_own_array(plain, "gain", wanted)
