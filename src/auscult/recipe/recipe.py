"""Recipe: a reversible mapping from one checkpoint's names, layouts and parametrisations to another's, as data."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from auscult.errors import RecipeError
from auscult.finding import Json
from auscult.recipe.entry import Entry
from auscult.weights import Checkpoint

if TYPE_CHECKING:
    from auscult.recipe.proof import Proof

RECIPE_VERSION = 1
RestPolicy = Literal["refuse", "keep"]


@dataclass(frozen=True)
class Recipe:
    """Entries in the order of the targets. Every source and every target name occurs once.

    Attributes:
        rest: What happens to tensors that no entry names: `refuse` (the recipe claims to know the whole checkpoint), or
            `keep` under their own name (the recipe is a patch).
    """

    entries: tuple[Entry, ...]
    rest: RestPolicy = "refuse"

    def __post_init__(self) -> None:
        for side in ("sources", "targets"):
            counts = Counter(name for entry in self.entries for name in getattr(entry, side))
            repeated_names = [name for name, count in counts.items() if count > 1]
            if repeated_names:
                raise RecipeError(
                    f"names {side} twice", where="recipe", found=", ".join(repeated_names[:5])
                )

    @classmethod
    def identity(cls, checkpoint: Checkpoint) -> Recipe:
        """Every tensor under its own name."""
        return cls(
            tuple(
                Entry((name,), (name,), (), (tensor.shape,)) for name, tensor in checkpoint.items()
            )
        )

    @property
    def lossless(self) -> bool:
        """Whether the inverse brings back every bit."""
        return all(entry.lossless for entry in self.entries)

    @property
    def source_names(self) -> tuple[str, ...]:
        return tuple(name for entry in self.entries for name in entry.sources)

    @property
    def target_names(self) -> tuple[str, ...]:
        return tuple(name for entry in self.entries for name in entry.targets)

    def bind(self, checkpoint: Mapping[str, Any]) -> Recipe:
        """The same recipe with all tensors of the checkpoint accounted for, and their shapes filled in.

        Raises:
            RecipeError: If a source is missing, a tensor is not mentioned (`rest="refuse"`), or a shape does not fit.
        """
        missing = [name for name in self.source_names if name not in checkpoint]
        if missing:
            raise _make_unaccounted_error(
                "names tensors that the checkpoint does not have", missing
            )
        named_sources = set(self.source_names)
        unnamed = [name for name in checkpoint if name not in named_sources]
        if unnamed and self.rest == "refuse":
            raise _make_unaccounted_error(
                "does not say what becomes of every tensor",
                unnamed,
                'add them, or set "rest": "keep"',
            )
        clash = sorted(set(unnamed) & set(self.target_names))
        if clash:
            raise _make_unaccounted_error("writes over tensors that it does not mention", clash)
        entries = [*self.entries, *(Entry((name,), (name,)) for name in unnamed)]
        bound = [
            replace(entry, shapes=tuple(checkpoint[name].shape for name in entry.sources))
            for entry in entries
        ]
        for entry in bound:
            entry.target_shapes(entry.shapes or ())
        return Recipe(tuple(bound))

    def apply(self, checkpoint: Checkpoint) -> Checkpoint:
        """The target checkpoint, computed tensor by tensor when it is read; holds the sources of one entry at a time.

        Raises:
            RecipeError: If the recipe does not fit the checkpoint.
        """
        from auscult.recipe.lazy import apply_recipe

        return apply_recipe(self.bind(checkpoint), checkpoint)

    def invert(self) -> Recipe:
        """The recipe that leads back.

        Raises:
            RecipeError: If an operation has no inverse; the message says what is lost.
        """
        return Recipe(tuple(entry.invert() for entry in self.entries), self.rest)

    def compose(self, then: Recipe) -> Recipe:
        """One recipe that does this one and then the other.

        Raises:
            RecipeError: If the other one names tensors that this one does not give, or leaves some out.
        """
        from auscult.recipe.compose import compose_recipes

        return compose_recipes(self, then)

    def prove(self, checkpoint: Checkpoint) -> Proof:
        """The round trip over the actual data, tensor by tensor; see `auscult.recipe.proof`.

        Raises:
            RecipeError: If the recipe does not fit the checkpoint.
        """
        from auscult.recipe.proof import prove_recipe

        return prove_recipe(self, checkpoint)

    def code(self, framework: Literal["mlx", "torch"]) -> str:
        """The mapping as Python: `sanitize(weights)` for MLX, `convert(state)` and `load(module, path)` for PyTorch.

        Raises:
            RecipeError: If an operation cannot be printed, or the recipe was never bound to shapes.
        """
        from auscult.recipe.codegen import generate_code

        return generate_code(self, framework)

    def to_json(self) -> Json:
        """A versioned JSON object."""
        return {
            "auscult_recipe": RECIPE_VERSION,
            "rest": self.rest,
            "entries": [entry.to_json() for entry in self.entries],
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Recipe:
        """The recipe that `to_json` described.

        Raises:
            RecipeError: If it is not one, or of a later version.
        """
        version = data.get("auscult_recipe") if isinstance(data, Mapping) else None
        if not isinstance(version, int) or not isinstance(data.get("entries"), list):
            raise RecipeError(
                "is not a recipe",
                where="recipe",
                expected='{"auscult_recipe": 1, "entries": [...]}',
            )
        if version > RECIPE_VERSION:
            raise RecipeError(
                "is from a later auscult",
                where="recipe",
                expected=f"version {RECIPE_VERSION}",
                found=version,
            )
        rest_policy = data.get("rest", "refuse")
        if rest_policy not in ("refuse", "keep"):
            raise RecipeError(
                "has an unknown rest", where="recipe", expected="refuse or keep", found=rest_policy
            )
        return cls(tuple(Entry.from_json(entry) for entry in data["entries"]), rest_policy)

    def save(self, path: Path) -> None:
        """Write the recipe as JSON, one entry a line."""
        lines = ",\n".join("  " + json.dumps(entry.to_json()) for entry in self.entries)
        text = f'{{"auscult_recipe": {RECIPE_VERSION}, "rest": "{self.rest}", "entries": [\n{lines}\n]}}\n'
        path.write_text(text, encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> Recipe:
        """Read a saved recipe.

        Raises:
            RecipeError: If the file cannot be read or is not a recipe.
        """
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise RecipeError(f"cannot be read: {error.strerror}", where=str(path)) from error
        except ValueError as error:
            raise RecipeError(f"is not JSON: {error}", where=str(path)) from error
        return cls.from_json(data)


def from_entries(entries: Iterable[Mapping[str, Any]], rest_policy: RestPolicy = "keep") -> Recipe:
    """A recipe from the entries that a Fix carries; a patch unless said otherwise."""
    return Recipe(tuple(Entry.from_json(entry) for entry in entries), rest_policy)


def _make_unaccounted_error(problem: str, names: list[str], hint: str | None = None) -> RecipeError:
    shown = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
    return RecipeError(problem, where="recipe", found=shown, hint=hint)
