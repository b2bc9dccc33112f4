"""The proof of a recipe: the way there and back over the actual data, tensor by tensor, and every tensor accounted for.

A chain of lossless operations must bring back every bit of the sources. An operation that rounds must come back within the
error of its number format (`Op.error`, in units of that error). A tensor that is dropped is counted as dropped.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from auscult.errors import RecipeError
from auscult.recipe.blocks import has_same_bits
from auscult.recipe.entry import Entry
from auscult.recipe.op import Op
from auscult.recipe.recipe import Recipe
from auscult.verdict import Coverage, Equality, MappingEntry
from auscult.weights import Array, Checkpoint


@dataclass(frozen=True)
class EntryProof:
    """What the round trip of one entry showed.

    Attributes:
        error: Largest error in units of the format's own rounding: 0 bit for bit, up to 1 within it, above 1 failed.
        number_format: The format that rounds, where one does.
        dropped: Whether the entry leaves tensors out without keeping their values.
    """

    entry: Entry
    equality: Equality
    error: float = 0.0
    number_format: str | None = None
    dropped: bool = False

    def mapping(self) -> MappingEntry:
        """The line of a report."""
        ops = tuple(op.to_json() for op in self.entry.ops)
        return MappingEntry(
            self.entry.sources, self.entry.targets, ops, self.equality, self.number_format
        )


@dataclass(frozen=True)
class Proof:
    """The proofs of all entries of a recipe over one checkpoint."""

    entries: tuple[EntryProof, ...]

    @property
    def failed(self) -> tuple[EntryProof, ...]:
        return tuple(proof for proof in self.entries if proof.equality is Equality.DIFFERENT)

    @property
    def holds(self) -> bool:
        """Whether every entry came back."""
        return not self.failed

    def coverage(self) -> Coverage:
        """Source tensors (and, where an entry has none, the tensors that it makes), each in one bucket."""
        buckets = dict.fromkeys(
            ("identical", "equivalent", "close", "different", "dropped", "added"), 0
        )
        for proof in self.entries:
            buckets[classify_proof(proof)] += len(proof.entry.sources) or len(proof.entry.targets)
        return Coverage("tensors", buckets)

    def require(self) -> Proof:
        """This proof, if it holds.

        Raises:
            RecipeError: If an entry did not come back; names the first ones.
        """
        if self.failed:
            raise make_failure_error(self.failed)
        return self


def classify_proof(proof: EntryProof) -> str:
    """`identical` with no ops, `equivalent` exact after ops, `close` within rounding, `dropped`, `added`, or `different`."""
    if proof.equality is Equality.DIFFERENT:
        return "different"
    if not proof.entry.sources:
        return "added"
    if proof.dropped or not proof.entry.targets:
        return "dropped"
    if proof.equality is Equality.CLOSE:
        return "close"
    if proof.entry.ops:
        return "equivalent"
    return "identical"


def make_failure_error(failed: Iterable[EntryProof]) -> RecipeError:
    """The error that names what did not survive."""
    proofs = list(failed)
    shown = ", ".join(f"{proof.entry.label} (error {proof.error:.3g})" for proof in proofs[:3])
    more = f" and {len(proofs) - 3} more" if len(proofs) > 3 else ""
    return RecipeError(
        "did not survive its round trip",
        where="recipe",
        expected="an error of at most 1 unit of its number format",
        found=shown + more,
        hint="nothing was written; a value may overflow the target's dtype, or a weight-norm direction may be all zeros",
    )


def prove_entry(entry: Entry, arrays: Sequence[Array]) -> tuple[list[Array], EntryProof]:
    """The targets of an entry, and the proof that they lead back to `arrays`.

    Raises:
        RecipeError: If an operation does not fit.
    """
    stages = entry.stages(arrays)
    targets = stages[-1]
    if entry.lossless:
        restored = list(targets)
        for op in reversed(entry.ops):
            restored = op.inverse().apply(restored)
        exact = all(map(has_same_bits, restored, arrays))
        return targets, EntryProof(
            entry, Equality.EXACT if exact else Equality.DIFFERENT, 0.0 if exact else float("inf")
        )
    error = max(
        op.error(inputs, outputs)
        for op, inputs, outputs in zip(entry.ops, stages, stages[1:], strict=False)
    )
    if not error <= 1:
        equality = Equality.DIFFERENT
    elif error > 0:
        equality = Equality.CLOSE
    else:
        equality = Equality.EXACT
    dropped = any(op.op == "drop" for op in entry.ops if not op.lossless)
    return targets, EntryProof(
        entry,
        equality,
        error,
        None if error == 0 else find_rounding_format(entry.ops, targets),
        dropped,
    )


def find_rounding_format(ops: Sequence[Op], targets: Sequence[Array]) -> str:
    """The number format whose rounding explains the difference."""
    for op in ops:
        if not op.lossless and op.op in ("cast", "quantize"):
            return str(op.to_json()["dtype"])
    if targets:
        return targets[0].dtype.name
    return "none"


def prove_recipe(recipe: Recipe, checkpoint: Checkpoint) -> Proof:
    """Run the round trip of every entry; holds the tensors of one entry at a time.

    Raises:
        RecipeError: If the recipe does not fit the checkpoint. A failed round trip is reported in the proof.
    """
    return Proof(
        tuple(
            _prove_from_checkpoint(entry, checkpoint) for entry in recipe.bind(checkpoint).entries
        )
    )


def _prove_from_checkpoint(entry: Entry, checkpoint: Checkpoint) -> EntryProof:
    arrays = [checkpoint[name].numpy() for name in entry.sources]
    return prove_entry(entry, arrays)[1]
