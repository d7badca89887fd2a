"""Files in, Label Studio tasks with predictions out: `preannotate`."""
