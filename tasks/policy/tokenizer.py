"""A model folder's tokenizer, and the tokens that end an action of its model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from transformers import AutoTokenizer, PreTrainedTokenizerBase

from tasks.errors import InputError


def load_tokenizer(folder: str | Path) -> PreTrainedTokenizerBase:
    """The tokenizer of a model folder.

    Raises:
        InputError: the folder has no tokenizer, or the tokenizer no chat template or end-of-turn token.
    """
    # With mistral-common installed, tekken.json would give a tokenizer of Mistral's own that has no chat template.
    tekken = {"mistral_format": False} if (Path(folder) / "tekken.json").is_file() else {}
    try:
        tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(str(folder), **tekken)
    except (OSError, ValueError) as error:
        raise InputError(f"model {str(folder)!r}: no tokenizer could be loaded: {error}") from error
    if not tokenizer.chat_template:
        raise InputError(
            f"model {str(folder)!r}: its tokenizer has no chat template, so no state can be rendered; "
            "put the template that the policy was trained with into chat_template.jinja in that folder"
        )
    if not stop_token_ids(folder, tokenizer):
        raise InputError(
            f"model {str(folder)!r}: its tokenizer names no eos_token and its generation_config.json no eos_token_id, "
            "so no action could end"
        )
    return tokenizer


def stop_token_ids(folder: str | Path, tokenizer: PreTrainedTokenizerBase) -> tuple[int, ...]:
    """The tokens at which sampling stops: those of generation_config.json, without that file of config.json, and the
    tokenizer's own. vLLM takes the same."""
    paths = (Path(folder) / name for name in ("generation_config.json", "config.json"))
    settings = next((_settings(path) for path in paths if path.is_file()), {})
    text = settings.get("text_config")  # of a model with several parts, that of the one that writes text
    named = settings.get("eos_token_id", text.get("eos_token_id") if isinstance(text, dict) else None)
    ids = named if isinstance(named, list) else [named]
    return tuple(dict.fromkeys(int(i) for i in (*ids, tokenizer.eos_token_id) if isinstance(i, int)))


def _settings(path: Path) -> dict[str, Any]:
    try:
        settings = json.loads(path.read_text())
    except ValueError as error:
        raise InputError(f"{path} is not JSON: {error}") from error
    if not isinstance(settings, dict):
        raise InputError(f"{path} is no JSON object")
    return settings
