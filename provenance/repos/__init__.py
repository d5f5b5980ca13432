"""Where artifacts are recorded: repos in memory, in SQL databases and in chains of these.

Each backend is imported where it is opened.
"""
