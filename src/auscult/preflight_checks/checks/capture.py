"""One forward pass with everything that went in and out of the parts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from auscult.preflight_checks.setup import Setup, find_wave
from auscult.preflight_checks.structure import iter_leaves

_BOUNDED_FUNCTIONS = frozenset(("tanh", "hardtanh", "clamp", "clip", "sigmoid", "softsign"))


@dataclass
class PartCall:
    """The last call of a part.

    Attributes:
        given: The first floating tensor that went in; `args` and `kwargs` hold it too.
        result: What came out.
    """

    module: nn.Module
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    input_tensor: Tensor | None
    result: Any

    def again(self, value: Tensor) -> Any:
        """Call the part once more with another tensor in the place of `given`."""
        from auscult.preflight_checks.structure import replace_tensor

        args = replace_tensor(tuple(self.args), self.input_tensor, value)
        return self.module(*args, **replace_tensor(dict(self.kwargs), self.input_tensor, value))


@dataclass
class ForwardPass:
    """A forward pass: the output, its waveform tensor (the very object in the output), and each
    part's call.
    """

    output: Any
    wave: Tensor
    calls: dict[str, PartCall] = field(default_factory=dict)
    bounded: tuple[str, Tensor] | None = None


class _LastBounded(TorchFunctionMode):
    """Remembers the last result of a bounded function."""

    last: tuple[str, Tensor] | None = None

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        name = getattr(func, "__name__", "").rstrip("_")
        two_sided = (
            name not in ("clamp", "clip")
            or len(args) > 2
            or (kwargs or {}).keys() >= {"min", "max"}
        )
        if (
            name in _BOUNDED_FUNCTIONS
            and two_sided
            and isinstance(result, Tensor)
            and result.is_floating_point()
            and result.ndim >= 2
        ):
            self.last = (name, result.detach())
        return result


@contextmanager
def watch_parts(setup: Setup) -> Iterator[dict[str, PartCall]]:
    """Note the calls of the parts while the model runs."""
    calls: dict[str, PartCall] = {}

    def make_hook(name: str) -> Callable[..., None]:
        def hook(
            module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], result: Any
        ) -> None:
            input_tensor = next(
                (leaf for _, leaf in iter_leaves((args, kwargs)) if leaf.is_floating_point()), None
            )
            calls[name] = PartCall(module, args, kwargs, input_tensor, result)

        return hook

    with ExitStack() as stack:
        for name, part in setup.parts.items():
            stack.callback(part.register_forward_hook(make_hook(name), with_kwargs=True).remove)
        yield calls


def capture_forward(setup: Setup, batch: Any = None, *, seed: int = 0) -> ForwardPass:
    """Run the model on a batch (the setup's, if none is given) in training mode, with its noise
    drawn from `seed`.
    """
    setup.model.train()
    torch.manual_seed(seed)
    with watch_parts(setup) as calls, _LastBounded() as bounded:
        output = setup.output_of(setup.batch if batch is None else batch)
    return ForwardPass(output, find_wave(output, setup.target, setup.name), calls, bounded.last)


def find_first_float(value: Any) -> Tensor | None:
    """The first floating tensor in a result."""
    return next((leaf for _, leaf in iter_leaves(value) if leaf.is_floating_point()), None)
