"""The formats in which policies write actions: one file per format, and one line in this table (../README.md)."""

from __future__ import annotations

from collections.abc import Mapping

from tasks.policy.parsing.completion import Format
from tasks.policy.parsing.formats import (
    apertus,
    apriel,
    command,
    deepseek_dsml,
    deepseek_v3,
    deepseek_v3_1,
    firefunction,
    gemma4,
    gigachat,
    glm,
    granite3,
    harmony,
    hermes,
    hunyuan,
    kimi_k2,
    kimi_k3,
    lfm2,
    llama3,
    llama4,
    minicpm5,
    minimax_m1,
    minimax_m2,
    minimax_m3,
    mistral,
    nemotron_v2,
    none,
    olmo3,
    phi4_mini,
    pythonic,
    qwen3_coder,
    seed_oss,
    solar_open,
    terminus,
    xlam,
)

_WITH_CALLS: Mapping[str, Format] = {
    "hermes": hermes.FORMAT,
    "qwen3_coder": qwen3_coder.FORMAT,
    "seed_oss": seed_oss.FORMAT,
    "glm": glm.FORMAT,
    "hunyuan": hunyuan.FORMAT,
    "minimax_m2": minimax_m2.FORMAT,
    "minimax_m3": minimax_m3.FORMAT,
    "deepseek_dsml": deepseek_dsml.FORMAT,
    "minicpm5": minicpm5.FORMAT,
    "llama3_json": llama3.FORMAT,
    "llama4_json": llama4.FORMAT,
    "pythonic": pythonic.FORMAT,
    "mistral": mistral.FORMAT,
    "harmony": harmony.FORMAT,
    "deepseek_v3": deepseek_v3.FORMAT,
    "deepseek_v3_1": deepseek_v3_1.FORMAT,
    "kimi_k2": kimi_k2.FORMAT,
    "kimi_k3": kimi_k3.FORMAT,
    "gemma4": gemma4.FORMAT,
    "command": command.FORMAT,
    "granite3": granite3.FORMAT,
    "nemotron_v2": nemotron_v2.FORMAT,
    "phi4_mini": phi4_mini.FORMAT,
    "lfm2": lfm2.FORMAT,
    "olmo3": olmo3.FORMAT,
    "apertus": apertus.FORMAT,
    "apriel": apriel.FORMAT,
    "xlam": xlam.FORMAT,
    "firefunction": firefunction.FORMAT,
    "minimax_m1": minimax_m1.FORMAT,
    "gigachat": gigachat.FORMAT,
    "solar_open": solar_open.FORMAT,
    "terminus": terminus.FORMAT,
}
"""Where several read what a policy writes, it is the first: Llama 4's also reads the calls of Llama 3."""
REASONING_MARKS = tuple(dict.fromkeys(marks for known in _WITH_CALLS.values() for marks in known.reasoning))
"""Those of every format."""
FORMATS: Mapping[str, Format] = {**_WITH_CALLS, "none": Format(none.read, REASONING_MARKS, calls=False)}
