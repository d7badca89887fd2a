"""Read files of texts, write Label Studio tasks with predictions: the command `preannotate`.

This module only names the file formats, so that `preannotate --help` imports nothing slow.
"""

OUTPUT_FORMATS = ("json", "jsonl", "parquet")

OUTPUT_SUFFIXES = {f".{name}": name for name in OUTPUT_FORMATS} | {
    ".ndjson": "jsonl",
    ".pq": "parquet",
}
