"""What stores keep their bytes in: object storage, other hosts, and whatever else fsspec knows."""
