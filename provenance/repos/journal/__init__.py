"""What could not be recorded because a repo was out of reach, kept on disk until it can be."""
