"""What computes an update: model, token trees, forward pass, shards among ranks, checkpoints."""
