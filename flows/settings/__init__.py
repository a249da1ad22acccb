"""From a preset, a file or the UI's form to a validated configuration."""
