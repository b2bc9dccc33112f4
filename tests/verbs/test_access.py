"""What a server may reach."""

from __future__ import annotations

from pathlib import Path

import pytest

from auscult.errors import UsageError
from auscult.verbs.access import Access


@pytest.fixture
def access(tmp_path: Path) -> Access:
    for name in ("inside", "outside"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "model.npz").write_bytes(b"")
    (tmp_path / "inside" / "link.npz").symlink_to(tmp_path / "outside" / "model.npz")
    return Access.below([tmp_path / "inside"])


def test_files_below_a_root_are_reached_by_either_kind_of_path(
    access: Access, tmp_path: Path
) -> None:
    file = str(tmp_path / "inside" / "model.npz")
    assert access.resolve_file("model.npz") == access.resolve_file(file) == file


@pytest.mark.parametrize("path", ["../outside/model.npz", "/etc/hostname", "link.npz"])
def test_what_leads_out_is_refused(access: Access, path: str) -> None:
    with pytest.raises(UsageError, match="outside the folders"):
        access.resolve_file(path)


def test_code_is_run_only_where_that_is_allowed(access: Access, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="does not run"):
        access.resolve_target("model.py:build")
    allowed = Access(access.roots, is_code_allowed=True)
    assert allowed.resolve_target("model.py:build") == f"{tmp_path / 'inside' / 'model.py'}:build"
    assert allowed.resolve_target("package.module:build") == "package.module:build"
    with pytest.raises(UsageError, match="outside the folders"):
        allowed.resolve_target("../outside/model.py:build")


def test_a_root_is_a_folder(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no folder"):
        Access.below([tmp_path / "gone"])
