"""Read rows from files: CSV and TSV, JSON and JSONL, Parquet; plain or compressed.

`preannotate`, `model-store evaluate` and `model-store train` all read with these readers. They know
no folders, no object stores and no labeling configs.
"""

INPUT_FORMATS = ("csv", "tsv", "json", "jsonl", "parquet")
INPUT_SUFFIXES = {f".{name}": name for name in INPUT_FORMATS} | {
    ".txt": "csv",
    ".ndjson": "jsonl",
    ".pq": "parquet",
}
