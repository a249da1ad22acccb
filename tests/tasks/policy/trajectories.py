"""Ten short trajectories with 25 actions of every shape, for tests of chat templates."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from schemas.chat import Message, Role, State, ToolCall, ToolSchema, as_action, message
from tasks.states.example import Example


def _tool(name: str, description: str, properties: Mapping[str, Any], required: tuple[str, ...]) -> ToolSchema:
    parameters = {"type": "object", "properties": dict(properties), "required": list(required)}
    return {"type": "function", "function": {"name": name, "description": description, "parameters": parameters}}


def _text(description: str) -> dict[str, Any]:
    return {"type": "string", "description": description}


TOOLS: tuple[ToolSchema, ...] = (
    _tool("get_order", "Looks an order up.", {"order_id": {"type": "integer", "description": "Its number."}},
          ("order_id",)),
    _tool("write_file", "Writes a file.", {"path": _text("Where."), "content": _text("The whole text.")},
          ("path", "content")),
    _tool("list_tables", "Names the tables of the database.", {}, ()),
    _tool("run_query", "Runs a query.", {"sql": _text("One statement."),
          "limit": {"type": "integer", "description": "Rows at most.", "default": 100}}, ("sql",)),
    _tool("convert", "Converts an amount of money.", {
          "amount": {"type": "number", "description": "How much."},
          "currency": {"type": "string", "enum": ["EUR", "NOK"], "description": "To which currency."},
          "rounded": {"type": "boolean", "description": "Whether to whole units."}}, ("amount", "currency")),
    _tool("create_event", "Enters an event.", {
          "title": _text("Its name."),
          "attendees": {"type": "array", "description": "Who comes.", "items": {"type": "object", "properties": {
              "name": {"type": "string"}, "optional": {"type": "boolean"}}}},
          "reminders": {"type": "array", "items": {"type": "integer"}, "description": "Minutes before it."},
          "place": {"type": ["string", "null"], "description": "Where, if anywhere."},
          "details": {"type": "object", "description": "Anything else."}}, ("title",)),
    _tool("find_customer", "Finds a customer.", {"customer_id": _text("With leading zeros."),
          "include_closed": {"type": "boolean", "description": "Closed accounts too."}}, ("customer_id",)),
)  # fmt: skip


def _call(name: str, **arguments: Any) -> ToolCall:
    return ToolCall(id="", name=name, arguments=json.dumps(arguments, ensure_ascii=False))


def _system(text: str) -> Message:
    return message(Role.SYSTEM, text)


def _user(text: str) -> Message:
    return message(Role.USER, text)


def _assistant(*calls: ToolCall, text: str = "", thought: str = "") -> Message:
    return message(Role.ASSISTANT, text, reasoning=thought, tool_calls=list(calls))


def _result(text: str) -> Message:
    return message(Role.TOOL, text)


_PROGRAM = 'def greet(name):\n    """Say hello."""\n    print(f"Hei, {name}!\\n")\n\n\ngreet(\'Åse\')\n'
_MARKUP = '<note priority="high">\n  <to>Tom & Jerry</to>\n  <!-- 2 < 3 -->\n</note>'

_CONVERSATIONS: tuple[list[Message], ...] = (
    [
        _system("You work at the order desk. Be brief."),
        _user("Where is order 17?"),
        _assistant(_call("get_order", order_id=17), thought="They want a status."),
        _result('{"status": "shipped", "carrier": "Post"}'),
        _assistant(text="It has shipped.", thought="It is with the post."),
    ],
    [
        _user("Write me a small program."),
        _assistant(_call("write_file", path="src/greet.py", content=_PROGRAM)),
        _result("written"),
        _assistant(
            _call("write_file", path="README.md", content="# Greet\n\nRun `greet.py`: it says \"Hei\"."),
            text="Now its page.",
        ),
        _result("written"),
        _assistant(text='Done:\n\n- `src/greet.py` says "Hei, Åse!"\n- `README.md` explains it 👋'),
    ],
    [
        _user("How many customers are in Tromsø?"),
        _assistant(_call("list_tables"), thought="First I need the tables."),
        _result('["customers", "orders"]'),
        _assistant(
            _call("run_query", sql="SELECT count(*)\nFROM customers\nWHERE city = 'Tromsø' AND note <> \"?\"", limit=1),
            thought="customers has the city.",
        ),
        _result("[[12]]"),
        _assistant(text="There are 12 customers in Tromsø."),
    ],
    [
        _system("Answer in one sentence."),
        _user("Where are orders 17 and 18?"),
        _assistant(_call("get_order", order_id=17), _call("get_order", order_id=18), thought="Both at once."),
        _result('{"status": "shipped"}'),
        _result('{"status": "lost"}'),
        _assistant(text="Order 17 has shipped, and order 18 is lost."),
    ],
    [
        _user("Plan the review with Ola and Kari for Monday."),
        _assistant(
            _call(
                "create_event",
                title="Review: Q3 \"numbers\"",
                attendees=[{"name": "Ola", "optional": False}, {"name": "Kari Nordmann", "optional": True}],
                reminders=[60, 10],
                place=None,
                details={"room": {"floor": 2, "tags": ["quiet", "søndre"]}, "budget": 1250.5, "note": None},
            ),
            thought="No place was named.",
        ),
        _result("event 5"),
        _assistant(text="It is in the calendar."),
        _user("And an empty one, please."),
        _assistant(_call("create_event", title="Hold", attendees=[], place="Room 2", details={})),
        _result("event 6"),
        _assistant(text="That too."),
    ],
    [
        _user("Save this note."),
        _assistant(_call("write_file", path="notes/jerry.xml", content=_MARKUP), thought="It is XML."),
        _result("written"),
        _assistant(text="Saved, with `<to>Tom & Jerry</to>` in it."),
    ],
    [
        _user("What are 12.5 dollars in euros?"),
        _assistant(
            _call("convert", amount=12.5, currency="EUR", rounded=False),
            text="I will look the rate up.",
            thought="A conversion.",
        ),
        _result("11.5"),
        _assistant(text="12.5 dollars are 11.50 euros."),
    ],
    [
        _system("You are a friendly assistant."),
        _user("Hello!"),
        _assistant(text="Hello! How can I help?"),
        _user("Say it in Norwegian."),
        _assistant(text="Hei! Hva kan jeg hjelpe deg med?\n\nAlt mulig, egentlig."),
    ],
    [
        _user("Is customer 007 still with us?"),
        _assistant(_call("find_customer", customer_id="007", include_closed=True), thought="Zeros matter."),
        _result('{"name": "James", "closed": false}'),
        _assistant(text='Yes: {"name": "James"} is what I found.'),
    ],
    [
        _user("Change -40 dollars to kroner, whole ones, and file it under \"true\"."),
        _assistant(_call("convert", amount=-40, currency="NOK", rounded=True)),
        _result("-412"),
        _assistant(_call("write_file", path="true", content="-412")),
        _result("written"),
        _assistant(text="-412 kroner; it is in the file."),
    ],
)  # fmt: skip


def _with_ids(messages: list[Message]) -> Iterator[Message]:
    """The messages with an id for every call; the results answer the calls in order."""
    waiting: list[ToolCall] = []
    count = 0
    for original in messages:
        calls = [ToolCall(id=f"call_{count + i}", name=c["name"], arguments=c["arguments"])
                 for i, c in enumerate(original["tool_calls"])]  # fmt: skip
        count += len(calls)
        waiting += calls
        if original["role"] == Role.TOOL:
            answered = waiting.pop(0)
            yield {**original, "tool_call_id": answered["id"], "name": answered["name"]}
        else:
            yield {**original, "tool_calls": calls}


def _examples(number: int, messages: list[Message]) -> Iterator[Example]:
    for turn, action in enumerate(messages):
        if action["role"] == Role.ASSISTANT:
            state = State(f"{number:016x}", turn, tuple(messages[:turn]), TOOLS)
            yield Example(state, as_action(action))


EXAMPLES = [
    example
    for number, conversation in enumerate(_CONVERSATIONS)
    for example in _examples(number, list(_with_ids(conversation)))
]
"""Every action of them with its state."""
