"""Catch the codes that a quantizer chooses, whatever its interface: the argmin, argmax, min or max
over a codebook.

Return values differ from package to package; the choice of the nearest code does not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from auscult.preflight_checks.measures.codebooks import Codebook

_CHOOSING_FUNCTIONS = frozenset(("argmin", "argmax", "min", "max"))


@dataclass
class ChosenCodes:
    """Codes that were chosen during one call of the model.

    Attributes:
        codes: Of any shape, integers.
        latents: What was coded, [..., dim], where the call that chose shows it.
    """

    codes: Tensor
    size: int
    latents: Tensor | None = None


@dataclass
class _BookCall:
    name: str
    latents: Tensor | None
    chosen: ChosenCodes | None = None


class CodeWatch(TorchFunctionMode):
    """While it is entered, notes every choice of a code inside `module`; `take` hands over what
    came since the last time.

    Args:
        module: The quantizer, or a model that holds one.
        books: Its codebooks (`find_codebooks(module)`).
    """

    def __init__(self, module: nn.Module, books: Sequence[Codebook]) -> None:
        super().__init__()
        self._sizes = frozenset(book.size for book in books)
        self._names = [book.name for book in books]
        self._owners = _find_callers(module, books)
        self._stack: list[_BookCall] = []
        self._calls: list[_BookCall] = []
        self._unowned_choices: list[ChosenCodes] = []
        self._hooks = ExitStack()

    def __enter__(self) -> CodeWatch:
        for name, module in self._owners.items():
            before = module.register_forward_pre_hook(self._make_open_hook(name), with_kwargs=True)
            after = module.register_forward_hook(self._make_close_hook(), always_call=True)
            self._hooks.callback(before.remove)
            self._hooks.callback(after.remove)
        super().__enter__()
        return self

    def __exit__(self, *raised: object) -> None:
        super().__exit__(*raised)
        self._hooks.close()

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        if (
            getattr(func, "__name__", "") in _CHOOSING_FUNCTIONS
            and args
            and isinstance(args[0], Tensor)
        ):
            self._note(args[0], result)
        return result

    def _note(self, scores: Tensor, result: Any) -> None:
        codes = result if isinstance(result, Tensor) else getattr(result, "indices", None)
        if (
            not isinstance(codes, Tensor)
            or codes.is_floating_point()
            or not scores.is_floating_point()
            or codes.ndim >= scores.ndim
        ):
            return
        if codes.numel() == 0:
            return
        size = scores.numel() // codes.numel()
        if size not in self._sizes:
            return
        chosen = ChosenCodes(codes.detach(), size)
        if self._stack:
            chosen.latents = self._stack[-1].latents
            self._stack[
                -1
            ].chosen = chosen  # the last choice of a call counts: k-means before it chooses too
        else:
            self._unowned_choices.append(chosen)

    def _make_open_hook(self, name: str) -> Callable[..., None]:
        def open_call(_module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            first_tensor = next(
                (value for value in (*args, *kwargs.values()) if isinstance(value, Tensor)), None
            )
            self._stack.append(
                _BookCall(
                    name,
                    (
                        None
                        if first_tensor is None or not first_tensor.is_floating_point()
                        else first_tensor.detach()
                    ),
                )
            )

        return open_call

    def _make_close_hook(self) -> Callable[..., None]:
        def close_call(_module: nn.Module, _args: Any, _result: Any) -> None:
            if self._stack:
                call = self._stack.pop()
                if call.chosen is not None:
                    self._calls.append(call)

        return close_call

    def take(self) -> dict[str, ChosenCodes]:
        """Codebook name to its codes since the last time; a book that was not used (quantizer
        dropout) is absent.
        """
        codes_by_book: dict[str, ChosenCodes] = {}
        for call in self._calls:
            if call.chosen is not None:
                codes_by_book[call.name] = _join_codes(codes_by_book.get(call.name), call.chosen)
        if (
            not codes_by_book
        ):  # a quantizer without a module for each book chooses in the order of its books
            codes_by_book = dict(zip(self._names, self._unowned_choices, strict=False))
        self._calls, self._unowned_choices = [], []
        return codes_by_book


def _join_codes(first: ChosenCodes | None, second: ChosenCodes) -> ChosenCodes:
    """Several calls of one book in one step (a batch in parts) as one."""
    if first is None or first.size != second.size:
        return second
    codes = torch.cat([first.codes.flatten(), second.codes.flatten()])
    return ChosenCodes(codes, first.size, second.latents)


def _find_callers(module: nn.Module, books: Sequence[Codebook]) -> dict[str, nn.Module]:
    """For each codebook that has a module of its own, the module whose call chooses its codes.

    That is the holder of the table, or the parent of a bare nn.Embedding; holders of several books
    are left out.
    """
    modules = dict(module.named_modules())
    places = [
        book.owner.rpartition(".")[0] if isinstance(book.module, nn.Embedding) else book.owner
        for book in books
    ]
    return {
        book.name: modules[place]
        for book, place in zip(books, places, strict=True)
        if place in modules
        and places.count(place) == 1
        and not isinstance(modules[place], nn.ModuleList | nn.ParameterList)
    }
