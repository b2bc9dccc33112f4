"""The mistakes that a port makes in its computation: one file per cause, found by its folder and named by its code.

A file such as `par032_dilation.py` holds all that is particular to one mistake: the module docstring, which is its page, the
names `CODE`, `NAME` and `RANK`, and `explain(case, floor)`, the test of it, or `explain_by_rerun(case, floor)`. Further names are optional; `Mistake` lists each
with its meaning and its default. What several mistakes have to find out about a place lies in `auscult.explain.searches`.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from functools import cache
from inspect import cleandoc
from types import ModuleType
from typing import TYPE_CHECKING, Any

from auscult.errors import AuscultError
from auscult.finding import Severity

if TYPE_CHECKING:
    from auscult.explain.case import Explanation, LayerCase

    Explain = Callable[[LayerCase, float], Iterable[Explanation]]

MISTAKE_FILE = re.compile(r"(?P<code>par\d{3})_\w+")
"""Name of a module that holds a mistake."""


class UnknownCauseError(AuscultError):
    """An explanation names a cause that no file of this folder declares: a fault in auscult itself."""


@dataclass(frozen=True)
class Mistake:
    """What a mistake's module declares; a field is the module's name in capital letters, but for `explain`.

    Attributes:
        code: `CODE`, such as `PAR032`; never reused.
        name: `NAME`, the cause that its explanations carry, such as `dilation`.
        rank: `RANK`: findings of a report stand in this order, the lowest first.
        page: The module's docstring.
        severity: `SEVERITY` of its findings: an error, or only a note where both sides may be right.
        explain: Yields explanations of a place, each with `NAME` as its cause. None for a cause that is never tried on a
            place, only found elsewhere.
        explain_by_rerun: The same by running the reference's own code again, changed (`LayerCase.rerun`); tried where nothing
            else reproduces the place, since a run may take long.
        searches: `SEARCHES`: the modules of `auscult.explain.searches` that its test asks. Mistakes that share one are
            tried together, so that a place names every mistake that it cannot tell apart.
        found_by: `FOUND_BY`: files outside this package, from `src/auscult`, that make explanations or findings with this
            cause.
        explains_non_finite: `EXPLAINS_NON_FINITE`: whether its test is made for values that are NaN or infinite where the
            reference has numbers. No other is tried on such a place.
    """

    code: str
    name: str
    rank: int
    page: str
    severity: Severity = Severity.ERROR
    explain: Explain | None = None
    explain_by_rerun: Explain | None = None
    searches: tuple[str, ...] = ()
    found_by: tuple[str, ...] = ()
    explains_non_finite: bool = False

    @property
    def summary(self) -> str:
        """The first line of the page."""
        return self.page.split("\n", 1)[0]


@cache
def mistake_files() -> Mapping[str, str]:
    """Dotted module name of every mistake by its code, from file names alone: nothing is imported."""
    names = sorted(info.name for info in pkgutil.iter_modules(__path__))
    matches = ((name, MISTAKE_FILE.fullmatch(name)) for name in names)
    return {match["code"].upper(): f"{__name__}.{name}" for name, match in matches if match}


def read_mistake(module: ModuleType) -> Mistake:
    """The mistake that a module declares, with the defaults for what it leaves out."""
    declared: dict[str, Any] = {"page": cleandoc(module.__doc__ or "")}
    for known in fields(Mistake):
        if known.name.startswith("explain") and known.name != "explains_non_finite":
            spelling = known.name
        else:
            spelling = known.name.upper()
        if hasattr(module, spelling):
            declared[known.name] = getattr(module, spelling)
    return Mistake(**declared)


@cache
def load_mistake(code: str) -> Mistake:
    """The mistake of that code; of the mistakes, only its own module is imported."""
    return read_mistake(importlib.import_module(mistake_files()[code]))


def iter_mistakes() -> Iterator[Mistake]:
    """All mistakes in the order of their codes."""
    for code in mistake_files():
        yield load_mistake(code)


@cache
def index_mistakes_by_name() -> Mapping[str, Mistake]:
    """All mistakes by the cause that they name.

    Raises:
        UnknownCauseError: If two files declare one name.
    """
    mistakes: dict[str, Mistake] = {}
    for mistake in iter_mistakes():
        if mistake.name in mistakes:
            raise UnknownCauseError(
                f"two mistakes are called `{mistake.name}`",
                where=mistake_files()[mistake.code],
                hint=f"{mistakes[mistake.name].code} has that name already",
            )
        mistakes[mistake.name] = mistake
    return mistakes


def find_mistake(cause: str, found_by: str) -> Mistake:
    """The mistake of that name.

    Args:
        found_by: Who explained a place by that cause, for the message.

    Raises:
        UnknownCauseError: If no file declares it.
    """
    mistake = index_mistakes_by_name().get(cause)
    if mistake is None:
        raise UnknownCauseError(
            f"internal error: a place was explained by `{cause}`, and no mistake has that name",
            where=found_by,
            hint="add a file with that NAME to src/auscult/explain/mistakes/",
        )
    return mistake
