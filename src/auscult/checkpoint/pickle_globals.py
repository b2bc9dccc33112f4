"""The globals that a pickle may name: those that are built as descriptions, and those that are harmless to leave opaque."""

from __future__ import annotations

from typing import Any

from auscult.checkpoint.contents import Opaque
from auscult.checkpoint.pickle_machine import GlobalBuilder, PickleMachine
from auscult.checkpoint.pickle_values import (
    GlobalName,
    LongBytes,
    LongText,
    MalformedPickle,
    SetList,
)

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
    *("torch.distributed.checkpoint", "torch.distributed._shard"),
)
"""Modules whose classes only store what they are given; a class is recognised by its capital letter."""
HARMLESS_GLOBALS = frozenset(
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


def is_harmless(global_name: GlobalName) -> bool:
    """Whether loading would import nothing but a class that stores what it is given."""
    full_name = global_name.what
    if (
        full_name in HARMLESS_GLOBALS
        or global_name.module == "__torch__"
        or global_name.module.startswith("__torch__.")
    ):
        return True
    if full_name.startswith("torch.nn.functional.") and global_name.name.isidentifier():
        return True
    inside = any(
        global_name.module == module or global_name.module.startswith(module + ".")
        for module in HARMLESS_MODULES
    )
    return inside and global_name.name.isidentifier() and global_name.name.lstrip("_")[:1].isupper()


def _build_mapping(
    machine: PickleMachine, _: GlobalName, arguments: tuple[Any, ...]
) -> dict[Any, Any]:
    result: dict[Any, Any] = {}
    content = arguments[0] if arguments else None
    if isinstance(content, dict):
        return content  # not a copy: a few opcodes could ask for very many
    if isinstance(content, list):  # OrderedDict([(key, value), ...]) of protocol 0
        machine.count_container(len(content))
        for pair in content:
            if not isinstance(pair, list | tuple) or len(pair) != 2:
                raise MalformedPickle("builds a mapping from something else than pairs")
            machine.put_items(result, list(pair))
    return result


def _build_sequence(_: PickleMachine, __: GlobalName, arguments: tuple[Any, ...]) -> Any:
    content = arguments[0] if arguments else ()
    if not isinstance(content, list | tuple):
        raise MalformedPickle("builds a set from something else than a sequence")
    if content:
        return content
    return SetList()


def _build_plain_value(_: PickleMachine, function: GlobalName, arguments: tuple[Any, ...]) -> Any:
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
            raise MalformedPickle("has a number beyond all bounds") from error
    return Opaque(function.what, {"arguments": arguments})


def _build_encoded_text(
    machine: PickleMachine, function: GlobalName, arguments: tuple[Any, ...]
) -> Any:
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


def _build_old_object(
    machine: PickleMachine, function: GlobalName, arguments: tuple[Any, ...]
) -> Any:
    """`copyreg._reconstructor(class, base, state)`: an object of protocols 0 and 1."""
    if not arguments or not isinstance(arguments[0], GlobalName):
        machine.note(function, calls=True)
        return Opaque(function.what)
    return machine.call(arguments[0], ())


def _build_path(machine: PickleMachine, function: GlobalName, arguments: tuple[Any, ...]) -> Any:
    if all(isinstance(part, str) for part in arguments) and sum(map(len, arguments)) < 4096:
        machine.count_container(64)
        return "/".join(arguments).replace("//", "/")
    return Opaque(function.what)


def _take_first_argument(_: PickleMachine, __: GlobalName, arguments: tuple[Any, ...]) -> Any:
    if arguments:
        return arguments[0]
    return None


PLAIN_BUILDERS: dict[str, GlobalBuilder] = {
    "collections.OrderedDict": _build_mapping,
    "collections.Counter": _build_mapping,
    "collections.defaultdict": lambda machine, function, _: _build_mapping(machine, function, ()),
    "collections.deque": _build_sequence,
    "_codecs.encode": _build_encoded_text,
    "copyreg._reconstructor": _build_old_object,
    "copy_reg._reconstructor": _build_old_object,
    "torch.Size": _take_first_argument,
    "torch.device": _take_first_argument,
    "pathlib.PosixPath": _build_path,
    "pathlib.WindowsPath": _build_path,
    "pathlib.Path": _build_path,
    "pathlib._local.PosixPath": _build_path,
    **{
        f"{module}.{name}": _build_plain_value
        for module in ("builtins", "__builtin__")
        for name in PLAIN_TYPES
    },
    **{
        f"{module}.{name}": _build_sequence
        for module in ("builtins", "__builtin__")
        for name in ("set", "frozenset")
    },
}
