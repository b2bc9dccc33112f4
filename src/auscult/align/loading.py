"""What PyTorch's `load_state_dict` would do with a file and a model, tensor by tensor.

`Module.load_state_dict` copies every tensor whose name and shape match *before* it raises, so a caught exception leaves a
model that is partly loaded, not one that is untouched. `strict=False` forgives missing and unexpected names; a size mismatch
raises even then (torch/nn/modules/module.py, `_load_from_state_dict` and `load_state_dict`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from auscult.weights import Checkpoint


@dataclass(frozen=True)
class LoadOutcome:
    """The state in which `load_state_dict` leaves a model.

    Attributes:
        copied: Names in the model that receive the file's values.
        mismatched: Names on both sides whose shapes differ: not copied, and the reason to raise even if not strict.
        missing: Names in the model that the file lacks.
        unexpected: Names in the file that the model lacks.
        values_copied: Elements in `copied`.
        values_total: Elements in the file.
    """

    copied: tuple[str, ...]
    mismatched: tuple[str, ...]
    missing: tuple[str, ...]
    unexpected: tuple[str, ...]
    values_copied: int
    values_total: int

    @property
    def share(self) -> float:
        """Share of the file's values that get into the model, 0 to 1."""
        if self.values_total:
            return self.values_copied / self.values_total
        return 0.0

    @property
    def partial(self) -> bool:
        """Whether a model is left that holds some of the file and some of its own initial weights."""
        return bool(self.copied) and bool(self.mismatched)


def simulate_load(
    file: Checkpoint, template: Checkpoint, renamed: Mapping[str, str] | None = None
) -> LoadOutcome:
    """What `template.load_state_dict(file)` would copy, leave, and complain about.

    Args:
        renamed: File name to model name, for what a loader does first (strip a prefix); names not in it stay as they are.
    """
    tensors_by_name = {(renamed or {}).get(name, name): tensor for name, tensor in file.items()}
    shared_names = [name for name in template if name in tensors_by_name]
    copied = tuple(
        name for name in shared_names if tensors_by_name[name].shape == template[name].shape
    )
    return LoadOutcome(
        copied=copied,
        mismatched=tuple(
            name for name in shared_names if tensors_by_name[name].shape != template[name].shape
        ),
        missing=tuple(name for name in template if name not in tensors_by_name),
        unexpected=tuple(name for name in tensors_by_name if name not in template),
        values_copied=sum(tensors_by_name[name].size for name in copied),
        values_total=file.parameters,
    )
