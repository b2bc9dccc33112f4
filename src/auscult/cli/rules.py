"""`auscult rules`: what the codes mean."""

from __future__ import annotations

import click

from auscult.cli.common import SharedOptions, add_shared_options, run_verb

GROUP = "Reports"


@click.command()
@click.argument("code", required=False)
@add_shared_options
def command(code: str | None, shared: SharedOptions) -> None:
    """List the rules, or explain one: what it finds, why it happens, how it is measured, how to repair it.

    CODE is a rule's code (LAY001), the name of its cause (layout-conv1d), or the beginning of codes (LAY).
    """
    from auscult.verbs.rules import list_rules

    run_verb(shared, "rules", (code,) if code else (), lambda _progress: list_rules(code))
