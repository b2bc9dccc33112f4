"""A block, its port, and the faults that the port can be given: one pair for the right port, and one for each fault."""

from __future__ import annotations

import copy
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.real_ports.packages import find_package_folder
from benchmarks.real_ports.pair import Fault, Pair, Sides
from benchmarks.real_ports.weights import number_inputs, randomise, rename

MakePort = Callable[[Any, str], Any]
"""From the reference and the fault's title ("" for none): a live module, or the path of a file."""


@dataclass(frozen=True)
class BlockFault:
    """One fault of a port.

    Attributes:
        title: What the port is given, behind "with".
        places: Patterns of the reference's module paths that are right for it.
        causes: Causes that are right for it.
    """

    title: str
    places: tuple[str, ...]
    causes: tuple[str, ...]
    same_weights: bool = True


def build_block_pairs(
    name: str,
    make_reference: Callable[[], Any],
    make_port: MakePort,
    inputs: Callable[[], Sequence[Any]],
    faults: Sequence[BlockFault],
    *,
    order: tuple[int, ...] | None = None,
    port_inputs: Callable[[Sequence[Any]], Sequence[Any]] | None = None,
    rounded: bool = False,
) -> list[Pair]:
    """The right port and the faulty ones, each against the reference with the same random weights.

    Args:
        inputs: What the reference takes, by position.
        order: Axes of the port's output in the reference's order.
        port_inputs: What the port takes, made of what the reference does.
        rounded: Whether the port's weights are rounded.
    """

    def build_maker(title: str) -> Callable[[Path], Sides]:
        def make(folder: Path) -> Sides:
            reference = randomise(make_reference())
            port = make_port(reference, title)
            if callable(getattr(port, "write", None)):
                port = str(port.write(folder / "port.onnx"))
            elif hasattr(port, "export"):
                file = folder / "port.tflite"
                port.export(str(file))
                port = str(file)
            arrays = inputs()
            taken = None if port_inputs is None else number_inputs(*port_inputs(arrays))
            return Sides(reference, port, number_inputs(*arrays), taken, order)

        return make

    faulty = [
        Pair(
            f"{name}, with {fault.title}",
            build_maker(fault.title),
            (Fault(fault.places, fault.causes),),
            "planted",
            planted=True,
            same_weights=fault.same_weights,
            rounded=rounded,
        )
        for fault in faults
    ]
    return [Pair(name, build_maker(""), rounded=rounded), *faulty]


def copy_into(port: Any, reference: Any, names: Mapping[str, str] | None = None) -> Any:
    """A torch port with the reference's weights, by names in which each key is replaced by its value."""
    state = rename(reference.state_dict(), names or {})
    port.load_state_dict(copy.deepcopy(state), strict=True)
    return port.eval()


def convert_to_litert(model: Any, arguments: Sequence[Any]) -> Any:
    """The model as litert-torch converts it, which is installed in the folder of the packages."""
    import torch

    folder = str(find_package_folder())
    if folder not in sys.path:
        sys.path.append(folder)
    import litert_torch

    return litert_torch.convert(model, tuple(torch.as_tensor(each) for each in arguments))
