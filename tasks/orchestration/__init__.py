"""A stage as Prefect sees it: task, card, event, progress."""
