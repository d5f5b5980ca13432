"""All statements of a repo, and their texts as they were compiled for each database."""
