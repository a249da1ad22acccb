"""What computes an update: model, token trees, forward pass, shares among processes, checkpoints."""
