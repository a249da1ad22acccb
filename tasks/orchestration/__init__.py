"""A stage as Prefect sees it.

    stage_task.py        the stage as a task: retries, the turn on the accelerator, its card and its event
    progress_display.py  what the UI shows of it while it runs

Cards are drawn in tasks/report/card.py; stage_task.py shows them.
"""
