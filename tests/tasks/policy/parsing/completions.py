"""A tool, calls of it in every format, and how a completion is read."""

from __future__ import annotations

import json
from typing import Any

from schemas.chat import Action, ToolSchema
from tasks.policy.parsing import ParseFailure, ParseReason, parser_for

TOOLS: tuple[ToolSchema, ...] = (
    {
        "type": "function",
        "function": {
            "name": "f",
            "parameters": {
                "type": "object",
                "properties": {
                    "n": {"type": "integer"},
                    "s": {"type": "string"},
                    "b": {"type": "boolean"},
                    "o": {"type": "object"},
                    "maybe": {"anyOf": [{"type": "string"}, {"type": "null"}]},
                },
            },
        },
    },
)
HERMES = '<tool_call>\n{"name": "f", "arguments": {"n": 1}}\n</tool_call>'

LISTED = '[{"name": "f", "arguments": {"s": "a]}"}}, {"name": "f", "arguments": {}}]'
ONE = '[{"name": "f", "arguments": {"n": 1, "o": {"k": [true, null]}}}]'
CODER = "<tool_call>\n<function=f>\n<parameter=n>\n17\n</parameter>\n</function>\n</tool_call>"
SEED = "<seed:tool_call>\n<function=f>\n<parameter=n>17</parameter>\n</function>\n</seed:tool_call>"
GLM = "<tool_call>f\n<arg_key>n</arg_key>\n<arg_value>17</arg_value>\n</tool_call>"
SAMPLES: dict[str, list[str]] = {
    "hermes": [HERMES, f"So: {HERMES}\n{HERMES}"],
    "qwen3_coder": [CODER, f"So:\n\n{CODER}\n{CODER}"],
    "seed_oss": [SEED, f"\nSo:\n\n{SEED}\n{SEED}"],
    "glm": [GLM, f"So:\n{GLM}\n{GLM}", GLM.replace("\n", "") * 2],
    "hunyuan": [
        "<tool_calls:opensource>\n<tool_call:opensource>f<tool_sep:opensource>\n<arg_key:opensource>n"
        "</arg_key:opensource>\n<arg_value:opensource>17</arg_value:opensource>\n</tool_call:opensource>\n"
        "</tool_calls:opensource>",
        "So:<tool_calls>\n<tool_call>f<tool_sep>\n</tool_call>\n"
        "<tool_call>f<tool_sep>\n<arg_key>s</arg_key>\n<arg_value>17</arg_value>\n</tool_call>\n</tool_calls>",
    ],
    "minimax_m2": [
        '<minimax:tool_call>\n<invoke name="f"><parameter name="n">17</parameter>\n</invoke>\n</minimax:tool_call>',
        'So:\n<minimax:tool_call>\n<invoke name="f"></invoke>\n<invoke name="f"><parameter name="s">a</parameter>\n'
        "</invoke>\n</minimax:tool_call>",
    ],
    "minimax_m3": [
        text.replace("<", "]<]minimax[>[<")
        for text in (
            '<tool_call>\n<invoke name="f"><n>17</n></invoke>\n</tool_call>',
            'So:<tool_call>\n<invoke name="f"></invoke>\n<invoke name="f"><o><a><item>x</item></a></o></invoke>\n'
            "</tool_call>",
        )
    ],
    "deepseek_dsml": [
        text.replace("DSML", "｜DSML｜")
        for text in (
            '<DSMLfunction_calls>\n<DSMLinvoke name="f">\n<DSMLparameter name="n" string="false">17</DSMLparameter>\n'
            "</DSMLinvoke>\n</DSMLfunction_calls>",
            'So:\n\n<DSMLtool_calls>\n<DSMLinvoke name="f">\n\n</DSMLinvoke>\n<DSMLinvoke name="f">\n'
            '<DSMLparameter name="s" string="true">17</DSMLparameter>\n</DSMLinvoke>\n</DSMLtool_calls>',
        )
    ],
    "minicpm5": [
        '<function name="f"><param name="n">17</param></function>',
        'So:\n<function name="f"></function>\n<function name="f"><param name="s"><![CDATA[a <b>]]></param></function>',
    ],
    "llama3_json": [
        '{"name": "f", "parameters": {"n": 1}}',
        '<|python_tag|>{"name": "f", "parameters": {"s": "; {"}}; {"name": "f", "parameters": {}}',
    ],
    "llama4_json": [
        '<|python_start|>So:<|python_end|>{"name": "f", "parameters": {"n": 1}}',
        '<|python_start|><|python_end|>{"name": "f", "parameters": {"s": "}{"}}{"name": "f", "parameters": {}}',
    ],
    "pythonic": ["[f(n=1)]", "<|python_start|>[f(s=\"a)]\", o={'k': [True, None]}), f()]<|python_end|>"],
    "mistral": [
        f"So: [TOOL_CALLS]{ONE}",
        '[TOOL_CALLS]f[ARGS]{"s": "[ARGS]"}[TOOL_CALLS]f[CALL_ID]abc[ARGS]{}',
    ],
    "harmony": [
        "<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant<|channel|>commentary to=functions.f "
        '<|constrain|>json<|message|>{"n": 1}<|call|>',
        ' to=functions.f<|channel|>commentary json<|message|>{"s": "<|call|>"}<|call|>'
        "<|start|>assistant to=functions.f<|channel|>commentary json<|message|>{}<|call|>",
    ],
    "deepseek_v3": [
        "So:<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>f\n```json\n"
        '{"n": 1}\n```<｜tool▁call▁end｜><｜tool▁calls▁end｜>',
        "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>f\n```json\n"
        '{"s": "```"}\n```<｜tool▁call▁end｜>\n<｜tool▁call▁begin｜>function<｜tool▁sep｜>f\n```json\n'
        "{}\n```<｜tool▁call▁end｜><｜tool▁calls▁end｜>",
    ],
    "deepseek_v3_1": [
        'So:<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>f<｜tool▁sep｜>{"n": 1}<｜tool▁call▁end｜><｜tool▁calls▁end｜>',
        '<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>f<｜tool▁sep｜>{"s": "<｜tool▁calls▁end｜>"}<｜tool▁call▁end｜>'
        "<｜tool▁call▁begin｜>f<｜tool▁sep｜>{}<｜tool▁call▁end｜><｜tool▁calls▁end｜>",
    ],
    "kimi_k2": [
        "So:<|tool_calls_section_begin|><|tool_call_begin|>functions.f:0<|tool_call_argument_begin|>"
        '{"n": 1}<|tool_call_end|><|tool_calls_section_end|>',
        "<|tool_calls_section_begin|><|tool_call_begin|>functions.f:3<|tool_call_argument_begin|>"
        '{"s": "<|tool_call_end|>"}<|tool_call_end|><|tool_call_begin|>functions.f:4<|tool_call_argument_begin|>'
        "{}<|tool_call_end|><|tool_calls_section_end|>",
    ],
    "kimi_k3": [
        '<|open|>response<|sep|>So:<|close|>response<|sep|><|open|>tools<|sep|><|open|>call tool="f" index="1"<|sep|>'
        '<|open|>argument key="n" type="number"<|sep|>1<|close|>argument<|sep|>'
        '<|open|>argument key="s" type="string"<|sep|>two\n"lines"<|close|>argument<|sep|>'
        "<|close|>call<|sep|><|close|>tools<|sep|><|close|>message<|sep|>",
        '<|open|>response<|sep|><|close|>response<|sep|><|open|>tools<|sep|><|open|>call tool="f" index="1"<|sep|>'
        '<|open|>json type="object"<|sep|>{"n": 1}<|close|>json<|sep|><|close|>call<|sep|>'
        '<|open|>call tool="f" index="2"<|sep|><|close|>call<|sep|><|close|>tools<|sep|><|close|>message<|sep|>',
    ],
    "gemma4": [
        '<|channel>thought\nHm.\n<channel|><|tool_call>call:f{n:1,s:<|"|>a}<tool_call|>"<|"|>}<tool_call|>',
        "<|tool_call>call:f{o:{k:[true,null,{}]}}<tool_call|><|tool_call>call:f{}<tool_call|>",
    ],
    "command": [
        '<|START_THINKING|>Hm.<|END_THINKING|><|START_ACTION|>[\n    {"tool_call_id": "0", "tool_name": "f", '
        '"parameters": {"n": 1}}\n]<|END_ACTION|>',
        '<|START_ACTION|>[\n    {"tool_call_id": "0", "tool_name": "f", "parameters": {"s": "<|END_ACTION|>"}},\n'
        '    {"tool_call_id": "1", "tool_name": "f", "parameters": {}}\n]<|END_ACTION|>',
    ],
    "granite3": [f"So:<|tool_call|>{ONE}", f"<|tool_call|>{LISTED}"],
    "nemotron_v2": [f"So:\n<TOOLCALL>{ONE}</TOOLCALL>", f"<TOOLCALL>{LISTED}</TOOLCALL>"],
    "phi4_mini": [f"So:<|tool_call|>{ONE}<|/tool_call|>", f"<|tool_call|>{LISTED}<|/tool_call|>"],
    "lfm2": [
        "So:<|tool_call_start|>[f(n=1, b=True)]<|tool_call_end|>",
        "<|tool_call_start|>[f(s='a)]<|tool_call_end|>', o={\"k\": [true, null]}), f()]<|tool_call_end|>",
    ],
    "olmo3": [
        "So:\n<function_calls>\nf(n=1, b=true)\n</function_calls>",
        "<function_calls>\nf(s='a)\n</function_calls>', o={\"k\": [true]})\nf()\n</function_calls>",
    ],
    "apertus": [
        'So:<|tools_prefix|>[{"f": {"n": 1}}]<|tools_suffix|>',
        '<|tools_prefix|>[{"f": {"s": "]"}}, {"f": {}}]<|tools_suffix|>',
    ],
    "apriel": [
        f"Here are my reasoning steps:\nHm.\n[BEGIN FINAL RESPONSE]\nSo:\n<tool_calls>{ONE}</tool_calls>",
        f"<tool_calls>{LISTED}</tool_calls>",
    ],
    "xlam": [ONE, LISTED],
    "gigachat": ['So:<|function_call|>{"name": "f", "arguments": {"n": 1}}'],
    "minimax_m1": [
        '<tool_calls>\n{"name": "f", "arguments": {"n": 1}}\n</tool_calls>',
        '<tool_calls>\n{"name": "f", "arguments": {"s": "</tool_calls>"}}\n'
        '{"name": "f", "arguments": {}}\n</tool_calls>',
    ],
    "solar_open": [
        "<|think|>Hm.<|end|><|begin|>assistant<|tool_calls|><|tool_call:begin|>c1<|tool_call:name|>f<|tool_call:args|>"
        '{"n": 1}<|tool_call:end|><|calls|>',
        "<|tool_calls|><|tool_call:begin|>c1<|tool_call:name|>f<|tool_call:args|>"
        '{"s": "<|tool_call:end|>"}<|tool_call:end|><|tool_call:begin|>c2<|tool_call:name|>f<|tool_call:args|>'
        "{}<|tool_call:end|><|calls|>",
    ],
    "firefunction": [f"So: functools{ONE}", f" functools{LISTED}"],
    "terminus": ['{"analysis": "", "plan": "", "commands": [{"keystrokes": "f", "duration": 1}]}'],
}
"""Well-formed completions that call f once or twice; "f" stands in them only as the tool's name."""


def called(parser: str, text: str) -> tuple[str, list[dict[str, Any]]]:
    """(content, arguments of each call of f); the calls have ids of their own."""
    action = parser_for(parser)(text, tools=TOOLS)
    assert isinstance(action, Action), action
    assert {call["name"] for call in action.tool_calls} <= {"f"}
    assert len({call["id"] for call in action.tool_calls}) == len(action.tool_calls)
    return action.content, [json.loads(call["arguments"]) for call in action.tool_calls]


def refusal(parser: str, text: str) -> ParseReason:
    """Why the completion is no action."""
    failure = parser_for(parser)(text, tools=TOOLS)
    assert isinstance(failure, ParseFailure), failure
    return failure.reason
