"""A call of a library's function that a port writes otherwise: another argument, or another tensor handed to it.

Mistakes say here what they would try; a runtime that can run the reference's code with such a change does so (`CodeRerun`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from auscult.weights import Array

ArgumentChange = Callable[[Any, Mapping[str, Any]], Any]
"""Makes the new value of an argument from the old one (tensors as arrays) and all arguments by name."""

CalledFunctions = Mapping[str, Mapping[str, object]]
"""By the name of a function, the arguments of its first call that are no tensors."""


@dataclass(frozen=True)
class CallChange:
    """Other arguments for each call of one function.

    Attributes:
        function: torch's name of it: `stft`, `interpolate`, `std`.
        arguments: New values by argument name.
        computed: Arguments whose new value is made from the old one.
    """

    function: str
    arguments: Mapping[str, object] = field(default_factory=dict)
    computed: Mapping[str, ArgumentChange] = field(default_factory=dict)


class CodeRerun(Protocol):
    """The reference's own code at a place, run once more."""

    def read_functions(self) -> CalledFunctions:
        """Functions that the code calls and whose arguments can be changed; none where the code, run again as it is, does
        not give the reference's tensor.
        """

    def run(
        self,
        changes: Sequence[CallChange] = (),
        attributes: Mapping[str, object] | None = None,
    ) -> Array | None:
        """The tensor at the place under these changes, and with these attributes of the module; None where it cannot run so."""
