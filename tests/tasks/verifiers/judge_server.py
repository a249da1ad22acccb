"""A real HTTP server that speaks a judge's protocol."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tasks.verifiers.kinds import JudgeSettings, judge
from tasks.verifiers.kinds.judge.endpoint import Endpoint
from tasks.verifiers.verdict import Verdict
from tests.tasks.verifiers.asking import at, says

YES, NO = "They match.\nVERDICT: EQUIVALENT", "No.\nVERDICT: DIFFERENT"


class Server(ThreadingHTTPServer):
    """Replies are texts, statuses, seconds to wait (a float), or raw bytes, used one by one, then what `otherwise` says
    of the request; `asked` keeps the requests."""

    request_queue_size = 64

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.replies: list[Any] = []
        self.otherwise: Callable[[dict[str, Any]], Any] = lambda _: 500
        self.asked: list[dict[str, Any]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append({**body, "path": self.path, "key": self.headers.get("Authorization")})
        reply = self.server.replies.pop(0) if self.server.replies else self.server.otherwise(body)
        if isinstance(reply, float):
            time.sleep(reply)
            reply = YES
        status, content = (reply, b"{}") if isinstance(reply, int) else (200, reply)
        if isinstance(content, str):
            usage = {"prompt_tokens": 100, "completion_tokens": 10}
            content = json.dumps({"choices": [{"message": {"content": content}}], "usage": usage}).encode()
        try:
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)
        except BrokenPipeError:  # the client did not wait
            pass

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def serving() -> Iterator[Server]:
    """A server on a free port."""
    server = Server()
    # It looks so often whether it is to end; by default a test waits half a second for that.
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


def ask(server: Server, replies: list[Any], action: Any = None, **settings: Any) -> tuple[Verdict, Endpoint]:
    """What a judge with these replies votes on an action, and the endpoint that it was asked through."""
    server.replies = replies
    judging = JudgeSettings(url=server.url, model="m", **{"timeout_s": 5, **settings})
    endpoint = Endpoint(judging, sleep=lambda _: None)
    verdict = judge.vote(endpoint, judging, at(), says("Hello, how can I help?"), action or says("Hi, what is it?"))
    return verdict, endpoint
