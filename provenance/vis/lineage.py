"""Draw where an artifact comes from."""

from __future__ import annotations

from provenance.artifacts.artifact import Artifact
from provenance.artifacts.ids import ArtifactLike
from provenance.artifacts.sets import ArtifactSet
from provenance.lineage import lineage_graph
from provenance.types import JSON
from provenance.vis.picture import Picture

_STYLES = {"input": "solid", "result": "dashed", "call": "dotted"}
_INPUT_LIMIT = 4
_TEXT_LIMIT = 32


def visualize_lineage(artifact_or_id: ArtifactLike | ArtifactSet) -> Picture:
    """Draw every artifact behind this one and how they refer to each other.

    A box is an artifact with its name, version, short id, plain inputs and seconds computed. A solid arrow is an
    input, a dashed one a reference from inside a value, a dotted one a nested call.

    Parameters
    ----------
    artifact_or_id : Artifact, ArtifactProxy, ArtifactSet or str
        Where to start; a string is an artifact id.

    Returns
    -------
    Picture
        Shows itself in notebooks; ``.save("lineage.svg")`` writes a file (``.svg``, ``.png`` or ``.dot``).

    Raises
    ------
    ArtifactNotFoundError
        An artifact on the way is in no configured repo.
    """
    graph = lineage_graph(artifact_or_id)
    lines = [_node(artifact) for artifact in graph.artifacts]
    arrows: dict[str, None] = {}
    for caller, edge in graph.edges:
        arrows[f'  "{edge.artifact_id[:12]}" -> "{caller[:12]}" [style={_STYLES[edge.kind]}];'] = None
    head = [
        "digraph lineage {",
        "  rankdir=TB;",
        '  node [shape=box, style="rounded,filled", fillcolor="#eef3f8", color="#44607a", fontname="Helvetica"];',
        '  edge [color="#44607a"];',
    ]
    return Picture("\n".join([*head, *lines, *arrows, "}"]))


def _node(artifact: Artifact) -> str:
    lines = [f"{artifact.name}  v{artifact.version}", *_plain_inputs(artifact)]
    lines.append(f"{artifact.id[:8]} · {artifact.compute_duration:.3g} s")
    label = "\\n".join(map(_escaped, lines))
    return f'  "{artifact.id[:12]}" [label="{label}"];'


def _plain_inputs(artifact: Artifact) -> list[str]:
    """A line for each of the first inputs that are plain scalars; artifacts are drawn as arrows."""
    inputs = artifact.record.inputs_json
    kargs: JSON = inputs.get("kargs", {}) if isinstance(inputs, dict) else {}
    if not isinstance(kargs, dict):
        return []
    scalars = [f"{name}={value}" for name, value in kargs.items() if not isinstance(value, dict | list)]
    return [text if len(text) <= _TEXT_LIMIT else f"{text[:_TEXT_LIMIT]}…" for text in scalars[:_INPUT_LIMIT]]


def _escaped(text: str) -> str:
    printable = "".join(char if char.isprintable() else " " for char in text)
    return printable.replace("\\", "\\\\").replace('"', '\\"')
