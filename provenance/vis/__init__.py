"""Pictures of lineage."""

from provenance.vis.lineage import visualize_lineage
from provenance.vis.picture import Picture

__all__ = ["Picture", "visualize_lineage"]
