"""Other people's formats on this side, the model store on the other. Knows no tensors."""
