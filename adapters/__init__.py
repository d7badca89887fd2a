"""Connect formats and protocols of other systems to the model store. Knows no tensors."""
