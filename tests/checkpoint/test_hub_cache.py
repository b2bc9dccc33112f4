"""A folder of the hub's cache, with links into its blobs, is the model of its snapshot."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from auscult.checkpoint import open_checkpoint
from auscult.errors import CheckpointError
from auscult.verbs.diff.diff import diff
from auscult.verdict import Verdict
from tests.rules.models import filled

COMMIT, OLD_COMMIT = "a" * 40, "b" * 40


def make_cache(folder: Path, *commits: str, ref: str | None = COMMIT) -> Path:
    cache = folder / "models--someone--voice"
    (cache / "blobs").mkdir(parents=True)
    for seed, commit in enumerate(commits):
        snapshot = cache / "snapshots" / commit
        snapshot.mkdir(parents=True)
        save_file(filled({"conv.weight": (8, 4, 3)}, seed), cache / "blobs" / f"blob{seed}")
        (snapshot / "model.safetensors").symlink_to(cache / "blobs" / f"blob{seed}")
        (snapshot / "config.json").write_text("{}")
    if ref is not None:
        (cache / "refs").mkdir()
        (cache / "refs" / "main").write_text(ref)
    return cache


def test_the_snapshot_of_the_main_branch(tmp_path: Path) -> None:
    cache = make_cache(tmp_path, COMMIT, OLD_COMMIT)
    values = open_checkpoint(cache)["conv.weight"].numpy()
    assert np.array_equal(values, filled({"conv.weight": (8, 4, 3)})["conv.weight"])
    plain_folder = str(cache / "snapshots" / COMMIT)
    assert diff(str(cache), plain_folder).verdict is Verdict.PASS


def test_the_only_snapshot(tmp_path: Path) -> None:
    assert len(open_checkpoint(make_cache(tmp_path, COMMIT, ref=None))) == 1


def test_several_snapshots_without_a_ref(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="several snapshots"):
        open_checkpoint(make_cache(tmp_path, COMMIT, OLD_COMMIT, ref=None))


def test_no_snapshot(tmp_path: Path) -> None:
    cache = make_cache(tmp_path)
    (cache / "snapshots").mkdir()
    with pytest.raises(CheckpointError, match="without a snapshot"):
        open_checkpoint(cache)


def test_a_cache_of_one_model_is_that_model(tmp_path: Path) -> None:
    cache = make_cache(tmp_path, COMMIT)
    (tmp_path / "version.txt").write_text("1")
    assert diff(str(tmp_path), str(cache)).verdict is Verdict.PASS


def test_a_cache_of_several_models_lists_them(tmp_path: Path) -> None:
    make_cache(tmp_path, COMMIT)
    (tmp_path / "models--org--music" / "snapshots").mkdir(parents=True)
    (tmp_path / "models--org--music" / "refs").mkdir()
    with pytest.raises(CheckpointError, match="cache of several models") as caught:
        open_checkpoint(tmp_path)
    assert "models--org--music, models--someone--voice" in str(caught.value)
    assert f"such as {tmp_path}/models--org--music" in str(caught.value)


def test_weights_beside_a_cached_model_go_first(tmp_path: Path) -> None:
    make_cache(tmp_path, COMMIT)
    save_file(filled({"own.weight": (8, 4, 3)}), tmp_path / "model.safetensors")
    assert list(open_checkpoint(tmp_path)) == ["own.weight"]
