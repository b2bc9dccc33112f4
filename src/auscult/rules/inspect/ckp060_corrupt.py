"""Rows of a table are blank among trained ones.

**What it finds.** Rows of an embedding (and, with `--full`, of any weight) that hold one value each,
mostly zero, where the rows around them are trained: whole stretches, or many here and there.

**What you hear.** Words are left out or mumbled: those whose tokens lie on these rows. In a layer of
the network, a dull or hollow sound.

**Why it happens.** A converter that stopped part-way through a tensor, a bad disk or transfer, a
file that was allocated and not filled.

**Blind spots.** Without a reference nobody knows what the rows should hold. Rows of symbols that no
training text had may be zero by design: a single row (`padding_idx`), a few here and there, or the
last ones of a vocabulary that was rounded up. Such are reported as information or not at all.
Without `--full` only embeddings are looked at, by their names.

**How it is measured.** A row is blank if all of its values are one value. `error`: at least
`MIN_INNER_ROWS` = 16 blank rows and `MIN_INNER_SHARE` = 0.5 % of an embedding, with trained rows
behind them. `warning`: as many rows at the end, which may be an extended vocabulary, once they are
more than `MAX_PADDING_ROWS` = 128; blank rows of a codebook or of another kind of table; with `--full`,
a stretch of `MIN_STRETCH_SHARE` = 25 % of the rows of a weight. All else is left to
`dead-channels`. Never met on drawn or trained tables of the tests and the corpus.

**Example.** Rows 3380 to 7473 of a token embedding were never written:

    error   corrupt (CKP060): 4,094 of 151,676 rows are blank in token_embd.weight, from
    3380 to 7473, with trained rows before and behind them

**Fix.** Make the file again, or fetch it again. `auscult diff` with the original says which rows
differ. Safety: not repairable from this file.

**References.** torch.nn.Embedding, `padding_idx`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from auscult.checkpoint.constant_rows import RowRun, find_constant_rows
from auscult.checkpoint.health import is_float
from auscult.checkpoint.source import ITEM_BYTES
from auscult.errors import CheckpointError
from auscult.facts.words import format_count
from auscult.finding import Finding, Severity, Skip
from auscult.rules.inspect.subject import InspectSubject
from auscult.weights import Checkpoint, Tensor

CODE = "CKP060"
NAME = "corrupt"
REQUIRES = InspectSubject

MIN_INNER_ROWS = 16
"""Blank rows with trained ones behind them; fewer are symbols that no text had. Chosen, not measured."""
MIN_INNER_SHARE = 0.005
"""Share of the table's rows that these have to be. Chosen, not measured."""
MAX_PADDING_ROWS = 128
"""Blank rows at the end of a table that rounding up its size leaves: the largest multiple that libraries round up to."""
MIN_STRETCH_SHARE = 0.25
"""Share of a weight's rows in one blank stretch; less is taken for dead channels. Chosen, not measured."""
MAX_BLANK_SHARE = 0.95
"""Share of blank rows above which a table is one that training never reached, and `untrained` speaks. Chosen, not measured."""
MIN_TABLE_ROWS = 32
"""Rows of a table, so that a share of them says something. Chosen, not measured."""
CONFIDENCE = 0.9
"""Rows in the middle of a trained table that hold nothing. Chosen, not measured."""
UNSURE_CONFIDENCE = 0.6
"""Rows that may have no use. Chosen, not measured."""
MAX_LISTED_RUNS = 16
"""Stretches of rows that the evidence lists. Chosen, not measured."""

_TABLE_WORD = re.compile(r"emb|^w[tp]e$|^lookup|codebook|vocab")
"""What the last module of an embedding's name has in it."""
_UNSURE_WORD = re.compile(r"codebook|quantiz|avg|speaker|spk|pos", re.IGNORECASE)
"""Tables of which rows may be unused by design: codes, averages of codes, speakers, positions."""


class BlankRows(NamedTuple):
    """Blank rows of one tensor.

    Attributes:
        runs: The stretches that count: without single rows of padding, and without a short stretch at the end.
        rows: How many rows these are, of `of`.
    """

    name: str
    runs: tuple[RowRun, ...]
    of: int
    severity: Severity

    @property
    def rows(self) -> int:
        return sum(run.rows for run in self.runs)

    @property
    def ends_blank(self) -> bool:
        """Whether one stretch at the end of the table is all there is."""
        return len(self.runs) == 1 and self.runs[0].stop == self.of

    def describe(self) -> str:
        first, last = self.runs[0].start, self.runs[-1].stop - 1
        text = f"{self.rows:,} of {self.of:,} rows are blank in {self.name}"
        if self.ends_blank:
            return f"{text}, from {first} to the end"
        if len(self.runs) == 1:
            return f"{text}, from {first} to {last}, with trained rows before and behind them"
        return f"{text}, in {len(self.runs)} stretches from {first} to {last}, among trained rows"


def check(subject: InspectSubject) -> Iterable[Finding | Skip]:
    blank: list[BlankRows] = []
    for name, tensor in subject.checkpoint.items():
        if not _is_worth_reading(subject, tensor):
            continue
        try:
            found = judge_rows(subject.checkpoint, name, find_constant_rows(tensor))
        except CheckpointError as error:
            yield Skip(name, f"its rows could not be read: {error}")
            continue
        if found is not None:
            blank.append(found)
    for severity in (Severity.ERROR, Severity.WARNING):
        tables = [table for table in blank if table.severity is severity]
        if tables:
            yield _build_finding(tables, severity)


def judge_rows(checkpoint: Checkpoint, name: str, runs: tuple[RowRun, ...]) -> BlankRows | None:
    """What the blank rows of one tensor mean; None where they may well be by design."""
    of = checkpoint[name].shape[0]
    blank_count = sum(run.rows for run in runs)
    if not runs or of < MIN_TABLE_ROWS or blank_count > MAX_BLANK_SHARE * of:
        return None
    if not is_table(checkpoint, name):
        stretch = max(runs, key=lambda run: run.rows)
        if stretch.rows >= MIN_STRETCH_SHARE * of:
            return BlankRows(name, (stretch,), of, Severity.WARNING)
        return None
    inner_runs = tuple(run for run in runs if run.stop < of and (run.start, run.rows) != (0, 1))
    inner_count = sum(run.rows for run in inner_runs)
    if inner_count >= max(MIN_INNER_ROWS, MIN_INNER_SHARE * of):
        severity = Severity.WARNING if _UNSURE_WORD.search(name) else Severity.ERROR
        return BlankRows(name, inner_runs, of, severity)
    if runs[-1].stop == of and runs[-1].rows > MAX_PADDING_ROWS:
        return BlankRows(name, runs[-1:], of, Severity.WARNING)
    return None


def is_table(checkpoint: Checkpoint, name: str) -> bool:
    """Whether a tensor is looked up by row: by its module's class where that is known, else by name and the absence of a bias."""
    if len(checkpoint[name].shape) != 2:
        return False
    module_path = name.rpartition(".")[0]
    module = checkpoint.modules.get(module_path)
    if module is not None and checkpoint.is_code:
        return "Embedding" in module.type
    parts = [part for part in name.split(".") if part not in {"weight", "embedding", "table"}]
    last = parts[-1].lower() if parts else name.lower()
    return (
        bool(_TABLE_WORD.search(last) or name.endswith(".embedding"))
        and f"{module_path}.bias" not in checkpoint
    )


def _is_worth_reading(subject: InspectSubject, tensor: Tensor) -> bool:
    """The tables, and what has dead channels, which is only known of tensors that were read whole."""
    health = subject.health.get(tensor.name)
    is_plain_integer = tensor.quantization is None and tensor.dtype in ITEM_BYTES
    if health is None or health.is_zero or tensor.trainable is False:
        return False
    if is_plain_integer and not is_float(tensor.dtype):
        return False
    return bool(health.dead) or is_table(subject.checkpoint, tensor.name)


def _build_finding(tables: list[BlankRows], severity: Severity) -> Finding:
    message = tables[0].describe()
    if len(tables) > 1:
        message = f"{format_count(len(tables), 'tensor')} with blank rows: {message}, and so on"
    confidence = CONFIDENCE
    if severity is Severity.WARNING:
        confidence = UNSURE_CONFIDENCE
        message += "; rows that were never used look the same"
    return Finding(
        CODE,
        NAME,
        severity,
        tuple(table.name for table in tables),
        message,
        confidence,
        evidence={
            table.name: {
                "blank": table.rows,
                "of": table.of,
                "rows": [[run.start, run.stop - 1] for run in table.runs[:MAX_LISTED_RUNS]],
            }
            for table in tables[:MAX_LISTED_RUNS]
        },
        rank=6,
    )
