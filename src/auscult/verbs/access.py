"""What a server may reach for an agent or a page: files below given folders, and code only where that is allowed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from auscult.checkpoint.target import is_code
from auscult.errors import UsageError


@dataclass(frozen=True)
class Access:
    """What may be read, written and run.

    Attributes:
        roots: Folders, resolved; everything below them may be read, and new files written there.
        is_code_allowed: Whether a target such as `model.py:build` may be run.
    """

    roots: tuple[Path, ...]
    is_code_allowed: bool = False

    @classmethod
    def below(cls, roots: Sequence[str | Path], *, is_code_allowed: bool = False) -> Access:
        """Access to some folders.

        Raises:
            UsageError: If one is no folder.
        """
        for root in roots:
            if not Path(root).is_dir():
                raise UsageError(
                    "is no folder", where=str(root), hint="name a folder that is there"
                )
        return cls(tuple(Path(root).resolve() for root in roots), is_code_allowed)

    def resolve_file(self, path: str) -> str:
        """The path with its links followed; a relative one is looked for below the first root.

        Raises:
            UsageError: If it leads out of the roots.
        """
        resolved = (self.roots[0] / path).resolve()
        if not any(resolved.is_relative_to(root) for root in self.roots):
            raise UsageError(
                "lies outside the folders that this server may reach",
                where=path,
                expected=" or ".join(map(str, self.roots)),
                found=str(resolved.parent),
                hint="start the server with another --root",
            )
        return str(resolved)

    def resolve_target(self, target: str) -> str:
        """A file, or code if that is allowed.

        Raises:
            UsageError: If it leads out of the roots, or is code and code is not allowed.
        """
        if (self.roots[0] / target).exists() or not is_code(target):
            return self.resolve_file(target)
        if not self.is_code_allowed:
            raise UsageError(
                "is code, which this server does not run",
                where=target,
                hint="the person who starts the server can allow it with --allow-code",
            )
        file, _, name = target.rpartition(":")
        return f"{self.resolve_file(file)}:{name}" if file.endswith(".py") else target
