"""How the editor of Label Studio reads labeling configs, looks up fields and shows HTML."""
