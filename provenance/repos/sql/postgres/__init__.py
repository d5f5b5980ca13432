"""PostgreSQL: connections, errors, and how statements are written for it."""
