"""Addresses of models in the local cache of huggingface_hub."""

from __future__ import annotations

from pathlib import Path

import pytest

from auscult.errors import UsageError
from auscult.facts.hub_address import resolve_address


@pytest.fixture
def snapshot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model of two files whose `main` is commit abc123, and a second commit."""
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    model = tmp_path / "models--org--name"
    (model / "refs").mkdir(parents=True)
    (model / "refs" / "main").write_text("abc123\n")
    for commit in ("abc123", "def456"):
        (model / "snapshots" / commit / "sub").mkdir(parents=True)
        (model / "snapshots" / commit / "sub" / "model.safetensors").write_bytes(b"")
    return model / "snapshots" / "abc123"


def test_addresses_name_a_snapshot_and_its_files(snapshot: Path) -> None:
    other = snapshot.parent / "def456"
    assert resolve_address("hf://org/name") == str(snapshot)
    assert resolve_address("hf://org/name/sub/model.safetensors") == str(
        snapshot / "sub" / "model.safetensors"
    )
    assert resolve_address("hf://org/name@def456") == str(other)
    assert resolve_address("hf://org/name@def/sub") == str(other / "sub")


def test_other_words_stay(snapshot: Path) -> None:
    assert resolve_address("model.safetensors") == "model.safetensors"


@pytest.mark.parametrize(
    ("address", "command"),
    [
        ("hf://org/other", "hf download org/other"),
        ("hf://org/name/config.json", "hf download org/name config.json"),
        ("hf://org/name@v2/config.json", "hf download org/name config.json --revision v2"),
        ("hf://org/name/../../../etc/passwd", "hf download org/name"),
    ],
)
@pytest.mark.usefixtures("snapshot")
def test_what_is_not_in_the_cache_names_the_download(address: str, command: str) -> None:
    with pytest.raises(UsageError, match="not in the local cache") as caught:
        resolve_address(address)
    assert command in str(caught.value)


@pytest.mark.parametrize("address", ["hf://org", "hf://", "hf://org/"])
def test_an_address_needs_owner_and_name(address: str) -> None:
    with pytest.raises(UsageError, match="no address of a model"):
        resolve_address(address)
