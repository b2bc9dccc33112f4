"""The file would run code when it is loaded with pickle.

**What it finds.** Imports in a pickle that are not among the few that tensors need. Those that the
pickle would also call are errors, mere references warnings. auscult did not import or run any of
them.

**What you hear.** Nothing. `torch.load(weights_only=False)` runs whatever the file says, with your
rights.

**Why it happens.** Mostly innocently: a whole object (config, `argparse.Namespace`, a model class)
was saved along with the weights. A call to `os.system`, `exec`, `eval`, `subprocess` or `socket` is
an attack.

**Blind spots.** Whether an unknown import is harmless cannot be known without running it.

**How it is measured.** Every opcode that names a global is read; nothing is executed. No threshold.

**Example.** The training script saves its arguments beside the weights:

    torch.save({"model": model.state_dict(), "args": args}, path)  # imports argparse.Namespace
    torch.save({"model": model.state_dict(), "args": vars(args)}, path)  # plain values

**Fix.** `auscult convert FILE out.safetensors` writes the tensors alone; a file without tensors need not be loaded. Safety: safe.

**References.** The documentation of Python's `pickle`: "never unpickle data received from an
untrusted source".
"""

from __future__ import annotations

from collections.abc import Iterable

from auscult.finding import Finding, Fix, Severity
from auscult.rules.inspect.subject import InspectSubject

CODE = "CKP054"
NAME = "pickle-code"
REQUIRES = InspectSubject

MAX_SHOWN_NAMES = 5


def check(subject: InspectSubject) -> Iterable[Finding]:
    checkpoint = subject.checkpoint
    if checkpoint.tensors:
        advice = f"auscult convert {checkpoint.path} weights.safetensors keeps the tensors and drops the code"
    else:
        advice = "do not load it: it holds no weights"
    for calls, severity in ((True, Severity.ERROR), (False, Severity.WARNING)):
        hazards = [hazard for hazard in checkpoint.hazards if hazard.calls is calls]
        if not hazards:
            continue
        names = list(dict.fromkeys(hazard.what for hazard in hazards))
        if len(names) > MAX_SHOWN_NAMES:
            more_note = f" and {len(names) - MAX_SHOWN_NAMES} more"
        else:
            more_note = ""
        verb = "call" if calls else "import"
        yield Finding(
            CODE,
            NAME,
            severity,
            tuple(dict.fromkeys(hazard.where for hazard in hazards)),
            f"loading this file with pickle would {verb} {', '.join(names[:MAX_SHOWN_NAMES])}{more_note}; auscult did not",
            evidence={"globals": names},
            fix=Fix("safe", advice),
            rank=0,
        )
