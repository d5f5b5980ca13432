"""What is configured: stores and repos from a dict, a YAML file, the environment, or by default.

`provenance.config.schema` is the table of everything that a configuration may contain.
"""

from __future__ import annotations

from provenance.config.load import current_config, from_config, load_config, load_yaml_config

__all__ = ["current_config", "from_config", "load_config", "load_yaml_config"]
