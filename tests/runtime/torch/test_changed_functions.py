"""Functions of torch with other arguments than the code gives them."""

from __future__ import annotations

import torch

from auscult.facts.function_changes import CallChange
from auscult.runtime.torch.changed_functions import ChangedFunctions

X = torch.arange(12.0).reshape(3, 4)


def test_however_the_call_is_written() -> None:
    with ChangedFunctions([CallChange("std", {"correction": 0})]) as mode:
        values = [X.std(-1), torch.std(X, -1, True), X.std(dim=-1, unbiased=True)]
    for value in values:
        assert torch.allclose(value, X.std(-1, unbiased=False))
    assert mode.seen["std"]["correction"] == 1


def test_an_argument_that_is_computed_and_a_function_that_is_left_alone() -> None:
    change = CallChange("mean", computed={"input": lambda x, _: x * 2})
    with ChangedFunctions([change]):
        assert torch.allclose(X.mean(-1), torch.tensor([3.0, 11.0, 19.0]))
        assert torch.allclose(X.var(-1), torch.full((3,), 5 / 3))
