"""The formats of files, by name and by suffix."""

INPUTS = ("csv", "tsv", "json", "jsonl", "parquet")
OUTPUTS = ("json", "jsonl", "parquet")

INPUT_SUFFIXES = {f".{name}": name for name in INPUTS} | {
    ".txt": "csv",
    ".ndjson": "jsonl",
    ".pq": "parquet",
}
OUTPUT_SUFFIXES = {f".{name}": name for name in OUTPUTS} | {".ndjson": "jsonl", ".pq": "parquet"}
