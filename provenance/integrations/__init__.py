"""What the library knows of others: one module per library, imported on first sight of a type from it."""
