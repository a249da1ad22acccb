from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tasks.policy.chat import ChatFormat
from tasks.policy.files import DESK

THINKING = """
{%- set ns = namespace(last=-1) -%}
{%- for m in messages %}{% if m.role == 'user' %}{% set ns.last = loop.index0 %}{% endif %}{% endfor -%}
{%- for m in messages -%}
<|im_start|>{{ m.role }}
{% if m.role == 'assistant' and loop.index0 > ns.last %}<think>
{{ m.reasoning_content or '' }}
</think>
{% endif %}{{ m.content or '' }}
{%- for call in m.tool_calls or [] %}<tool_call>{{ call.function | tojson }}</tool_call>{% endfor %}<|im_end|>
{% endfor -%}
{%- if add_generation_prompt %}<|im_start|>assistant
{% endif %}"""
"""Drops the reasoning of earlier exchanges, as thinking models do: the prefix property fails at each new question."""

COUNTING = """{{ messages | length }} messages
{% for m in messages %}<|im_start|>{{ m.role }}
{{ m.content }}<|im_end|>
{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant
{% endif %}"""
"""Says how long the history is: no state is a prefix of another."""

BARE = """{% for m in messages %}{{ m.role }}: {{ m.content }}{{ eos_token if m.role == 'assistant' }}{% endfor %}
{%- if add_generation_prompt %}assistant:{% endif %}"""
"""No special token between turns and a prompt that ends where a word goes on: tokens straddle the cuts."""

STRICT = """{%- if messages[0].role != 'user' %}{{ raise_exception('the first message is the user\\'s') }}{% endif -%}
{%- for m in messages %}<|im_start|>{{ m.role }}
{{ m.content }}<|im_end|>
{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant
{% endif %}"""

BACKWARDS = """{% for m in messages | reverse %}{{ m.content }}<|im_end|>
{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant
{% endif %}"""
"""Shows the last message first."""

TEMPLATES = {"thinking": THINKING, "counting": COUNTING, "bare": BARE, "strict": STRICT, "backwards": BACKWARDS}


@pytest.fixture
def model_folder(tmp_path: Path) -> Path:
    """A copy of the built-in policy, to damage."""
    folder = tmp_path / "model"
    shutil.copytree(DESK, folder)
    return folder


@pytest.fixture(scope="session")
def formats(tmp_path_factory: pytest.TempPathFactory) -> dict[str, ChatFormat]:
    """The built-in tokenizer with its own template and with others."""
    chats = {"desk": ChatFormat(DESK)}
    for name, template in TEMPLATES.items():
        folder = tmp_path_factory.mktemp("templates") / name
        shutil.copytree(DESK, folder, ignore=shutil.ignore_patterns("*.safetensors"))
        (folder / "chat_template.jinja").write_text(template)
        chats[name] = ChatFormat(folder)
    return chats


def settings(folder: Path, **changes: object) -> None:
    """Change the tokenizer's settings; None removes a key."""
    path = folder / "tokenizer_config.json"
    values = {**json.loads(path.read_text()), **changes}
    path.write_text(json.dumps({key: value for key, value in values.items() if value is not None}))
