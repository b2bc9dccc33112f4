"""What each pickle opcode does to the machine of `pickle_machine`; imported for its effect on `OPCODES`."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

from auscult.checkpoint.contents import Opaque
from auscult.checkpoint.pickle_machine import MAX_LONG_BYTES, OPCODES, PickleMachine
from auscult.checkpoint.pickle_values import GlobalName, MalformedPickle, SetList

U2, I4, U4, U8, F8 = (
    struct.Struct("<H"),
    struct.Struct("<i"),
    struct.Struct("<I"),
    struct.Struct("<Q"),
    struct.Struct(">d"),
)
U1 = struct.Struct("B")
MAX_NUMBER_DIGITS = 400
Handler = Callable[[PickleMachine], None]


def register_opcode(*codes: bytes) -> Callable[[Handler], Handler]:
    """Register a handler for these opcode bytes."""

    def register_handler(handler: Handler) -> Handler:
        for code in codes:
            OPCODES[code[0]] = handler
        return handler

    return register_handler


def register_push(code: bytes, make: Callable[[PickleMachine], Any]) -> None:
    """Register an opcode that only pushes a value."""

    def push_value(machine: PickleMachine) -> None:
        machine.stack.append(make(machine))

    OPCODES[code[0]] = push_value


def _read_decimal(machine: PickleMachine) -> int:
    line = machine.line().rstrip(b"L")
    if len(line) > MAX_NUMBER_DIGITS:
        raise MalformedPickle("has a number of more digits than any tensor needs")
    try:
        return int(line)
    except ValueError as error:
        raise MalformedPickle("has a number that is none") from error


def _read_int(machine: PickleMachine) -> int | bool:
    if bytes(machine.data[machine.pos : machine.pos + 3]) in (b"00\n", b"01\n"):
        return machine.line() == b"01"
    return _read_decimal(machine)


def _read_float(machine: PickleMachine) -> float:
    try:
        return float(machine.line())
    except ValueError as error:
        raise MalformedPickle("has a number that is none") from error


def _read_double(machine: PickleMachine) -> float:
    return float(F8.unpack(machine.take(8))[0])


def _read_long(machine: PickleMachine, length: int) -> int:
    if not 0 <= length <= MAX_LONG_BYTES:
        raise MalformedPickle(f"has a number of {length} bytes")
    return int.from_bytes(machine.take(length), "little", signed=True)


def _read_quoted(machine: PickleMachine) -> bytes:
    line = machine.line()
    if len(line) < 2 or line[:1] != line[-1:] or line[:1] not in b"'\"":
        raise MalformedPickle("has a string without quotes")
    return line[1:-1]


def _charge_container(machine: PickleMachine, value: Any) -> Any:
    machine.count_container()
    return value


def _pop_pairs(machine: PickleMachine) -> dict[Any, Any]:
    items = machine.pop_to_mark()
    result: dict[Any, Any] = _charge_container(machine, {})
    machine.put_items(result, items)
    return result


def _pop_tuple(machine: PickleMachine, count: int) -> tuple[Any, ...]:
    stack = machine.stack
    if len(stack) < count:
        raise IndexError
    items = tuple(stack[-count:])
    del stack[-count:]
    return items


def _load_persistent(machine: PickleMachine) -> Any:
    return machine.load(machine, machine.stack.pop())


register_push(b"N", lambda _: None)
register_push(b"\x88", lambda _: True)
register_push(b"\x89", lambda _: False)
register_push(b"I", _read_int)
register_push(b"L", _read_decimal)
register_push(b"F", _read_float)
register_push(b"G", _read_double)
register_push(b"J", lambda m: m.number(I4))
register_push(b"K", lambda m: m.number(U1))
register_push(b"M", lambda m: m.number(U2))
register_push(b"\x8a", lambda m: _read_long(m, m.number(U1)))
register_push(b"\x8b", lambda m: _read_long(m, m.number(I4)))
register_push(b"S", _read_quoted)
register_push(b"V", lambda m: str(m.line(), "raw_unicode_escape", "replace"))
register_push(b"T", lambda m: m.text(m.number(I4)))  # Python 2's str: text for our purposes
register_push(b"U", lambda m: m.text(m.number(U1)))
register_push(b"X", lambda m: m.text(m.number(U4)))
register_push(b"\x8c", lambda m: m.text(m.number(U1)))
register_push(b"\x8d", lambda m: m.text(m.number(U8)))
register_push(b"B", lambda m: m.bytes(m.number(U4)))
register_push(b"C", lambda m: m.bytes(m.number(U1)))
register_push(b"\x8e", lambda m: m.bytes(m.number(U8)))
register_push(b"\x96", lambda m: m.bytes(m.number(U8)))
register_push(b"]", lambda m: _charge_container(m, []))
register_push(b"}", lambda m: _charge_container(m, {}))
register_push(b"\x8f", lambda m: _charge_container(m, SetList()))
register_push(b")", lambda _: ())
register_push(b"l", lambda m: _charge_container(m, m.pop_to_mark()))
register_push(b"t", lambda m: tuple(m.pop_to_mark()))
register_push(b"d", _pop_pairs)
register_push(b"\x91", lambda m: _charge_container(m, SetList(m.pop_to_mark())))
register_push(b"\x85", lambda m: _pop_tuple(m, 1))
register_push(b"\x86", lambda m: _pop_tuple(m, 2))
register_push(b"\x87", lambda m: _pop_tuple(m, 3))
register_push(b"P", lambda m: m.load(m, str(m.line(), "ascii", "replace")))
register_push(b"Q", _load_persistent)
register_push(b"g", lambda m: m.memo[_read_decimal(m)])
register_push(b"h", lambda m: m.memo[m.number(U1)])
register_push(b"j", lambda m: m.memo[m.number(U4)])
register_push(b"2", lambda m: m.stack[-1])
register_push(b"\x97", lambda _: Opaque("out-of-band buffer"))


@register_opcode(b"(")
def push_mark(machine: PickleMachine) -> None:
    machine.marks.append(len(machine.stack))


@register_opcode(b"\x80")
def check_protocol(machine: PickleMachine) -> None:
    version = machine.number(U1)
    if version > 5:
        raise MalformedPickle(f"has protocol {version}, which is not known")


@register_opcode(b"\x95")
def check_frame(machine: PickleMachine) -> None:
    if machine.number(U8) > len(machine.data) - machine.pos:
        raise MalformedPickle("is cut off inside a frame")


@register_opcode(b".")
def stop_machine(machine: PickleMachine) -> None:
    machine.done = True


@register_opcode(b"0")
def pop_value(machine: PickleMachine) -> None:
    if machine.marks and machine.marks[-1] == len(machine.stack):
        machine.marks.pop()
    else:
        machine.stack.pop()


@register_opcode(b"1")
def pop_mark(machine: PickleMachine) -> None:
    machine.pop_to_mark()


@register_opcode(b"p")
def put_memo(machine: PickleMachine) -> None:
    machine.memo[_read_decimal(machine)] = machine.stack[-1]


@register_opcode(b"q")
def put_memo_short(machine: PickleMachine) -> None:
    machine.memo[machine.number(U1)] = machine.stack[-1]


@register_opcode(b"r")
def put_memo_long(machine: PickleMachine) -> None:
    machine.memo[machine.number(U4)] = machine.stack[-1]


@register_opcode(b"\x94")
def memoize_top(machine: PickleMachine) -> None:
    machine.memo[len(machine.memo)] = machine.stack[-1]


@register_opcode(b"a")
def append_value(machine: PickleMachine) -> None:
    value = machine.stack.pop()
    machine.put_elements(machine.stack[-1], [value])


@register_opcode(b"e", b"\x90")
def append_values(machine: PickleMachine) -> None:
    items = machine.pop_to_mark()
    machine.put_elements(machine.stack[-1], items)


@register_opcode(b"s")
def set_item(machine: PickleMachine) -> None:
    value, key = machine.stack.pop(), machine.stack.pop()
    machine.put_items(machine.stack[-1], [key, value])


@register_opcode(b"u")
def set_items(machine: PickleMachine) -> None:
    items = machine.pop_to_mark()
    machine.put_items(machine.stack[-1], items)


@register_opcode(b"c")
def push_global(machine: PickleMachine) -> None:
    module, name = machine.line(), machine.line()
    machine.reference(str(module, "utf-8", "replace"), str(name, "utf-8", "replace"))


@register_opcode(b"\x93")
def push_stack_global(machine: PickleMachine) -> None:
    name, module = machine.stack.pop(), machine.stack.pop()
    if not isinstance(name, str) or not isinstance(module, str):
        raise MalformedPickle("imports something whose name is no text")
    machine.reference(module, name)


@register_opcode(b"i")
def build_instance(machine: PickleMachine) -> None:
    push_global(machine)
    function = machine.stack.pop()
    machine.stack.append(machine.call(function, tuple(machine.pop_to_mark())))


@register_opcode(b"o")
def build_object(machine: PickleMachine) -> None:
    function, *arguments = machine.pop_to_mark() or [None]
    machine.stack.append(machine.call(function, tuple(arguments)))


@register_opcode(b"R", b"\x81")
def call_function(machine: PickleMachine) -> None:
    arguments, function = machine.stack.pop(), machine.stack.pop()
    machine.stack.append(machine.call(function, arguments))


@register_opcode(b"\x92")
def create_with_keywords(machine: PickleMachine) -> None:
    keywords, arguments, function = machine.stack.pop(), machine.stack.pop(), machine.stack.pop()
    if keywords:
        if isinstance(function, GlobalName):
            machine.note(function, calls=True)
        machine.stack.append(
            Opaque(
                function.what if isinstance(function, GlobalName) else "object",
                {"keywords": keywords},
            )
        )
    else:
        machine.stack.append(machine.call(function, arguments))


@register_opcode(b"b")
def set_object_state(machine: PickleMachine) -> None:
    state = machine.stack.pop()
    machine.build(machine.stack[-1], state)


def _make_extension_handler(code: struct.Struct) -> Handler:
    def push_extension(machine: PickleMachine) -> None:
        machine.reference("copyreg", f"extension {machine.number(code)}")

    return push_extension


OPCODES[0x82], OPCODES[0x83], OPCODES[0x84] = (
    _make_extension_handler(U1),
    _make_extension_handler(U2),
    _make_extension_handler(I4),
)


@register_opcode(b"\x98")
def check_read_only(machine: PickleMachine) -> None:
    machine.stack[-1]
