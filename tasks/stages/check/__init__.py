"""Demonstrations to checks: does each come back from the policy's own text, and does the verifier hold on it?"""
