"""Ingest: agent trajectories in any known form become the `trajectories` table; what cannot be taken, `rejects`."""
