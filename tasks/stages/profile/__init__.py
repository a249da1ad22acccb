"""Scores to profiles: mean and variance of each state's rewards under the policy that sampled them."""
