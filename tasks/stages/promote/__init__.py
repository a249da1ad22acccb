"""Promotion: is there anything new to learn from, is the candidate better than the policy in use, put it into use."""
