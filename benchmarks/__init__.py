"""Measurements of this library beside what one would use in its place."""
