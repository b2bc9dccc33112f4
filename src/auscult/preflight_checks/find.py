"""Which adapter reads what TARGET returned."""

from __future__ import annotations

from typing import Any

from auscult import plugins
from auscult.errors import TargetError
from auscult.preflight_checks.options import PreflightOptions
from auscult.preflight_checks.setup import Setup

HINT = (
    "return a dict with model, batch, loss, optimizers and sample_rate; the page is in"
    " auscult.preflight_checks"
)


def find_setup(value: Any, options: PreflightOptions) -> Setup:
    """The setup of a trainer, whatever its shape.

    Raises:
        TargetError: If no adapter knows it.
    """
    adapters = sorted(
        plugins.import_modules("auscult.preflight_checks.adapters"),
        key=lambda adapter: adapter.ORDER,
    )
    for adapter in adapters:
        if adapter.fits(value):
            setup: Setup = adapter.adapt(value, options)
            return setup
    found_type = f"{type(value).__module__}.{type(value).__qualname__}"
    raise TargetError(
        "is no training that auscult knows", where=options.name, found=found_type, hint=HINT
    )
