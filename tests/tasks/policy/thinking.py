"""Templates of thinking models, for the built-in tokenizer."""

from __future__ import annotations

_HISTORY = """
{%- set ns = namespace(last=-1) -%}
{%- for m in messages %}{% if m.role == 'user' %}{% set ns.last = loop.index0 %}{% endif %}{% endfor -%}
{%- if tools %}<|im_start|>system
{% for tool in tools %}{{ tool | tojson }}
{% endfor %}<|im_end|>
{% endif -%}
{%- for m in messages -%}
<|im_start|>{{ m.role }}
{% if m.role == 'assistant' and loop.index0 > ns.last %}<think>
{{ m.reasoning_content or '' }}
</think>

{% endif %}{{ m.content or '' }}
{%- for call in m.tool_calls or [] %}
<tool_call>
{"name": "{{ call.function.name }}", "arguments": {{ call.function.arguments | tojson }}}
</tool_call>{% endfor %}<|im_end|>
{% endfor -%}
{%- if add_generation_prompt %}<|im_start|>assistant
"""
"""Reasoning of the current exchange is shown, that of earlier ones is dropped."""
_OFF = "{% if enable_thinking is defined and not enable_thinking %}<think>\n\n</think>\n\n"

PREFILLED = _HISTORY + _OFF + "{% else %}<think>\n{% endif %}{% endif %}"
"""The prompt opens the thought, as Qwen3-Thinking's and DeepSeek-R1's do."""
WRITTEN = _HISTORY + _OFF + "{% endif %}{% endif %}"
"""The policy opens it, as Qwen3's does."""
