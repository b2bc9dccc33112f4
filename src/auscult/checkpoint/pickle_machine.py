"""A pickle interpreter that builds descriptions and never runs anything.

It walks the opcodes of one pickle with a stack and a memo like Python's own, except that a global is a name (`Global`) and
calling one looks the name up in `pickle_globals`: the few that build tensors, shapes and plain containers have a builder
here; everything else becomes an `Opaque` node and, unless it is known to be harmless, a `Hazard`. Nothing is imported.

Bounds: every length is checked against the data before it is used; opcodes, containers, memo entries and the length of
numbers are limited; nothing recurses, so that nesting costs memory in proportion to the file and no more.

Source of the opcodes: Python's Lib/pickletools.py (the reference documentation of the protocol), protocols 0 to 5.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

from auscult.checkpoint.contents import Opaque
from auscult.checkpoint.pickle_values import (
    GlobalName,
    LongBytes,
    LongText,
    MalformedPickle,
    make_safe_key,
)
from auscult.checkpoint.source import TRUNCATED_HINT, ByteSource
from auscult.errors import CheckpointError
from auscult.weights import Hazard

MAX_OPCODES = 12_000_000  # 300,000 tensors; each opcode can cost some fifty bytes of memory
MAX_CONTAINERS = (
    2_000_000  # dicts, lists, sets and built objects: what few opcode bytes make largest
)
MAX_LONG_BYTES = 1024
MAX_LINE = 1 << 16
LAZY_BYTES = 1 << 12  # longer byte strings and texts stay in the file
MAX_HAZARDS = 1000
MEMOIZE, BINGET, LONG_BINGET, BINPUT, LONG_BINPUT, BININT1, TUPLE = b"\x94hjqrKt"
U4 = struct.Struct("<I")


GlobalBuilder = Callable[["PickleMachine", GlobalName, tuple[Any, ...]], Any]
PersistentLoader = Callable[["PickleMachine", Any], Any]


class PickleMachine:
    """Runs one pickle.

    Args:
        source: Where the pickle is; reading starts at `start`.
        label: How hazards and errors name it, such as `archive/data.pkl`.
        builders: What calling a global builds, by `module.name`.
        harmless: Whether a global may be left opaque without a warning.
        load: What a persistent id stands for.
    """

    def __init__(
        self,
        source: ByteSource,
        label: str,
        *,
        builders: dict[str, GlobalBuilder],
        harmless: Callable[[GlobalName], bool],
        load: PersistentLoader,
        start: int = 0,
    ) -> None:
        self.source = source
        self.label = label
        self.builders = builders
        self.harmless = harmless
        self.load = load
        self.data = source.view(0, source.size)
        self.pos = start
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: dict[int, Any] = {}
        self.containers = 0
        self.hazards: dict[str, Hazard] = {}
        self.done = False

    def run(self) -> Any:
        """The value that the pickle describes; `pos` is then behind its STOP.

        Raises:
            CheckpointError: If the pickle is truncated, malformed, or beyond the bounds.
        """
        start = self.pos
        self.done = False
        try:
            self._walk_bytes()
            return self.stack.pop()
        except (IndexError, struct.error, MalformedPickle, KeyError) as error:
            raise self.error(_explain_error(error, self.pos >= len(self.data)), start) from error

    def _walk_bytes(self) -> None:
        """Run opcodes until STOP. The frequent ones stand here: most of a torch pickle, at half the cost of a call each."""
        data, stack, memo, table = self.data, self.stack, self.memo, OPCODES
        pos = self.pos
        for _ in range(MAX_OPCODES):
            opcode = data[pos]
            pos += 1
            if opcode == LONG_BINPUT:
                memo[U4.unpack_from(data, pos)[0]] = stack[-1]
                pos += 4
            elif opcode == BINGET:
                stack.append(memo[data[pos]])
                pos += 1
            elif opcode == LONG_BINGET:
                stack.append(memo[U4.unpack_from(data, pos)[0]])
                pos += 4
            elif opcode == BINPUT:
                memo[data[pos]] = stack[-1]
                pos += 1
            elif opcode == BININT1:
                stack.append(data[pos])
                pos += 1
            elif opcode == TUPLE:
                mark = self.marks.pop()
                stack[mark:] = (tuple(stack[mark:]),)
            elif opcode == MEMOIZE:
                memo[len(memo)] = stack[-1]
            else:
                self.pos = pos
                table[opcode](self)
                pos = self.pos
                if self.done:
                    return
        self.pos = pos
        raise MalformedPickle(f"has more than {MAX_OPCODES} opcodes")

    def error(self, problem: str, start: int = 0) -> CheckpointError:
        """The error for this pickle at the present place."""
        head = bytes(self.data[start : start + 1])
        if head in (b"\x80", b"(", b"c", b"}", b"]"):
            hint = TRUNCATED_HINT
        else:
            hint = "this is no pickle"
        return CheckpointError(
            f"pickle {self.label} {problem} at byte {self.pos}",
            where=self.source.where,
            hint=hint,
        )

    # -- reading

    def take(self, length: int) -> memoryview:
        """The next bytes, checked against the end before they are used."""
        start, end = self.pos, self.pos + length
        if length < 0 or end > len(self.data):
            raise MalformedPickle(f"is cut off inside a value of {length} bytes")
        self.pos = end
        return self.data[start:end]

    def number(self, code: struct.Struct) -> int:
        """The next fixed-size number."""
        (value,) = code.unpack_from(self.data, self.pos)
        self.pos += code.size
        return int(value)

    def line(self) -> bytes:
        """The bytes up to the next newline, which is passed."""
        for reach in (256, MAX_LINE):
            chunk = bytes(self.data[self.pos : self.pos + reach])
            end = chunk.find(b"\n")
            if end >= 0:
                self.pos += end + 1
                return chunk[:end]
        raise MalformedPickle("is cut off inside a line")

    def text(self, length: int) -> Any:
        """The next `length` bytes as text; long ones stay in the file."""
        start = self.pos
        raw = self.take(length)
        if length > LAZY_BYTES:
            return LongText(self.source, start, length)
        return str(raw, "utf-8", "replace")

    def bytes(self, length: int) -> Any:
        """The next `length` bytes; long ones stay in the file."""
        start = self.pos
        raw = self.take(length)
        if length > LAZY_BYTES:
            return LongBytes(self.source, start, length)
        return bytes(raw)

    # -- building

    def count_container(self, weight: int = 1) -> None:
        """Charge for something that takes more memory than its opcode."""
        self.containers += weight
        if self.containers > MAX_CONTAINERS:
            raise MalformedPickle(f"builds more than {MAX_CONTAINERS} containers")

    def pop_to_mark(self) -> list[Any]:
        """What was pushed since the last mark, taken off the stack."""
        mark = self.marks.pop()
        items = self.stack[mark:]
        del self.stack[mark:]
        return items

    def reference(self, module: str, name: str) -> None:
        global_name = GlobalName(module, name, self.pos)
        if global_name.what not in self.builders and not self.harmless(global_name):
            self.note(global_name, calls=False)
        self.stack.append(global_name)

    def note(self, global_name: GlobalName, *, calls: bool) -> None:
        """Remember a global that loading would import, and whether it would be called; once per name."""
        known_hazard = self.hazards.get(global_name.what)
        if (known_hazard is None and len(self.hazards) < MAX_HAZARDS) or (
            known_hazard is not None and calls and not known_hazard.calls
        ):
            if known_hazard:
                where = known_hazard.where
            else:
                where = f"{self.label} at byte {global_name.offset}"
            self.hazards[global_name.what] = Hazard(global_name.what[:300], where, calls)

    def call(self, function: Any, arguments: Any) -> Any:
        """What calling `function` would give, as a description; nothing is called."""
        if not isinstance(arguments, tuple):
            raise MalformedPickle("calls something with arguments that are no tuple")
        self.count_container()
        if not isinstance(function, GlobalName):
            if isinstance(function, Opaque):
                callee_name = function.what
            else:
                callee_name = type(function).__name__
            return Opaque(f"{callee_name}(...)", {"arguments": arguments})
        builder = self.builders.get(function.what)
        if builder is not None:
            return builder(self, function, arguments)
        if not self.harmless(function):
            self.note(function, calls=True)
        return Opaque(function.what, {"arguments": arguments} if arguments else None)

    def build(self, target: Any, state: Any) -> None:
        """Give an object its state, as `__setstate__` would, without running it."""
        if isinstance(target, Opaque):
            if isinstance(state, tuple) and len(state) == 2 and isinstance(state[0], dict):
                state = state[0]
            target.state = state
        elif hasattr(target, "set_state"):
            target.set_state(state)
        # Attributes of a plain dict, such as a state dict's `_metadata`, describe no tensor.

    def put_items(self, target: Any, items: list[Any]) -> None:
        """Add alternating keys and values to a mapping."""
        if isinstance(target, Opaque):
            if not isinstance(target.entries, dict):
                target.entries = {}
            target = target.entries
        if not isinstance(target, dict) or len(items) % 2:
            raise MalformedPickle("sets an item of something that is no mapping")
        for index in range(0, len(items), 2):
            target[make_safe_key(items[index])] = items[index + 1]

    def put_elements(self, target: Any, items: list[Any]) -> None:
        """Add elements to a sequence or set."""
        if isinstance(target, Opaque):
            if not isinstance(target.entries, list):
                target.entries = []
            target = target.entries
        if not isinstance(target, list):
            raise MalformedPickle("appends to something that is no sequence")
        target.extend(items)


def _explain_error(error: Exception, at_end: bool) -> str:
    if isinstance(error, MalformedPickle):
        return str(error)
    if at_end or isinstance(error, struct.error):
        return "is cut off"
    if isinstance(error, KeyError):
        return "refers to a value that it has not stored"
    return "takes more values than it has"


def _refuse_opcode(machine: PickleMachine) -> None:
    raise MalformedPickle(f"has an unknown opcode 0x{machine.data[machine.pos - 1]:02x}")


OPCODES: list[Callable[[PickleMachine], None]] = [_refuse_opcode] * 256
"""What to do per opcode byte; filled by `pickle_opcodes`."""
