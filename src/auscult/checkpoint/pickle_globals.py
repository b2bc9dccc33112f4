"""The globals that a pickle may name: those that are built as descriptions, and those that are harmless to leave opaque."""

from __future__ import annotations

from typing import Any

from auscult.checkpoint.contents import Opaque
from auscult.checkpoint.pickle_machine import Builder, Machine
from auscult.checkpoint.pickle_values import Global, LongBytes, LongText, Malformed, SetList

HARMLESS_MODULES = (
    *(
        "argparse",
        "collections",
        "datetime",
        "decimal",
        "fractions",
        "pathlib",
        "types",
        "typing",
        "uuid",
    ),
    *("numpy.random", "numpy.ma", "omegaconf", "torch.nn", "torch.optim", "torch.utils.data"),
    *("lightning", "lightning_fabric", "pytorch_lightning"),
)
"""Modules whose classes only store what they are given; a class is recognised by its capital letter."""
HARMLESS = frozenset(
    (
        *(
            "numpy.ndarray",
            "numpy.dtype",
            "torch.device",
            "torch.Size",
            "torch.dtype",
            "torch.layout",
            "torch.memory_format",
        ),
        *(
            "datetime.datetime",
            "datetime.date",
            "datetime.time",
            "datetime.timedelta",
            "datetime.timezone",
        ),
        *(
            "torch._C._nn.gelu",
            "torch.tanh",
            "torch.sigmoid",
            "torch.relu",
            "functools.partial",
            "collections.deque",
        ),
        *(
            f"numpy.random._pickle.__{name}_ctor"
            for name in ("randomstate", "generator", "bit_generator")
        ),
    )
)
PLAIN_TYPES = (
    "int",
    "float",
    "str",
    "bool",
    "bytes",
    "bytearray",
    "complex",
    "list",
    "tuple",
    "dict",
    "set",
    "frozenset",
    "object",
)


def is_harmless(found: Global) -> bool:
    """Whether loading would import nothing but a class that stores what it is given."""
    what = found.what
    if what in HARMLESS or found.module == "__torch__" or found.module.startswith("__torch__."):
        return True
    if what.startswith("torch.nn.functional.") and found.name.isidentifier():
        return True
    inside = any(
        found.module == module or found.module.startswith(module + ".")
        for module in HARMLESS_MODULES
    )
    return inside and found.name.isidentifier() and found.name.lstrip("_")[:1].isupper()


def _mapping(machine: Machine, _: Global, arguments: tuple[Any, ...]) -> dict[Any, Any]:
    result: dict[Any, Any] = {}
    content = arguments[0] if arguments else None
    if isinstance(content, dict):
        return content  # not a copy: a few opcodes could ask for very many
    if isinstance(content, list):  # OrderedDict([(key, value), ...]) of protocol 0
        machine.count_container(len(content))
        for pair in content:
            if not isinstance(pair, list | tuple) or len(pair) != 2:
                raise Malformed("builds a mapping from something else than pairs")
            machine.put_items(result, list(pair))
    return result


def _sequence(_: Machine, __: Global, arguments: tuple[Any, ...]) -> Any:
    content = arguments[0] if arguments else ()
    if not isinstance(content, list | tuple):
        raise Malformed("builds a set from something else than a sequence")
    return content if content else SetList()


def _plain(_: Machine, function: Global, arguments: tuple[Any, ...]) -> Any:
    """A plain value that was pickled as a call of its own type, such as `bytearray(b"...")`."""
    kinds: dict[str, tuple[type, ...]] = {
        "int": (int, float),
        "float": (int, float),
        "bool": (bool, int),
        "str": (str, LongText),
        "bytes": (bytes, LongBytes),
        "bytearray": (bytes, LongBytes),
        "list": (list, tuple),
        "tuple": (list, tuple),
        "dict": (dict,),
    }
    if len(arguments) == 1 and isinstance(arguments[0], kinds.get(function.name, ())):
        return arguments[0]
    if function.name == "bytes" and not arguments:
        return b""
    if (
        function.name == "complex"
        and len(arguments) == 2
        and all(type(part) in (int, float) for part in arguments)
    ):
        try:
            return complex(*arguments)
        except OverflowError as error:
            raise Malformed("has a number beyond all bounds") from error
    return Opaque(function.what, {"arguments": arguments})


def _encode(machine: Machine, function: Global, arguments: tuple[Any, ...]) -> Any:
    """`_codecs.encode(text, "latin1")`, which is how protocols 0 to 2 write a byte string."""
    text, *encoding = arguments or (None,)
    if encoding in (["latin1"], ["latin-1"]):
        if isinstance(text, LongText):
            return LongBytes(text.source, text.offset, text.length, latin1=True)
        if isinstance(text, str):
            machine.count_container(1 + len(text) // 64)
            return text.encode("latin-1", "replace")
    machine.note(function, calls=True)
    return Opaque(function.what)


def _reconstructor(machine: Machine, function: Global, arguments: tuple[Any, ...]) -> Any:
    """`copyreg._reconstructor(class, base, state)`: an object of protocols 0 and 1."""
    if not arguments or not isinstance(arguments[0], Global):
        machine.note(function, calls=True)
        return Opaque(function.what)
    return machine.call(arguments[0], ())


def _path(machine: Machine, function: Global, arguments: tuple[Any, ...]) -> Any:
    if all(isinstance(part, str) for part in arguments) and sum(map(len, arguments)) < 4096:
        machine.count_container(64)
        return "/".join(arguments).replace("//", "/")
    return Opaque(function.what)


def _first(_: Machine, __: Global, arguments: tuple[Any, ...]) -> Any:
    return arguments[0] if arguments else None


PLAIN_BUILDERS: dict[str, Builder] = {
    "collections.OrderedDict": _mapping,
    "collections.Counter": _mapping,
    "collections.defaultdict": lambda machine, function, _: _mapping(machine, function, ()),
    "collections.deque": _sequence,
    "_codecs.encode": _encode,
    "copyreg._reconstructor": _reconstructor,
    "copy_reg._reconstructor": _reconstructor,
    "torch.Size": _first,
    "torch.device": _first,
    "pathlib.PosixPath": _path,
    "pathlib.WindowsPath": _path,
    "pathlib.Path": _path,
    "pathlib._local.PosixPath": _path,
    **{
        f"{module}.{name}": _plain for module in ("builtins", "__builtin__") for name in PLAIN_TYPES
    },
    **{
        f"{module}.{name}": _sequence
        for module in ("builtins", "__builtin__")
        for name in ("set", "frozenset")
    },
}
