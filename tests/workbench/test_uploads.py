"""Names of dropped files."""

from __future__ import annotations

import pytest

from auscult.workbench.uploads import MAX_NAME, clean_name


@pytest.mark.parametrize(
    ("name", "cleaned"),
    [
        ("take 1.wav", "take 1.wav"),
        ("grüße-音.flac", "grüße-音.flac"),
        ("../../etc/passwd", "passwd"),
        ("C:\\models\\gen.pth", "gen.pth"),
        ("<img src=x onerror=alert(1)>.wav", "_img src=x onerror=alert(1)_.wav"),
        ("a\0b\n.wav", "a_b_.wav"),
        ("fac\u202evaw.exe", "fac_vaw.exe"),
        ("..", "unnamed"),
        ("", "unnamed"),
        ("model.py:build", "model.py_build"),
    ],
)
def test_only_the_last_part_without_traps_is_kept(name: str, cleaned: str) -> None:
    assert clean_name(name) == cleaned


def test_a_long_name_keeps_its_suffix() -> None:
    cleaned = clean_name("x" * 500 + ".safetensors")
    assert len(cleaned) == MAX_NAME
    assert cleaned.endswith("x.safetensors")
