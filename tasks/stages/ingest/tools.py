"""Tool schemas in one form: a list of {"type": "function", "function": {"name", "description", "parameters"}}."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from schemas.chat import FunctionSchema, ToolSchema
from schemas.rejects import RejectReason
from tasks.stages.ingest.episode import Rejected, json_text


def tools_json(tools: Any) -> str:
    """The canonical JSON text of tool schemas in any known form; "" for none.

    Takes a list or its JSON text, with schemas that are wrapped in `function`, bare, or flat as in the Responses API.
    The order of tools and keys stays: the policy sees it.

    Raises:
        Rejected: malformed_tools, for anything else.
    """
    if isinstance(tools, str) and tools.strip():
        try:
            tools = json.loads(tools)
        except (ValueError, RecursionError) as error:
            raise Rejected(RejectReason.MALFORMED_TOOLS, f"tools are text that is not JSON: {error}") from error
    if not tools or isinstance(tools, str):
        return ""
    if not isinstance(tools, list):
        raise Rejected(RejectReason.MALFORMED_TOOLS, f"tools are a {type(tools).__name__}, not a list")
    return json_text([_schema(tool, index) for index, tool in enumerate(tools)])


def _schema(tool: Any, index: int) -> ToolSchema:
    inner = tool.get("function", tool) if isinstance(tool, Mapping) else None
    if not isinstance(inner, Mapping) or not isinstance(inner.get("name"), str) or not inner["name"]:
        raise Rejected(RejectReason.MALFORMED_TOOLS, f"tool {index} is not a function with a name")
    schema = FunctionSchema(name=inner["name"])
    if isinstance(inner.get("description"), str):
        schema["description"] = inner["description"]
    parameters = inner.get("parameters", inner.get("input_schema"))
    if isinstance(parameters, Mapping):
        schema["parameters"] = dict(parameters)
    return ToolSchema(type="function", function=schema)
