"""What several mistakes have to find out about one place: each search runs once per place, whoever asks first."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TypeVar, cast

from auscult.explain.case import LayerCase

Result = TypeVar("Result")
Search = Callable[[LayerCase, float], Result]


def run_once_per_case(search: Search[Result]) -> Search[Result]:
    """A search that keeps its result on the case (`LayerCase.searched`), until `explain_case` has tried every mistake."""

    @wraps(search)
    def find(case: LayerCase, floor: float) -> Result:
        key = (search.__module__, search.__qualname__, floor)
        if key not in case.searched:
            case.searched[key] = search(case, floor)
        return cast(Result, case.searched[key])

    return find
