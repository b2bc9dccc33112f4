"""In which framework's layout a checkpoint is, by facts that only one of them has."""

from __future__ import annotations

from auscult.errors import RecipeError
from auscult.recipe.layer_evidence import MIN_CONV_RANK
from auscult.recipe.layout import Framework
from auscult.recipe.weight_names import collect_weights, group_recurrent_weights
from auscult.weights import Checkpoint

LAYOUT_BY_FORMAT: dict[str, Framework] = {
    "torch": "torch",
    "torch-legacy": "torch",
    "torchscript": "torch",
    "onnx": "torch",  # ONNX's Conv and ConvTranspose store weights as torch does
    "coreml": "torch",  # so do those of Core ML's MIL: conv (out, in, k), conv_transpose (in, out, k), linear (out, in)
    "code:torch": "torch",
    "code:mlx": "mlx",
}
LAYOUT_BY_METADATA: dict[str, Framework] = {"mlx": "mlx"}
"""`format` in a safetensors header. `pt` is no evidence: torch's writer puts it into files of any layout."""

LayoutVote = tuple[Framework, str]


def detect_source_layout(
    checkpoint: Checkpoint, detected: Framework | None = None, declared: Framework | None = None
) -> Framework:
    """The layout of a checkpoint.

    Args:
        detected: What the family's detection says.
        declared: What the user says; it wins over what names and detection suggest, but not over the biases.

    Raises:
        RecipeError: If nothing tells, or facts disagree.
    """
    facts = collect_bias_votes(checkpoint)
    if declared is not None:
        if facts and facts[0][0] != declared:
            raise RecipeError(
                "is in another layout than was said",
                where=facts[0][1],
                expected=declared,
                found=facts[0][0],
            )
        return declared
    votes = [*facts, *_collect_votes(checkpoint)]
    if detected is not None:
        votes.append((detected, "the detected family's names and shapes"))
    layouts = {layout for layout, _ in votes}
    if len(layouts) == 1:
        return votes[0][0]
    if not layouts and not _has_convolution_axes(checkpoint):
        return "torch"  # matrices and vectors are the same in both
    if not layouts:
        raise RecipeError(
            "nothing in the file tells whether its weights are in PyTorch's or in MLX's layout",
            where=checkpoint.path,
            hint="say it with --from torch or --from mlx, or give --like module:callable",
        )
    votes_text = "; ".join(
        f"{layout}: {next(reason for voted_layout, reason in votes if voted_layout == layout)}"
        for layout in sorted(layouts)
    )
    raise RecipeError(
        "has weights in two layouts, or evidence that contradicts itself",
        where=checkpoint.path,
        found=votes_text,
        hint="`auscult inspect` shows which tensors; settle it with --like module:callable",
    )


def _has_convolution_axes(checkpoint: Checkpoint) -> bool:
    """Whether any tensor has as many axes as a convolution's weight."""
    return any(len(tensor.shape) >= MIN_CONV_RANK for tensor in checkpoint.values())


def collect_bias_votes(checkpoint: Checkpoint) -> list[LayoutVote]:
    """A bias along axis 1 of an unsquare weight is a transposed convolution in torch's layout; MLX's is always along axis 0."""
    votes: list[LayoutVote] = []
    for name, weight in collect_weights(checkpoint).items():
        shape = checkpoint[weight.parts[-1]].shape
        bias = checkpoint[weight.bias].shape if weight.bias in checkpoint else ()
        if len(shape) >= 3 and len(bias) == 1 and bias[0] == shape[1] != shape[0]:
            votes.append(("torch", f"{name} {list(shape)} has its bias along axis 1"))
    return votes


def _collect_votes(checkpoint: Checkpoint) -> list[LayoutVote]:
    votes: list[LayoutVote] = []
    if checkpoint.format in LAYOUT_BY_FORMAT:
        votes.append((LAYOUT_BY_FORMAT[checkpoint.format], f"the file is {checkpoint.format}"))
    stated_layout = LAYOUT_BY_METADATA.get(checkpoint.metadata.get("format", ""))
    if stated_layout is not None:
        votes.append((stated_layout, "its header says so"))
    names = set(checkpoint)
    tracked = next((name for name in names if name.endswith("num_batches_tracked")), None)
    normed = next(
        (weight.name for weight in collect_weights(checkpoint).values() if weight.is_normed), None
    )
    recurrent = next(iter(group_recurrent_weights(checkpoint.tensors)), None)
    for name, reason in (
        (tracked, "only torch counts batches"),
        (normed, "only torch has weight norm"),
        (recurrent, "torch's names"),
    ):
        if name is not None:
            votes.append(("torch", f"{name}: {reason}"))
    input_weight_name = next(
        (name for name in names if name.endswith((".Wx", ".Wxh")) and name[:-2] + "Wh" in names),
        None,
    )
    if input_weight_name is not None:
        votes.append(("mlx", f"{input_weight_name}: MLX's name of a recurrent weight"))
    return votes
