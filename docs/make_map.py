"""Draw the rooms of the package and what flows between them, from the imports themselves.

`make map` writes docs/images/rooms.svg. An arrow points from a room to one that imports it:
data flows up. Arrows that follow from others are left out; their number is in the caption.
"""

from __future__ import annotations

from pathlib import Path

import grimp
import networkx as nx
from matplotlib.figure import Figure

PACKAGE = "cryoaniso_nb"
HERE = Path(__file__).parent
LEFT_OUT = {"_version", "errors", "__main__"}  # everyone's, or nobody's
WIDTH, FLOOR = 1.9, 1.0


def rooms() -> nx.DiGraph:
    """Rooms, with an edge from each room to those that import it.

    Returns
    -------
    networkx.DiGraph
        Nodes are names of rooms; attribute `files` counts their modules, `arrows` on the graph
        counts the imports between modules of different rooms.
    """
    imports = grimp.build_graph(PACKAGE)
    graph: nx.DiGraph = nx.DiGraph(arrows=0)
    for module in sorted(imports.modules):
        room = _room(module)
        if room is None:
            continue
        graph.add_node(room)
        graph.nodes[room]["files"] = graph.nodes[room].get("files", 0) + 1
        for imported in imports.find_modules_directly_imported_by(module):
            source = _room(imported)
            if source is not None and source != room:
                graph.add_edge(source, room)
                graph.graph["arrows"] += 1
    return graph


def _room(module: str) -> str | None:
    parts = module.split(".")
    return None if len(parts) == 1 or parts[1] in LEFT_OUT else parts[1]


def draw(graph: nx.DiGraph, path: Path) -> None:
    """Draw rooms floor by floor and write the picture.

    Parameters
    ----------
    graph : networkx.DiGraph
        From `rooms`.
    path : Path
        An SVG file.
    """
    floors = list(nx.topological_generations(graph))
    place = {
        room: (WIDTH * (i - (len(floor) - 1) / 2), FLOOR * level)
        for level, floor in enumerate(floors)
        for i, room in enumerate(sorted(floor))
    }
    figure = Figure(figsize=(7.5, 0.62 * len(floors) + 0.8), layout="constrained")
    axes = figure.add_subplot()
    axes.set_axis_off()
    for source, target in nx.transitive_reduction(graph).edges:
        (x0, y0), (x1, y1) = place[source], place[target]
        bend = 0.0 if abs(x0 - x1) > 0.1 or y1 - y0 < 1.5 * FLOOR else (-0.28 if x0 <= 0 else 0.28)
        axes.annotate(
            "", (x1, y1 - 0.27), (x0, y0 + 0.27),
            arrowprops={"arrowstyle": "-|>", "color": "#5b6770", "lw": 1.1, "connectionstyle": f"arc3,rad={bend}"},
        )  # fmt: skip
    for room, (x, y) in place.items():
        name = f"{room}/" if graph.nodes[room]["files"] > 1 or room == "widgets" else f"{room}.py"
        axes.text(
            x, y, name, ha="center", va="center", fontsize=11,
            bbox={"boxstyle": "round,pad=0.4", "fc": "#e8f1f8", "ec": "#27638f"},
        )  # fmt: skip
    axes.set_xlim(-WIDTH * 1.4, WIDTH * 1.4)
    axes.set_ylim(-0.9, FLOOR * (len(floors) - 1) + 0.5)
    axes.text(
        0, -0.75, f"{graph.number_of_nodes()} rooms on {len(floors)} floors, {graph.number_of_edges()} arrows "
        f"({graph.graph['arrows']} imports between files); data flows up", ha="center", fontsize=9, color="#444444",
    )  # fmt: skip
    figure.savefig(path, metadata={"Date": None})


if __name__ == "__main__":
    graph = rooms()
    draw(graph, HERE / "images" / "rooms.svg")
    print(f"{graph.number_of_nodes()} rooms, {graph.number_of_edges()} arrows -> docs/images/rooms.svg")
