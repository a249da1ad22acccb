"""Simulated environments that ship with the pipeline.

They give demonstrations, verify actions and evaluate policies.
"""
