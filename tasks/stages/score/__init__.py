"""Rollouts to scores: each sampled action against the demonstration, by the domain's verifier."""
