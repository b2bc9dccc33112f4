"""How text looks: colour as the few ANSI codes we need (rich would cost 60 ms to say `red`), and the width of the terminal."""

from __future__ import annotations

from textwrap import wrap

_ANSI_CODES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}
ELLIPSIS = " …"


class Style:
    """`style(text, "red", "bold")`.

    Attributes:
        width: Letters in a line of the terminal; None where lines are not wrapped, as in a pipe.
    """

    def __init__(self, *, color: bool, width: int | None = None) -> None:
        self._color = color
        self.width = width

    def __call__(self, text: str, *styles: str) -> str:
        if not self._color or not text:
            return text
        return f"\x1b[{';'.join(_ANSI_CODES[style] for style in styles)}m{text}\x1b[0m"

    def wrap_text(self, text: str, indent: int, max_rows: int | None = None) -> list[str]:
        """The text in rows as wide as the terminal; in a pipe as one row.

        Args:
            indent: Spaces before every row but the first.
            max_rows: What goes beyond ends in an ellipsis.
        """
        if self.width is None or len(text) <= self.width:
            return [text]
        return wrap(
            text,
            max(self.width, indent + 20),
            subsequent_indent=" " * indent,
            max_lines=max_rows,
            placeholder=ELLIPSIS,
            break_on_hyphens=False,
        )
