"""Tables to tensors."""
