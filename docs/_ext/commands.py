"""A directive that shows every subcommand of a parser: `{commands}`."""

from __future__ import annotations

import argparse
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from cryoaniso_nb.cli import build_parser


class Commands(SphinxDirective):
    """A section per subcommand: its description, usage and options, from the parser itself."""

    def run(self) -> list[nodes.Node]:
        """Build the sections."""
        parser = build_parser()
        (action,) = (a for a in parser._actions if isinstance(a, argparse._SubParsersAction))
        found: list[nodes.Node] = []
        for name, command in action.choices.items():
            section = nodes.section(ids=[f"cryoaniso-{name}"], names=[f"cryoaniso-{name}"])
            section += nodes.title(text=f"cryoaniso {name}")
            self.state.document.note_implicit_target(section)
            for paragraph in (command.description or "").split("\n\n"):
                section += nodes.paragraph(text=paragraph)
            usage = command.format_usage().removeprefix("usage: ")
            section += nodes.literal_block(usage, usage, language="text")
            section += _options(command)
            found.append(section)
        return found


def _options(command: argparse.ArgumentParser) -> nodes.definition_list:
    items = nodes.definition_list()
    formatter = argparse.HelpFormatter(command.prog)
    for action in command._actions:
        if action.help is argparse.SUPPRESS:
            continue
        spelled = ", ".join(action.option_strings) or str(action.metavar or action.dest)
        value = (
            ""
            if not action.option_strings or action.nargs == 0
            else f" {formatter._format_args(action, action.dest.upper())}"
        )
        term = nodes.term()
        term += nodes.literal(text=spelled + value)
        definition = nodes.definition()
        definition += nodes.paragraph(text=formatter._expand_help(action) if action.help else "")
        items += nodes.definition_list_item("", term, definition)
    return items


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the directive."""
    app.add_directive("commands", Commands)
    return {"parallel_read_safe": True}
