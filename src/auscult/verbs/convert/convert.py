"""convert: a checkpoint in another format, another framework's layout, another model's names;
proven, then put in place.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any, Literal

from auscult.checkpoint.writers import find_writer
from auscult.errors import UsageError
from auscult.facts.progress import Progress
from auscult.finding import Json, Skip
from auscult.recipe import Recipe
from auscult.recipe.layout import Framework
from auscult.recipe.lazy import apply_recipe
from auscult.recipe.proof import classify_proof
from auscult.recipe.write import WriteOutcome, write_recipe
from auscult.report.sections.convert import ConvertSection
from auscult.verbs.convert.decoded import DecodedKind, measure_decoded
from auscult.verbs.convert.left_out import (
    LeftOut,
    account_for_rest,
    add_dropped_entries,
    drop_named_weights,
)
from auscult.verbs.convert.plan import (
    ConversionPlan,
    cast_recipe,
    load_recipe,
    plan_for_framework,
    plan_like,
    recipe_for_dequantizing,
)
from auscult.verdict import Coverage, Report, Verdict
from auscult.weights import Checkpoint

METADATA: dict[Framework, dict[str, str]] = {"mlx": {"format": "mlx"}, "torch": {"format": "pt"}}


@dataclass(frozen=True)
class WriteOptions:
    """How to write, apart from what.

    Attributes:
        shard_bytes: Limit of one safetensors file.
        force: Replace a destination that is there.
        dry_run: Prove without writing.
        allow_missing: Accept a template with tensors that the source lacks.
        drop: Names of weights that may be left out, or patterns of them (`*` matches anything).
    """

    force: bool = False
    dry_run: bool = False
    allow_missing: bool = False
    shard_bytes: int | None = None
    drop: tuple[str, ...] = ()
    save_recipe: Path | None = None
    emit_code: Literal["mlx", "torch"] | None = None


def convert(
    source: str | Path | Checkpoint,
    destination: str | Path | None,
    *,
    to: Framework | None = None,
    like: str | Checkpoint | None = None,
    recipe: Recipe | str | Path | None = None,
    from_layout: Framework | None = None,
    container: str | None = None,
    dtype: str | None = None,
    like_kwargs: dict[str, Any] | None = None,
    options: WriteOptions | None = None,
    progress: Progress | None = None,
) -> Report:
    """Convert a checkpoint, prove that nothing was lost, and write it in the format of the
    destination's suffix.

    Every tensor is converted back while it is written, and compared with its source. A file with weights that were
    decoded from a quantiser's codes is read back as well, and held against the decoded numbers. The file gets
    its name only if all of them agree; otherwise nothing is left. The source is never changed. A weight
    of the source that the file would lack is an error, unless `options.drop` names it.

    Args:
        source: A file, shard folder, `module:callable`, or an open checkpoint.
        destination: The new file. None: prove the conversion, and write nothing.
        to: The framework whose layout the new file gets, with the same names.
        like: A file or `module:callable`. The new file gets its names, layout, parametrisation and
            dtypes.
        recipe: A saved recipe, or its file.
        from_layout: The source's layout, if the file does not show it.
        container: Which group of tensors to take, such as `["ema"]`.
        dtype: Number format of floating tensors.
        progress: Called with (bytes done, bytes in all, tensor).

    Raises:
        RecipeError: If something is ambiguous, does not fit, does not survive its round trip, or if a
            weight would be left out.
        CheckpointError: If the source cannot be read or the destination not be written.
        UsageError: If the arguments do not fit together, or the destination is the source or
            already there.
    """
    options = options or WriteOptions()
    if sum(option is not None for option in (to, like, recipe)) > 1:
        problem = "only one of --to, --like and --recipe can say what the result is"
        raise UsageError(problem, where="convert")
    destination_path = None if destination is None else Path(destination)
    if destination_path is not None:
        _check_destination(destination_path, [source, like, recipe], dry_run=options.dry_run)
    if isinstance(source, Checkpoint):
        checkpoint = source
    else:
        checkpoint = _open_checkpoint(str(source), container)
    kept, dropped = drop_named_weights(checkpoint, options.drop)
    wanted = _WantedResult(to, like, recipe, from_layout, like_kwargs)
    plan = _make_plan(kept, wanted, options, progress)
    left_out = account_for_rest(kept, plan.recipe, dropped, is_recipe_given=recipe is not None)
    if dtype is not None:
        plan = replace(plan, recipe=cast_recipe(plan.recipe, kept, dtype))
    code = plan.recipe.code(options.emit_code) if options.emit_code is not None else None
    decoded = measure_decoded(kept, plan.recipe)
    outcome = _write_result(
        plan, kept, destination_path, options, progress=progress, decoded=decoded
    )
    if options.save_recipe is not None:
        add_dropped_entries(plan.recipe, checkpoint, dropped).save(options.save_recipe)
    conversion = _Conversion(plan, outcome, left_out, decoded)
    return _build_report(checkpoint, destination_path, conversion, code)


def _write_result(
    plan: ConversionPlan,
    checkpoint: Checkpoint,
    destination: Path | None,
    options: WriteOptions,
    *,
    progress: Progress | None,
    decoded: tuple[DecodedKind, ...],
) -> WriteOutcome:
    metadata = dict(checkpoint.metadata)
    if plan.framework is not None:
        metadata = METADATA[plan.framework]
    return write_recipe(
        plan.recipe,
        checkpoint,
        None if options.dry_run else destination,
        metadata=metadata,
        force=options.force,
        shard_bytes=options.shard_bytes,
        read_back=bool(decoded),
        progress=progress,
    )


@dataclass(frozen=True)
class _WantedResult:
    """What says how the result is to be; the arguments of `convert` say what each means."""

    to: Framework | None
    like: str | Checkpoint | None
    recipe: Recipe | str | Path | None
    from_layout: Framework | None
    like_kwargs: dict[str, Any] | None


def _make_plan(
    checkpoint: Checkpoint, wanted: _WantedResult, options: WriteOptions, progress: Progress | None
) -> ConversionPlan:
    """The recipe that was asked for; quantised tensors become real numbers first, unless a recipe
    says otherwise.
    """
    if wanted.recipe is not None:
        return ConversionPlan(load_recipe(wanted.recipe).bind(checkpoint))
    dequantizing_recipe = recipe_for_dequantizing(checkpoint)
    if dequantizing_recipe is None:
        view = checkpoint
    else:
        view = replace(apply_recipe(dequantizing_recipe, checkpoint), modules=checkpoint.modules)
    if wanted.like is not None:
        template = wanted.like
        if not isinstance(template, Checkpoint):
            template = _open_checkpoint(template, None, wanted.like_kwargs)
        plan = plan_like(
            view,
            template,
            declared=wanted.from_layout,
            allow_missing=options.allow_missing,
            progress=progress,
        )
    elif wanted.to is not None:
        plan = plan_for_framework(view, wanted.to, wanted.from_layout)
    else:
        plan = ConversionPlan(Recipe.identity(view))
    if dequantizing_recipe is None:
        return plan
    return replace(plan, recipe=dequantizing_recipe.compose(plan.recipe).bind(checkpoint))


def _open_checkpoint(
    target: str, container: str | None, kwargs: dict[str, Any] | None = None
) -> Checkpoint:
    from auscult.checkpoint.target import open_target

    return open_target(target, kwargs, container)


def _check_destination(destination_path: Path, inputs: list[object], *, dry_run: bool) -> None:
    """The format is known, and no input would be written over, also by way of a link.

    Raises:
        UsageError: Otherwise.
    """
    if not dry_run:
        find_writer(destination_path)
    for source in inputs:
        if isinstance(source, str | Path | Checkpoint):
            path = Path(source.path if isinstance(source, Checkpoint) else source)
        else:
            path = None
        if (
            path is not None
            and destination_path.exists()
            and any(destination_path.samefile(file) for file in _list_source_files(path))
        ):
            raise UsageError(
                "would write over its own input",
                where=str(destination_path),
                hint="name another file",
            )


def _list_source_files(path: Path) -> list[Path]:
    """The files that a source may be read from: itself, or what lies in its folder where it is one,
    or an index.
    """
    if not path.exists():
        return []
    if path.is_dir():
        folder = path
    elif path.name.endswith(".json"):  # an index of shards
        folder = path.parent
    else:
        folder = None
    if folder is not None:
        return [path, *folder.iterdir()]
    return [path]


@dataclass(frozen=True)
class _Conversion:
    """What was planned, done, left out and decoded."""

    plan: ConversionPlan
    outcome: WriteOutcome
    left_out: LeftOut
    decoded: tuple[DecodedKind, ...]


def _build_report(
    checkpoint: Checkpoint,
    destination_path: Path | None,
    conversion: _Conversion,
    code: str | None,
) -> Report:
    plan, outcome = conversion.plan, conversion.outcome
    proof = outcome.proof
    moved = conversion.decoded or any(
        proven_entry.entry.ops or proven_entry.entry.sources != proven_entry.entry.targets
        for proven_entry in proof.entries
    )
    dropped = set(conversion.left_out.dropped)
    skips = [
        *(skip for skip in checkpoint.skips if skip.where not in dropped),
        *plan.skips,
        *(Skip(name, "in the template, but not in the source") for name in plan.missing),
        *(Skip(name, "left out, as asked") for name in conversion.left_out.dropped),
    ]
    return Report(
        "convert",
        tuple(str(part) for part in (checkpoint.path, destination_path) if part is not None),
        Verdict.EQUIVALENT if moved else Verdict.PASS,
        _build_coverage(conversion),
        skips=tuple(skips),
        mapping=tuple(proven_entry.mapping() for proven_entry in proof.entries),
        section=ConvertSection(_describe_output(destination_path, conversion), code),
    )


def _build_coverage(conversion: _Conversion) -> Coverage:
    """Every tensor of the source in one bucket: proven, and how, or left out, and why."""
    decoded_names = set(chain.from_iterable(kind.names for kind in conversion.decoded))
    buckets = dict.fromkeys(
        ("identical", "equivalent", "close", "different", "dropped", "added"), 0.0
    )
    for proven_entry in conversion.outcome.proof.entries:
        entry = proven_entry.entry
        if not entry.targets:
            continue  # counted with what was left out
        bucket = classify_proof(proven_entry)
        if decoded_names.intersection(entry.sources):
            bucket = "dequantised"
        buckets[bucket] = buckets.get(bucket, 0) + (len(entry.sources) or len(entry.targets))
    return Coverage("tensors", buckets | conversion.left_out.counts)


def _describe_output(destination_path: Path | None, conversion: _Conversion) -> Json:
    plan, outcome, left_out = conversion.plan, conversion.outcome, conversion.left_out
    evidence: dict[str, int] = {}
    for layer in plan.layers.values():
        evidence[f"{layer.kind} by {layer.by}"] = evidence.get(f"{layer.kind} by {layer.by}", 0) + 1
    output: Json = {
        "path": str(destination_path) if destination_path is not None and outcome.files else None,
        "files": [str(file) for file in outcome.files],
        "format": outcome.format,
        "tensors": len(outcome.tensors),
        "bytes": sum(tensor.nbytes for tensor in outcome.tensors),
        "lossless": plan.recipe.lossless,
        "evidence": evidence,
    }
    details: Json = {
        "dequantised": [kind.to_json() for kind in conversion.decoded],
        "read_back": outcome.read_back,
        "dropped": list(left_out.dropped),
        "bookkeeping": list(left_out.bookkeeping),
        "not_taken": [
            {"container": container.label, "kind": container.kind, "tensors": container.tensors}
            for container in left_out.containers
        ],
    }
    return output | {name: value for name, value in details.items() if value}
