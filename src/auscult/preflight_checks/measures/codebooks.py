"""Codebooks of a live quantizer: where they are, which codes are used, and which can be reached at
all.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

MIN_CODES = 4
_CODEBOOK_NAMES = re.compile(r"(embed|embedding|embeddings|codebook|codebooks|code_?words|codes)$")
_AVERAGE_BUFFERS = ("embed_sum", "cluster_usage")
"""Mimi keeps sums and counts; the codebook is their quotient."""


@dataclass(frozen=True)
class CodeUsage:
    """Which codes a batch used.

    Attributes:
        used: How many different codes.
        perplexity: exp of the entropy of their frequencies: `used` if all are equally frequent, 1
            if there is one.
        size: Codes in the book.
        vectors: How many vectors were coded.
    """

    used: int
    perplexity: float
    size: int
    vectors: int

    @property
    def possible(self) -> int:
        """The most codes that so many vectors can use."""
        return min(self.size, self.vectors)

    @property
    def share(self) -> float:
        """Perplexity over the most that is possible: 0 to 1."""
        return self.perplexity / max(1, self.possible)


def measure_usage(codes: Tensor, size: int) -> CodeUsage:
    """Count the codes of one book: integers 0 to size - 1 of any shape; negative ones (masked out)
    do not count.
    """
    flat = codes.detach().flatten().long()
    counts = torch.bincount(flat[flat >= 0], minlength=size).double()
    total = float(counts.sum())
    if total == 0:
        return CodeUsage(0, 0.0, size, 0)
    share = counts[counts > 0] / total
    return CodeUsage(len(share), float(torch.exp(-(share * share.log()).sum())), size, int(total))


def measure_unreachable(codebook: Tensor, latents: Tensor) -> float:
    """Share of the codes [codes, dim] that no vector as long as the longest of `latents` [..., dim]
    can be nearest to.

    A vector z with |z| <= R is nearer to the shortest code s than to any code longer than 2R + |s|.
    """
    lengths = codebook.detach().norm(dim=-1)
    radius = latents.detach().reshape(-1, latents.shape[-1]).norm(dim=-1).max()
    return float((lengths > 2 * radius + lengths.min()).double().mean())


@dataclass(frozen=True, eq=False)
class Codebook:
    """A table of code vectors inside a module.

    Attributes:
        name: Its dotted name in the module that was searched; `name[i]` for the i-th of several
            stacked in one tensor.
        owner: The dotted name of the module that holds the tensor.
    """

    name: str
    owner: str
    module: nn.Module
    attribute: str
    index: int | None = None

    @property
    def stored(self) -> Tensor:
        """The tensor itself, as it is stored."""
        table: Tensor = getattr(self.module, self.attribute)
        return table

    def vectors(self) -> Tensor:
        """The code vectors now, [codes, dim], detached."""
        table = self.stored.detach()
        if self.attribute == _AVERAGE_BUFFERS[0]:
            table = (
                table
                / getattr(self.module, _AVERAGE_BUFFERS[1]).detach().clamp_min(1e-5)[..., None]
            )
        if self.index is None:
            return table
        return table[self.index]

    @property
    def size(self) -> int:
        return int(self.stored.shape[-2])


def find_codebooks(module: nn.Module) -> tuple[Codebook, ...]:
    """The codebooks inside a quantizer, in the order of its modules, by their shape and name; no
    package is imported.

    Tables are nn.Embedding weights and floating tensors [codes, dim] or [books, codes, dim] that
    are called embed, embedding, codebook(s), codewords or codes, as parameters or buffers; a table
    seen twice (shared) counts once.
    """
    codebooks: list[Codebook] = []
    visited_ids: set[int] = set()
    for owner, inner in module.named_modules():
        for attribute in _iter_tables(inner):
            table = getattr(inner, attribute)
            if (
                id(table) in visited_ids
                or table.ndim not in (2, 3)
                or table.shape[-2] < MIN_CODES
                or not table.is_floating_point()
            ):
                continue
            visited_ids.add(id(table))
            name = f"{owner}.{attribute}".lstrip(".")
            if table.ndim == 2:
                codebooks.append(Codebook(name, owner, inner, attribute))
            elif table.shape[0] == 1:
                codebooks.append(Codebook(name, owner, inner, attribute, 0))
            else:
                codebooks += [
                    Codebook(f"{name}[{i}]", owner, inner, attribute, i)
                    for i in range(table.shape[0])
                ]
    return tuple(codebooks)


def _iter_tables(module: nn.Module) -> Iterator[str]:
    names = [*module._parameters, *module._buffers]
    if all(name in names for name in _AVERAGE_BUFFERS):
        yield _AVERAGE_BUFFERS[0]
    elif isinstance(module, nn.Embedding):
        yield "weight"
    else:
        yield from (
            name
            for name in names
            if _CODEBOOK_NAMES.search(name) and getattr(module, name) is not None
        )
    if isinstance(module, nn.ParameterList):
        yield from (name for name in names if name.isdigit())
