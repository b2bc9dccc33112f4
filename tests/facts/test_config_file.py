"""Config files of models as names with values."""

from __future__ import annotations

from pathlib import Path

import pytest

from auscult.errors import UsageError
from auscult.facts.config_file import iter_leaves, load_config_file


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_json_and_yaml(tmp_path: Path) -> None:
    pytest.importorskip("yaml")
    for name, text in (("a.json", '{"audio": {"sr": 24000}}'), ("a.yml", "audio: {sr: 24000}")):
        assert load_config_file(write(tmp_path / name, text)) == {"audio": {"sr": 24000}}


def test_a_tag_that_names_code_makes_nothing(tmp_path: Path) -> None:
    pytest.importorskip("yaml")
    text = "generator: !new:package.Generator\n  channels: 80\nrates: !apply:sum [1, 2]\nname: !name:package.f a"
    assert load_config_file(write(tmp_path / "hyperparams.yaml", text)) == {
        "generator": {"channels": 80},
        "rates": [1, 2],
        "name": "a",
    }


def test_leaves_of_outer_levels_come_first() -> None:
    nested = {"model": {"sr": 16000, "hop": 256}, "sr": 24000}
    assert list(iter_leaves(nested)) == [("sr", 24000), ("sr", 16000), ("hop", 256)]


@pytest.mark.parametrize("text", ["{", "[1, 2]", ""])
def test_what_is_no_config_is_an_error(tmp_path: Path, text: str) -> None:
    with pytest.raises(UsageError, match=r"config|settings"):
        load_config_file(write(tmp_path / "config.json", text))


def test_an_absent_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read as a config"):
        load_config_file(tmp_path / "absent.json")
