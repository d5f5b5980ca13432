"""Where results come from: the artifacts behind an artifact, as a list, a graph, or on their way to another repo."""

from provenance.lineage.graph import LineageGraph, dependencies, lineage_graph
from provenance.lineage.progress import Progress
from provenance.lineage.promoting import promote
from provenance.lineage.syncing import Synced, sync
from provenance.lineage.transferring import Transfer

__all__ = ["LineageGraph", "Progress", "Synced", "Transfer", "dependencies", "lineage_graph", "promote", "sync"]
