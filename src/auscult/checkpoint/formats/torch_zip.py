"""torch's zip files (`.pth`, `.pt`, `.ckpt`, `.bin` since torch 1.6) and TorchScript archives (`.jit`, `.pt` with code).

`data.pkl` is walked opcode by opcode; each storage is a member `data/<key>`, stored as it is. A TorchScript archive has the
same parts and its modules as objects of `__torch__` classes, whose code is not read. Layout: caffe2/serialize/inline_container.h.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace
from typing import Any, Literal

from auscult.checkpoint.archive import Archive, InflatedMember, read_archive
from auscult.checkpoint.contents import Contents, as_tree
from auscult.checkpoint.pickle import make_machine
from auscult.checkpoint.pickle_torch import make_persistent_loader
from auscult.checkpoint.source import ByteSource, Source
from auscult.checkpoint.torch_tensors import StorageRef
from auscult.checkpoint.zero import is_model_states, list_masters, mark_placeholders
from auscult.errors import CheckpointError
from auscult.finding import Skip

FORMAT = "torch"
CHECKED_WITH = ("torch 2.13.0", "Lightning 2.6.6")
PICKLE_NAME = "data.pkl"
CONSTANTS_NAME = "constants.pkl"
NOTE_MEMBERS = (
    *("/version", "/byteorder", "/.format_version", "/.storage_alignment"),
    "/.data/serialization_id",
)
"""What torch writes beside the weights: as its last members, so that a save that fails leaves them alone. torch 1.6 to 2.13."""
ZIP_HEADER_END = b"\x03\x04"
MAX_PICKLE_BYTES = 1 << 30
MAX_INFLATED_PICKLE_BYTES = 1 << 26


def sniff(source: Source, head: bytes) -> bool:
    """A zip archive with a `data.pkl`; a damaged one too, so that its own error is shown."""
    if head[2:4] != ZIP_HEADER_END or (head[:2] != b"PK" and not is_version_marked(head)):
        return False
    try:
        members = read_archive(source).members
    except CheckpointError:
        return source.suffix != ".npz"
    return bool(_find_pickles(members)) or _is_unfinished(members)


def _find_pickles(members: Iterable[str]) -> list[str]:
    return [name for name in members if name == PICKLE_NAME or name.endswith("/" + PICKLE_NAME)]


def _is_unfinished(members: Collection[str]) -> bool:
    """Whether torch.save opened the archive and failed: what it closes then holds its own notes and no pickle."""
    return bool(members) and all(name.endswith(NOTE_MEMBERS) for name in members)


def is_version_marked(head: bytes) -> bool:
    """Whether two digits stand where a zip file has `PK`: GPT-SoVITS writes the model's version there."""
    return head[:2].isdigit()


def read(source: Source) -> Contents:
    """Describe the tensors of the archive.

    Raises:
        CheckpointError: If the archive or its pickle is damaged or hostile.
    """
    contents = read_tree(source)
    if is_model_states(contents.tree):
        skips = (*contents.skips, *list_masters(source))
        tree = mark_placeholders(dict(contents.tree), source.where)
        return replace(contents, tree=tree, skips=skips)
    return contents


def read_tree(source: Source) -> Contents:
    """The tree as it is pickled, with what stands in a weight's place in a file of several as it is.

    Raises:
        CheckpointError: If the archive or its pickle is damaged or hostile.
    """
    archive = read_archive(source)
    name, pickle_member = _open_pickle(archive)
    prefix = name[: -len(PICKLE_NAME)]
    byteorder = _read_byteorder(archive, prefix)
    storages = ArchiveStorages(archive, prefix + "data/", byteorder)
    machine = make_machine(pickle_member, name, make_persistent_loader(storages))
    tree = machine.run()
    is_script = any(member.startswith(prefix + "code/") for member in archive.members)
    metadata = _read_text_members(archive, prefix)
    mark = source.bytes(0, 2)
    if is_version_marked(mark):
        metadata["version mark in place of PK"] = mark.decode()
    skips: list[Skip] = []
    if is_script and _is_frozen(archive, prefix):
        tree = {"constants": _read_constants(archive, prefix, byteorder)}
        metadata["frozen"] = "the weights are constants of the code, without their names"
    elif is_script:
        skips = _skip_constants(archive, prefix)
    return Contents(
        tree=as_tree(tree),
        metadata=metadata,
        hazards=tuple(machine.hazards.values()),
        skips=tuple(skips),
        format="torchscript" if is_script else None,
    )


def _open_pickle(archive: Archive) -> tuple[str, ByteSource]:
    """The pickle that names the tensors, with its own name in the archive."""
    if _is_unfinished(archive.members):
        raise CheckpointError(
            "is an unfinished file: torch.save stopped before it wrote the weights",
            where=archive.source.where,
            hint="save again: an object that cannot be pickled (a module with parametrisations, a lambda) stops it;"
            " save the state_dict() of a module instead of the module",
        )
    names = _find_pickles(archive.members)
    if not names:
        raise CheckpointError(
            f"is a zip archive without {PICKLE_NAME}",
            where=archive.source.where,
            hint="this is no file of torch.save: give the file inside",
        )
    name = min(names, key=len)
    pickle_member = archive.open(name)
    if isinstance(pickle_member, InflatedMember):
        max_bytes = MAX_INFLATED_PICKLE_BYTES
    else:
        max_bytes = MAX_PICKLE_BYTES
    if pickle_member.size > max_bytes:
        raise CheckpointError(
            f"{name} is too large",
            where=archive.source.where,
            expected=f"at most {max_bytes} bytes",
            found=pickle_member.size,
        )
    return name, pickle_member


def _is_frozen(archive: Archive, prefix: str) -> bool:
    """Whether a script keeps no tensor in its state, and some among its constants: `torch.jit.freeze`."""
    members = archive.members
    has_state = any(member.startswith(prefix + "data/") for member in members)
    return not has_state and any(member.startswith(prefix + "constants/") for member in members)


def _read_constants(archive: Archive, prefix: str, byteorder: Literal["<", ">"]) -> Any:
    """The constants of the code, in the order of their numbers."""
    storages = ArchiveStorages(archive, prefix + "constants/", byteorder)
    member = archive.open(prefix + CONSTANTS_NAME)
    if member.size > MAX_INFLATED_PICKLE_BYTES:
        raise CheckpointError(f"{CONSTANTS_NAME} is too large", where=archive.source.where)
    return make_machine(member, CONSTANTS_NAME, make_persistent_loader(storages)).run()


class ArchiveStorages:
    """The storages of an archive: one member each."""

    def __init__(self, archive: Archive, prefix: str, byteorder: Literal["<", ">"]) -> None:
        self.archive = archive
        self.prefix = prefix
        self.byteorder = byteorder
        self._opened: dict[str, ByteSource] = {}

    def note_storage(self, storage: StorageRef) -> None:
        """Nothing to note: the archive's directory says how long a storage is."""

    def place(self, storage: StorageRef) -> tuple[ByteSource, int, int]:
        data = self._opened.get(storage.key)
        if data is None:
            data = self._opened[storage.key] = self.archive.open(self.prefix + storage.key)
        return data, 0, data.size


def _read_byteorder(archive: Archive, prefix: str) -> Literal["<", ">"]:
    if prefix + "byteorder" not in archive.members:
        return "<"
    member = archive.open(prefix + "byteorder")
    order_text = bytes(member.view(0, min(member.size, 16)))
    if order_text not in (b"little", b"big"):
        raise CheckpointError(
            "names an unknown byte order",
            where=archive.source.where,
            expected="little or big",
            found=order_text,
        )
    if order_text == b"big":
        return ">"
    return "<"


def _read_text_members(archive: Archive, prefix: str) -> dict[str, str]:
    """The small text members that torch adds, such as its file version."""
    texts = {}
    for name, key in (
        ("version", "torch file version"),
        (".format_version", "torch format version"),
    ):
        if prefix + name in archive.members:
            member = archive.open(prefix + name)
            texts[key] = str(member.view(0, min(member.size, 32)), "ascii", "replace").strip()
    return texts


def _skip_constants(archive: Archive, prefix: str) -> list[Skip]:
    count = sum(member.startswith(prefix + "constants/") for member in archive.members)
    if count:
        return [
            Skip(
                prefix + "constants.pkl",
                f"{count} constants of the code: not part of the module's state",
            )
        ]
    return []
