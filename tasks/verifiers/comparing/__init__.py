"""What several kinds of verifier compare with: values, text, shell commands, calls."""
