"""Read rows from files: CSV and TSV, JSON and JSONL, Parquet."""
