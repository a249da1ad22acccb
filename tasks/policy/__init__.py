"""A model as the pipeline sees it: its files and version, its chat template, the parser of what it writes.

See README.md.
"""
