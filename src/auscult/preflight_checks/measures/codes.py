"""Catch the codes that a quantizer chooses, whatever its interface: the argmin, argmax, min or max over a codebook.

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

_CHOICES = frozenset(("argmin", "argmax", "min", "max"))


@dataclass
class Chosen:
    """Codes that were chosen during one call of the model.

    Attributes:
        codes: Of any shape, integers.
        latents: What was coded, [..., dim], where the call that chose shows it.
    """

    codes: Tensor
    size: int
    latents: Tensor | None = None


@dataclass
class _Call:
    name: str
    latents: Tensor | None
    chosen: Chosen | None = None


class CodeWatch(TorchFunctionMode):
    """While it is entered, notes every choice of a code inside `module`; `take` hands over what came since the last time.

    Args:
        module: The quantizer, or a model that holds one.
        books: Its codebooks (`find_codebooks(module)`).
    """

    def __init__(self, module: nn.Module, books: Sequence[Codebook]) -> None:
        super().__init__()
        self._sizes = frozenset(book.size for book in books)
        self._names = [book.name for book in books]
        self._owners = _callers(module, books)
        self._stack: list[_Call] = []
        self._calls: list[_Call] = []
        self._loose: list[Chosen] = []
        self._hooks = ExitStack()

    def __enter__(self) -> CodeWatch:
        for name, module in self._owners.items():
            before = module.register_forward_pre_hook(self._opener(name), with_kwargs=True)
            after = module.register_forward_hook(self._closer(), always_call=True)
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
        if getattr(func, "__name__", "") in _CHOICES and args and isinstance(args[0], Tensor):
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
        chosen = Chosen(codes.detach(), size)
        if self._stack:
            chosen.latents = self._stack[-1].latents
            self._stack[
                -1
            ].chosen = chosen  # the last choice of a call counts: k-means before it chooses too
        else:
            self._loose.append(chosen)

    def _opener(self, name: str) -> Callable[..., None]:
        def opened(_module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            given = next(
                (value for value in (*args, *kwargs.values()) if isinstance(value, Tensor)), None
            )
            self._stack.append(
                _Call(
                    name, None if given is None or not given.is_floating_point() else given.detach()
                )
            )

        return opened

    def _closer(self) -> Callable[..., None]:
        def closed(_module: nn.Module, _args: Any, _result: Any) -> None:
            if self._stack:
                call = self._stack.pop()
                if call.chosen is not None:
                    self._calls.append(call)

        return closed

    def take(self) -> dict[str, Chosen]:
        """Codebook name to its codes since the last time; a book that was not used (quantizer dropout) is absent."""
        taken: dict[str, Chosen] = {}
        for call in self._calls:
            if call.chosen is not None:
                taken[call.name] = _joined(taken.get(call.name), call.chosen)
        if (
            not taken
        ):  # a quantizer without a module for each book chooses in the order of its books
            taken = dict(zip(self._names, self._loose, strict=False))
        self._calls, self._loose = [], []
        return taken


def _joined(first: Chosen | None, second: Chosen) -> Chosen:
    """Several calls of one book in one step (a batch in parts) as one."""
    if first is None or first.size != second.size:
        return second
    codes = torch.cat([first.codes.flatten(), second.codes.flatten()])
    return Chosen(codes, first.size, second.latents)


def _callers(module: nn.Module, books: Sequence[Codebook]) -> dict[str, nn.Module]:
    """For each codebook that has a module of its own, the module whose call chooses its codes.

    That is the holder of the table, or the parent of a bare nn.Embedding; holders of several books are left out.
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
