"""Open the `tokenizer.json` that a text model was released with."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from auscult.errors import CheckpointError, UsageError
from auscult.facts.install import format_install_command

if TYPE_CHECKING:
    from tokenizers import Tokenizer


def open_tokenizer(path: Path) -> Tokenizer:
    """The tokenizer in that file.

    Raises:
        CheckpointError: If the file is damaged.
        UsageError: If the tokenizers package is not installed.
    """
    try:
        from tokenizers import Tokenizer
    except ImportError as error:
        raise UsageError(
            "reading a text needs the tokenizers package", hint=format_install_command("run")
        ) from error
    try:
        return Tokenizer.from_file(str(path))
    except Exception as error:  # the package raises no narrower one for a file that it cannot read
        raise CheckpointError(
            "is no tokenizer", where=str(path), found=" ".join(str(error).split())[:200]
        ) from error
