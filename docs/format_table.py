"""The page of file formats, from the readers themselves: what is read, checked with which libraries, and what is not."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from types import ModuleType

from auscult import plugins
from auscult.checkpoint.ggml import BIG_ENDIAN_TYPES, BLOCK_TYPES, DEQUANTIZE
from auscult.checkpoint.ggml_errors import BLOCK_ERRORS
from auscult.checkpoint.quantised import SCHEMES_PACKAGE
from auscult.checkpoint.unknown import FILE_LOOKS

FORMATS_PACKAGE = "auscult.checkpoint.formats"
WRITERS_PACKAGE = "auscult.checkpoint.writers"
HEAD = """# File formats

Generated from the readers of `src/auscult/checkpoint/formats/`; a new one appears here by itself. auscult looks at the first
bytes of a file, never at its name alone. It executes nothing that is in a file, loads no framework to read one, and reads the
values of a tensor only when they are needed. `checked with` names the libraries, with their versions, whose files were read and
compared with what they were made of; where none is named, the files of the tests are made after the format's public description.

## What is read
"""
WRITTEN = """## What is written

`auscult convert SOURCE DESTINATION` chooses by the suffix of DESTINATION. Every tensor is proven on the way.
"""
QUANTISED = """## Quantised weights

A weight that a quantiser stored as codes with scales is one weight, with the shape of the model: `inspect` says its bits and
group, `diff` holds it against the float weight within the error that its format allows, and `convert` writes real numbers.
The same schemes read live modules. Each is held against its package bit for bit by a slow test,
`tests/checkpoint/quantised/test_against_packages.py`. In graphs (ONNX, LiteRT, Core ML, OpenVINO, MNN) the scales belong to the
graph, and its reader takes them from there.
"""
NOT_READ = """## What is not read

A file that no reader knows is an error that says what it looks like. What to do with each:
"""
UNREAD_PARTS = """Parts of files that are read otherwise; each is skipped by its name, so that nothing is called equal:
"""


def write_page() -> str:
    """The whole page."""
    parts = [
        HEAD,
        _make_table(("format", "what it is", "checked with"), _iter_format_rows()),
        WRITTEN,
        _make_table(("format", "suffixes", "what it is"), _iter_writer_rows()),
        QUANTISED,
        _make_table(("scheme", "what it is", "checked with"), _iter_scheme_rows()),
        _describe_blocks(),
        NOT_READ,
        _make_table(("the file", "what to do"), _iter_unread_rows()),
        UNREAD_PARTS,
        _list_unread_parts(),
    ]
    return "\n".join(parts)


def _iter_format_rows() -> Iterator[Sequence[str]]:
    for module in _load_modules(FORMATS_PACKAGE):
        yield f"`{module.FORMAT}`", _get_summary(module), _list_versions(module)


def _iter_writer_rows() -> Iterator[Sequence[str]]:
    for module in _load_modules(WRITERS_PACKAGE):
        if hasattr(module, "FORMAT"):
            suffixes = " ".join(f"`{suffix}`" for suffix in module.SUFFIXES)
            yield f"`{module.FORMAT}`", suffixes, _get_summary(module)


def _iter_scheme_rows() -> Iterator[Sequence[str]]:
    for module in _load_modules(SCHEMES_PACKAGE):
        yield module.NAME, _get_summary(module), _list_versions(module)


def _describe_blocks() -> str:
    """ggml's block types, by who dequantises them."""
    names = [block.name for block in BLOCK_TYPES.values()]
    by_package = [name for name in names if name in BLOCK_ERRORS and name not in DEQUANTIZE]
    unread = [name for name in names if name not in BLOCK_ERRORS and name not in DEQUANTIZE]
    lines = [
        f"- ggml's blocks that auscult dequantises itself: {_join_names(DEQUANTIZE)}.",
        f"- With the gguf package (`pip install 'auscult-audio[gguf]'`): {_join_names(by_package)}.",
        f"- Not read, and said so of each tensor: {_join_names(unread)}. Of big-endian files only "
        f"{_join_names(sorted(BIG_ENDIAN_TYPES))} are read.",
    ]
    return "\n".join(lines) + "\n"


def _iter_unread_rows() -> Iterator[Sequence[str]]:
    for _, problem, remedy in FILE_LOOKS:
        yield problem.replace("<", "&lt;"), remedy
    yield (
        "is of a format that auscult does not know",
        "convert it to one of the formats above with the library that wrote it",
    )


def _list_unread_parts() -> str:
    """What the readers name themselves, one a line."""
    lines: list[str] = []
    for module in _load_modules(FORMATS_PACKAGE):
        lines += [f"- `{module.FORMAT}`: {part}." for part in getattr(module, "UNREAD_PARTS", ())]
    return "\n".join(lines) + "\n"


def _load_modules(package: str) -> list[ModuleType]:
    modules = plugins.import_modules(package)
    return sorted(modules, key=lambda module: module.__name__)


def _get_summary(module: ModuleType) -> str:
    """The first sentence of the module's docstring."""
    return (module.__doc__ or "").strip().split("\n", 1)[0].rstrip(".")


def _list_versions(module: ModuleType) -> str:
    return ", ".join(getattr(module, "CHECKED_WITH", ())) or "-"


def _join_names(names: Iterable[str]) -> str:
    return ", ".join(name.upper() for name in names)


def _make_table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [titles, ["---"] * len(titles), *rows]
    return "\n".join(f"| {' | '.join(cells).replace(chr(10), ' ')} |" for cells in lines) + "\n"
