"""Sources and results: a folder, or an S3-compatible store."""
