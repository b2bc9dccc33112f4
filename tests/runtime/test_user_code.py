"""What the user's code raises becomes one line; attributes are set back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any

import pytest

from auscult.errors import TargetError, UsageError
from auscult.runtime.user_code import call_user_code, change_attributes


def raise_error(error: Exception) -> Callable[[], None]:
    def function() -> None:
        raise error

    return function


def test_what_users_code_raises_is_one_line() -> None:
    with pytest.raises(TargetError, match="raised ValueError: two lines"):
        call_user_code(raise_error(ValueError("two\nlines")), "model", (), {})
    with pytest.raises(UsageError, match="ours"):
        call_user_code(raise_error(UsageError("ours", where="here")), "model", (), {})


def test_attributes_are_set_back_also_after_an_error() -> None:
    inner = SimpleNamespace(eps=1e-5)
    module = SimpleNamespace(norms=[inner], rate=1)
    changes: Mapping[str, Any] = {"norms.0.eps": 1e-3, "rate": 2}
    with change_attributes(module, changes):
        assert (inner.eps, module.rate) == (1e-3, 2)
    with pytest.raises(KeyError), change_attributes(module, changes):
        raise KeyError
    assert (inner.eps, module.rate) == (1e-5, 1)
    with pytest.raises(UsageError, match="no such attribute"), change_attributes(module, {"a": 1}):
        pass
