"""What each pickle opcode does to the machine of `pickle_machine`; imported for its effect on `OPCODES`."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

from auscult.checkpoint.contents import Opaque
from auscult.checkpoint.pickle_machine import MAX_LONG_BYTES, OPCODES, Machine
from auscult.checkpoint.pickle_values import Global, Malformed, SetList

U2, I4, U4, U8, F8 = (
    struct.Struct("<H"),
    struct.Struct("<i"),
    struct.Struct("<I"),
    struct.Struct("<Q"),
    struct.Struct(">d"),
)
U1 = struct.Struct("B")
MAX_TEXT_NUMBER = 400
Handler = Callable[[Machine], None]


def opcode(*codes: bytes) -> Callable[[Handler], Handler]:
    """Register a handler for these opcode bytes."""

    def register(handler: Handler) -> Handler:
        for code in codes:
            OPCODES[code[0]] = handler
        return handler

    return register


def push(code: bytes, make: Callable[[Machine], Any]) -> None:
    """Register an opcode that only pushes a value."""

    def handler(machine: Machine) -> None:
        machine.stack.append(make(machine))

    OPCODES[code[0]] = handler


def _decimal(machine: Machine) -> int:
    line = machine.line().rstrip(b"L")
    if len(line) > MAX_TEXT_NUMBER:
        raise Malformed("has a number of more digits than any tensor needs")
    try:
        return int(line)
    except ValueError as error:
        raise Malformed("has a number that is none") from error


def _int(machine: Machine) -> int | bool:
    if bytes(machine.data[machine.pos : machine.pos + 3]) in (b"00\n", b"01\n"):
        return machine.line() == b"01"
    return _decimal(machine)


def _float(machine: Machine) -> float:
    try:
        return float(machine.line())
    except ValueError as error:
        raise Malformed("has a number that is none") from error


def _double(machine: Machine) -> float:
    return float(F8.unpack(machine.take(8))[0])


def _long(machine: Machine, length: int) -> int:
    if not 0 <= length <= MAX_LONG_BYTES:
        raise Malformed(f"has a number of {length} bytes")
    return int.from_bytes(machine.take(length), "little", signed=True)


def _quoted(machine: Machine) -> bytes:
    line = machine.line()
    if len(line) < 2 or line[:1] != line[-1:] or line[:1] not in b"'\"":
        raise Malformed("has a string without quotes")
    return line[1:-1]


def _container(machine: Machine, value: Any) -> Any:
    machine.count_container()
    return value


def _pairs(machine: Machine) -> dict[Any, Any]:
    items = machine.since_mark()
    result: dict[Any, Any] = _container(machine, {})
    machine.put_items(result, items)
    return result


def _tuple(machine: Machine, count: int) -> tuple[Any, ...]:
    stack = machine.stack
    if len(stack) < count:
        raise IndexError
    items = tuple(stack[-count:])
    del stack[-count:]
    return items


def _persistent(machine: Machine) -> Any:
    return machine.load(machine, machine.stack.pop())


push(b"N", lambda _: None)
push(b"\x88", lambda _: True)
push(b"\x89", lambda _: False)
push(b"I", _int)
push(b"L", _decimal)
push(b"F", _float)
push(b"G", _double)
push(b"J", lambda m: m.number(I4))
push(b"K", lambda m: m.number(U1))
push(b"M", lambda m: m.number(U2))
push(b"\x8a", lambda m: _long(m, m.number(U1)))
push(b"\x8b", lambda m: _long(m, m.number(I4)))
push(b"S", _quoted)
push(b"V", lambda m: str(m.line(), "raw_unicode_escape", "replace"))
push(b"T", lambda m: m.text(m.number(I4)))  # Python 2's str: text for our purposes
push(b"U", lambda m: m.text(m.number(U1)))
push(b"X", lambda m: m.text(m.number(U4)))
push(b"\x8c", lambda m: m.text(m.number(U1)))
push(b"\x8d", lambda m: m.text(m.number(U8)))
push(b"B", lambda m: m.bytes(m.number(U4)))
push(b"C", lambda m: m.bytes(m.number(U1)))
push(b"\x8e", lambda m: m.bytes(m.number(U8)))
push(b"\x96", lambda m: m.bytes(m.number(U8)))
push(b"]", lambda m: _container(m, []))
push(b"}", lambda m: _container(m, {}))
push(b"\x8f", lambda m: _container(m, SetList()))
push(b")", lambda _: ())
push(b"l", lambda m: _container(m, m.since_mark()))
push(b"t", lambda m: tuple(m.since_mark()))
push(b"d", _pairs)
push(b"\x91", lambda m: _container(m, SetList(m.since_mark())))
push(b"\x85", lambda m: _tuple(m, 1))
push(b"\x86", lambda m: _tuple(m, 2))
push(b"\x87", lambda m: _tuple(m, 3))
push(b"P", lambda m: m.load(m, str(m.line(), "ascii", "replace")))
push(b"Q", _persistent)
push(b"g", lambda m: m.memo[_decimal(m)])
push(b"h", lambda m: m.memo[m.number(U1)])
push(b"j", lambda m: m.memo[m.number(U4)])
push(b"2", lambda m: m.stack[-1])
push(b"\x97", lambda _: Opaque("out-of-band buffer"))


@opcode(b"(")
def mark(machine: Machine) -> None:
    machine.marks.append(len(machine.stack))


@opcode(b"\x80")
def protocol(machine: Machine) -> None:
    version = machine.number(U1)
    if version > 5:
        raise Malformed(f"has protocol {version}, which is not known")


@opcode(b"\x95")
def frame(machine: Machine) -> None:
    if machine.number(U8) > len(machine.data) - machine.pos:
        raise Malformed("is cut off inside a frame")


@opcode(b".")
def stop(machine: Machine) -> None:
    machine.done = True


@opcode(b"0")
def pop(machine: Machine) -> None:
    if machine.marks and machine.marks[-1] == len(machine.stack):
        machine.marks.pop()
    else:
        machine.stack.pop()


@opcode(b"1")
def pop_mark(machine: Machine) -> None:
    machine.since_mark()


@opcode(b"p")
def put(machine: Machine) -> None:
    machine.memo[_decimal(machine)] = machine.stack[-1]


@opcode(b"q")
def binput(machine: Machine) -> None:
    machine.memo[machine.number(U1)] = machine.stack[-1]


@opcode(b"r")
def long_binput(machine: Machine) -> None:
    machine.memo[machine.number(U4)] = machine.stack[-1]


@opcode(b"\x94")
def memoize(machine: Machine) -> None:
    machine.memo[len(machine.memo)] = machine.stack[-1]


@opcode(b"a")
def append(machine: Machine) -> None:
    value = machine.stack.pop()
    machine.put_elements(machine.stack[-1], [value])


@opcode(b"e", b"\x90")
def append_many(machine: Machine) -> None:
    items = machine.since_mark()
    machine.put_elements(machine.stack[-1], items)


@opcode(b"s")
def set_item(machine: Machine) -> None:
    value, key = machine.stack.pop(), machine.stack.pop()
    machine.put_items(machine.stack[-1], [key, value])


@opcode(b"u")
def set_items(machine: Machine) -> None:
    items = machine.since_mark()
    machine.put_items(machine.stack[-1], items)


@opcode(b"c")
def global_(machine: Machine) -> None:
    module, name = machine.line(), machine.line()
    machine.reference(str(module, "utf-8", "replace"), str(name, "utf-8", "replace"))


@opcode(b"\x93")
def stack_global(machine: Machine) -> None:
    name, module = machine.stack.pop(), machine.stack.pop()
    if not isinstance(name, str) or not isinstance(module, str):
        raise Malformed("imports something whose name is no text")
    machine.reference(module, name)


@opcode(b"i")
def instance(machine: Machine) -> None:
    global_(machine)
    function = machine.stack.pop()
    machine.stack.append(machine.call(function, tuple(machine.since_mark())))


@opcode(b"o")
def object_(machine: Machine) -> None:
    function, *arguments = machine.since_mark() or [None]
    machine.stack.append(machine.call(function, tuple(arguments)))


@opcode(b"R", b"\x81")
def reduce(machine: Machine) -> None:
    arguments, function = machine.stack.pop(), machine.stack.pop()
    machine.stack.append(machine.call(function, arguments))


@opcode(b"\x92")
def new_with_keywords(machine: Machine) -> None:
    keywords, arguments, function = machine.stack.pop(), machine.stack.pop(), machine.stack.pop()
    if keywords:
        if isinstance(function, Global):
            machine.note(function, calls=True)
        machine.stack.append(
            Opaque(
                function.what if isinstance(function, Global) else "object", {"keywords": keywords}
            )
        )
    else:
        machine.stack.append(machine.call(function, arguments))


@opcode(b"b")
def build(machine: Machine) -> None:
    state = machine.stack.pop()
    machine.build(machine.stack[-1], state)


def _extension(code: struct.Struct) -> Handler:
    def handler(machine: Machine) -> None:
        machine.reference("copyreg", f"extension {machine.number(code)}")

    return handler


OPCODES[0x82], OPCODES[0x83], OPCODES[0x84] = _extension(U1), _extension(U2), _extension(I4)


@opcode(b"\x98")
def read_only(machine: Machine) -> None:
    machine.stack[-1]
