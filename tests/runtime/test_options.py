"""Which modules a capture records."""

from __future__ import annotations

import pytest

from auscult.runtime.options import CaptureOptions


@pytest.mark.parametrize(
    ("include", "exclude", "recorded"),
    [
        ((), (), ["", "decoder", "decoder.ups.0", "head"]),
        (("decoder*",), (), ["decoder", "decoder.ups.0"]),
        (("decoder.*", "head"), (), ["decoder.ups.0", "head"]),
        ((), ("*.ups.*",), ["", "decoder", "head"]),
        (("decoder*",), ("decoder",), ["decoder.ups.0"]),
    ],
)
def test_patterns(include: tuple[str, ...], exclude: tuple[str, ...], recorded: list[str]) -> None:
    options = CaptureOptions(include=include, exclude=exclude)
    paths = ("", "decoder", "decoder.ups.0", "head")
    assert [path for path in paths if options.is_included(path)] == recorded
    assert [path for path in paths if options.is_included(path)] == recorded  # from memory
