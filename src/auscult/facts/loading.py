"""The line of Python that loads a group of weights out of a file, for the formats whose own library has one."""

from __future__ import annotations

TORCH_FORMATS = ("torch", "torch-legacy", "memory")
"""Formats that `torch.load` reads; a checkpoint in memory is spoken of as if it had come from one."""


def write_unwrapping_code(format_name: str, label: str) -> str | None:
    """How a torch program takes the group `label`, such as `["model"]`, out of a file; None for other libraries' files.

    A distributed checkpoint is turned into a plain one first, by torch.distributed.checkpoint.format_utils.
    """
    if format_name in TORCH_FORMATS:
        return f"model.load_state_dict(torch.load(path){label})"
    if format_name == "torch-dcp":
        return (
            'format_utils.dcp_to_torch_save(path, "model.pth");'
            f' model.load_state_dict(torch.load("model.pth"){label})'
        )
    return None
