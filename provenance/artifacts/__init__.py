"""Artifacts: records bound to their repo, proxies of values, lazy dicts, archived files and sets."""
