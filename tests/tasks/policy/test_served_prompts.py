"""The prompts of a thinking policy's states are those that vLLM's OpenAI server makes of the same messages."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from schemas.chat import Message, Role, ToolSchema, message
from tasks.policy.chat import ChatFormat
from tasks.policy.files import DESK
from tests.builders import call
from tests.servers import free_port, running, wait_for
from tests.tasks.policy.thinking import PREFILLED, WRITTEN

pytestmark = [pytest.mark.engine, pytest.mark.slow]

MESSAGES: list[Message] = [
    message(Role.SYSTEM, "Be brief."),
    message(Role.USER, "Where are orders 17 and 18?"),
    message(Role.ASSISTANT, reasoning="They want\n\na status.", tool_calls=[call('{"order_id": 17, "why": "ü"}')]),
    message(Role.TOOL, '{"status": "shipped"}', tool_call_id="c1", name="get_order"),
    message(Role.ASSISTANT, "Now the other.", reasoning="18 is left.", tool_calls=[call('{"order_id": 18}', id="c2")]),
    message(Role.TOOL, "", tool_call_id="c2", name="get_order"),
    message(Role.ASSISTANT, "17 has shipped, 18 is lost.", reasoning="The second has no status."),
    message(Role.USER, "And 19 and 20? 你好 🙂"),
    message(Role.ASSISTANT, tool_calls=[call('{"order_id": 19}', id="c3"), call('{"order_id": 20.5}', id="c4")]),
    message(Role.TOOL, "here", tool_call_id="c3", name="get_order"),
    message(Role.TOOL, "there", tool_call_id="c4", name="get_order"),
    message(Role.ASSISTANT, "19 is here, 20 is there.", reasoning="Tell them."),
    message(Role.USER, "Thanks."),
    message(Role.ASSISTANT, "You are welcome."),
]
CUTS = [index for index, m in enumerate(MESSAGES) if m["role"] == Role.ASSISTANT]
ORDER = {"type": "object", "properties": {"order_id": {"type": "integer"}}, "required": ["order_id"]}
SCHEMAS: list[ToolSchema] = [
    {"type": "function", "function": {"name": "get_order", "description": "Finds <é> & 'so on'.", "parameters": ORDER}},
    {"type": "function", "function": {"name": "wait", "description": "", "parameters": {"type": "object"}}},
]
"""As ingest writes them. The server adds null where one has no description or no parameters."""


def as_sent(m: Message) -> dict[str, Any]:
    """A message as a client sends it."""
    calls = [
        {"id": c["id"], "type": "function", "function": {"name": c["name"], "arguments": c["arguments"]}}
        for c in m["tool_calls"]
    ]
    sent = {**m, "tool_calls": calls, "content": m["content"] or (None if calls else "")}
    return {key: value for key, value in sent.items() if value or key in ("role", "content")}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("served") / "model"
    shutil.copytree(DESK, folder)
    (folder / "chat_template.jinja").write_text(PREFILLED)
    return folder


@pytest.fixture(scope="module")
def server(model: Path) -> Iterator[httpx.Client]:
    port = free_port()
    command = [sys.executable, "-m", "vllm.entrypoints.openai.api_server", "--model", str(model)]
    command += ["--served-model-name", "policy", "--host", "127.0.0.1", "--port", str(port), "--max-model-len", "2048"]
    command += ["--dtype", "float32", "--block-size", "32", "--enforce-eager", "--trust-request-chat-template"]
    on_a_cpu = {"VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_CPU_OMP_THREADS_BIND": "nobind", "TORCHDYNAMO_DISABLE": "1"}
    environment = {**os.environ, **on_a_cpu, "VLLM_NO_USAGE_STATS": "1"}
    with running(command, environment, model.parent / "server.log") as process:
        wait_for(f"http://127.0.0.1:{port}/health", process, 180)
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60, trust_env=False) as client:
            yield client


def asked(server: httpx.Client, path: str, cut: int, **settings: Any) -> dict[str, Any]:
    """The server's answer at the state of the first `cut` messages."""
    body = {"model": "policy", "messages": [as_sent(m) for m in MESSAGES[:cut]], "tools": SCHEMAS, **settings}
    answer: dict[str, Any] = server.post(path, json=body).raise_for_status().json()
    return answer


@pytest.mark.parametrize("template", [PREFILLED, WRITTEN], ids=["the prompt opens it", "the action opens it"])
@pytest.mark.parametrize("options", [{}, {"enable_thinking": False}], ids=["thinking", "not thinking"])
def test_every_state_has_the_token_ids_that_the_server_makes(
    server: httpx.Client, model: Path, tmp_path: Path, template: str, options: dict[str, bool]
) -> None:
    shutil.copytree(model, tmp_path / "model", ignore=shutil.ignore_patterns("*.safetensors"))
    (tmp_path / "model" / "chat_template.jinja").write_text(template)
    prompts = ChatFormat(tmp_path / "model", options=options).prompts(MESSAGES, SCHEMAS, CUTS)
    settings = {"chat_template": template, "chat_template_kwargs": options, "add_generation_prompt": True}
    assert prompts.token_ids == [asked(server, "/tokenize", cut, **settings)["tokens"] for cut in CUTS]
    assert prompts.rewritten > 0, "reasoning of earlier exchanges was dropped"


def test_an_answer_is_sampled_after_those_token_ids(server: httpx.Client, model: Path) -> None:
    chat = ChatFormat(model)
    (prompt,) = chat.prompts(MESSAGES[: CUTS[1]], SCHEMAS, [CUTS[1]]).token_ids
    sampled = asked(server, "/v1/chat/completions", CUTS[1], max_tokens=1, return_token_ids=True, tool_choice="none")
    assert sampled["prompt_token_ids"] == prompt
    text = chat.decode(prompt, finished=False)
    assert text.count("They want\n\na status.") == 1 and text.endswith("<think>\n"), "the current exchange's is shown"
