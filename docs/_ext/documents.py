"""A directive that shows every kind of JSON document and its keys: `{documents}`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from cryoaniso_nb.summary.document import schema


class Documents(SphinxDirective):
    """A section per kind, with a list of its keys, from the schema itself."""

    def run(self) -> list[nodes.Node]:
        """Build the sections."""
        found: list[nodes.Node] = []
        for kind, described in schema()["$defs"].items():
            if "kind" not in described.get("properties", {}):
                continue
            section = nodes.section(ids=[f"document-{kind}"], names=[f"document-{kind}"])
            section += nodes.title(text=kind)
            self.state.document.note_implicit_target(section)
            keys = nodes.definition_list()
            for path, meaning in _keys(described, ""):
                item = nodes.definition_list_item()
                term = nodes.term()
                term += nodes.literal(text=path)
                item += term
                item += nodes.definition("", nodes.paragraph(text=meaning))
                keys += item
            section += keys
            found.append(section)
        return found


def _keys(described: Mapping[str, Any], before: str) -> Iterator[tuple[str, str]]:
    """Each key with its path and meaning, those of nested objects after their parent."""
    for key, value in described.get("properties", {}).items():
        if key == "kind":
            continue
        path = f"{before}{key}"
        value = schema()["$defs"]["warnings"] if value.get("$ref") == "#/$defs/warnings" else value
        yield path, value.get("description", "")
        yield from _keys(value, f"{path}.")
        if isinstance(value.get("items"), Mapping):
            yield from _keys(value["items"], f"{path}[].")


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directive."""
    app.add_directive("documents", Documents)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
