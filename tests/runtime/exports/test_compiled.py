"""A compiled module is made and called lazily."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("torch")

from auscult.runtime.exports import SealedModule, compiled
from tests.runtime.exports.exported_network import MEL, assert_same_output, make_network


@pytest.mark.slow  # imports the compiler
def test_a_compiled_module_has_no_parts(tmp_path: Path) -> None:
    sealed = compiled.make_export(make_network(), [MEL], {}, tmp_path)
    assert isinstance(sealed, SealedModule)
    assert list(sealed.children()) == []


@pytest.mark.slow
def test_a_compiled_module(tmp_path: Path) -> None:
    assert_same_output(compiled, tmp_path)
