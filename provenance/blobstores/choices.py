"""What stores and chains of them can be told to do, and what they do unless they are told."""

from __future__ import annotations

from typing import Literal, TypeAlias

WritePolicy: TypeAlias = Literal["all", "first", "any"]
"""Which of the members of a chain that may be written have to take what is written."""
OnUnreachable: TypeAlias = Literal["skip", "raise"]
"""What happens when a member of a chain that is asked for something is out of reach."""
RETRY_SECONDS = 10.0
"""How long a member that was out of reach is left out."""
Verify: TypeAlias = Literal["once", "always", "never"]
"""How often a process verifies a file."""
DEFAULT_CACHE_BYTES = "10 GB"
"""How many bytes of what lies far away are kept in local copies."""
