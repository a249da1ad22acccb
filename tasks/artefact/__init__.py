"""How an artefact is made: its version; reuse, or make, validate, commit. README.md beside this file tells it in full.

fingerprint.py  the version: a hash of what determines the content
stage.py        `obtain`, which every stage goes through
writer.py       where a stage puts its rows while it runs
table.py        the schema of a table, and its check
"""
