"""From every schema of the past to the present one; run in process when an older database is opened."""
