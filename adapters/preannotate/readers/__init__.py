"""Read files of texts: CSV and TSV, JSON and JSON lines, Parquet."""
