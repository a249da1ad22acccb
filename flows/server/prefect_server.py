"""`python -m flows.server.prefect_server server start ...`: Prefect's command; garbage has a thread of its own.

On SQLite a server collecting in its event loop's thread may stand still for a minute or two. The collector, which runs
wherever Python happens to be, finds a cursor that a failed statement left behind, and closing it waits for the cursor's
connection. That connection's thread waits for the database's lock, a minute at most, and the lock's holder waits for
the event loop. Seen with py-spy on Prefect 3.7.7 and Python 3.11, about once in five runs of
tests/flows/server/test_deployment.py on two busy cores. In a thread of its own the collector waits alone.
"""

from __future__ import annotations

import gc
import runpy
import threading
import time

_EVERY_S = (1, 10, 60)
"""Between collections of each generation, from the youngest: about as often as by Python's own thresholds."""


def collect_aside() -> threading.Thread:
    """From now on garbage is collected in a thread of this process, which ends with it."""
    gc.disable()
    thread = threading.Thread(target=_collect, name="garbage", daemon=True)
    thread.start()
    return thread


def _collect() -> None:
    second = 0
    while True:
        time.sleep(1)
        second += 1
        gc.collect(max(generation for generation, every in enumerate(_EVERY_S) if second % every == 0))


if __name__ == "__main__":
    collect_aside()
    runpy.run_module("prefect", run_name="__main__", alter_sys=True)
