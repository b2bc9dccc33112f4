"""Errors that say what went wrong, where, what was expected against what was found, and what to do next."""

from __future__ import annotations


class AuscultError(Exception):
    """Base of every error that auscult raises on purpose; the CLI prints it as one line and exits with 2.

    Args:
        what: What went wrong, as a short sentence without a full stop.
        where: The file, tensor, layer or argument at which it happened.
        expected: What would have been right.
        found: What was there instead.
        hint: What to do next.
    """

    def __init__(
        self,
        what: str,
        *,
        where: str | None = None,
        expected: object = None,
        found: object = None,
        hint: str | None = None,
    ) -> None:
        self.what = what
        self.where = where
        self.expected = expected
        self.found = found
        self.hint = hint
        super().__init__(self._format_line())

    def _format_line(self) -> str:
        line = f"{self.where}: {self.what}" if self.where else self.what
        if self.expected is not None:
            line += f" (expected {self.expected}, found {self.found})"
        elif self.found is not None:
            line += f" (found {self.found})"
        if self.hint:
            line += f"; {self.hint}"
        return escape_unprintable(" ".join(line.split()))


def escape_unprintable(text: str) -> str:
    """`text` with control characters and lone surrogates escaped: names in damaged or hostile files must not drive a terminal."""
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode("ascii")
        for char in text
    )


class CheckpointError(AuscultError):
    """A file that cannot be read as a checkpoint: truncated, damaged, hostile, or of an unknown format."""


class RecipeError(AuscultError):
    """A recipe that does not fit its input, cannot be inverted, or did not survive its round trip."""


class TargetError(AuscultError):
    """Code given as a TARGET that cannot be imported, called, or understood as a module."""


class TraceError(AuscultError):
    """A trace that is damaged, or that lacks what is asked of it."""


class AudioError(AuscultError):
    """A sound file or array that cannot be used as a recording."""


class UsageError(AuscultError):
    """Arguments that do not fit together."""
