"""Prefect's own command, with a thread that collects garbage: `python -m flows.server.prefect_server server start`.

On SQLite, a server that collects garbage in the thread of its event loop may stand still for a minute or two:

- Python's collector runs in whatever thread it is due. It finds a cursor that a failed statement left behind.
- Closing the cursor waits for its connection, whose thread waits for the database's lock, a minute at most.
- The holder of that lock waits for the event loop, which the collector keeps waiting.

In a thread of its own the collector waits alone. Seen with py-spy on Prefect 3.7.7 and Python 3.11, about once in five
runs of tests/flows/server/test_deployment.py on two busy cores.
"""

from __future__ import annotations

import gc
import runpy
import threading
import time

_INTERVALS_S = (1, 10, 60)
"""Seconds between collections of each generation, youngest first: about as often as Python's own thresholds do."""


def collect_aside() -> threading.Thread:
    """Collect garbage in a daemon thread from now on, and in no other."""
    gc.disable()
    thread = threading.Thread(target=_collect, name="garbage", daemon=True)
    thread.start()
    return thread


def _collect() -> None:
    second = 0
    while True:
        time.sleep(1)
        second += 1
        gc.collect(max(generation for generation, interval in enumerate(_INTERVALS_S) if second % interval == 0))


if __name__ == "__main__":
    collect_aside()
    runpy.run_module("prefect", run_name="__main__", alter_sys=True)
