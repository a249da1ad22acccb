"""What a folder must have so that states can be rendered and actions end."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tasks.errors import InputError
from tasks.policy.chat import ChatFormat
from tasks.policy.files import DESK
from tasks.policy.tokenizer import load_tokenizer, stop_token_ids
from tests.tasks.policy.conftest import settings


def test_a_folder_without_tokenizer_template_or_end_of_turn_is_refused(tmp_path: Path, model_folder: Path) -> None:
    with pytest.raises(InputError, match=r"no tokenizer could be loaded"):
        load_tokenizer(tmp_path / "nowhere")
    settings(model_folder, eos_token=None)
    assert stop_token_ids(model_folder, load_tokenizer(model_folder)) == (2,), "generation_config.json names one"
    (model_folder / "generation_config.json").unlink()
    assert stop_token_ids(model_folder, load_tokenizer(model_folder)) == (2,), "config.json names one"
    config = json.loads((model_folder / "config.json").read_text())
    del config["eos_token_id"]
    (model_folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(InputError, match=r"names no eos_token and its generation_config.json no eos_token_id"):
        load_tokenizer(model_folder)
    (model_folder / "chat_template.jinja").unlink()
    with pytest.raises(InputError, match=r"has no chat template"):
        load_tokenizer(model_folder)


def test_the_stop_tokens_are_the_models_and_the_tokenizers(model_folder: Path) -> None:
    (model_folder / "generation_config.json").write_text(json.dumps({"eos_token_id": [5, 2, 7]}))
    tokenizer = load_tokenizer(model_folder)
    assert stop_token_ids(model_folder, tokenizer) == (5, 2, 7)
    assert tokenizer.decode([9999]) == "", "a token that the tokenizer does not have"
    (model_folder / "generation_config.json").write_text(json.dumps({"eos_token_id": [9999, 2]}))
    assert ChatFormat(model_folder).template.stops == ("<|im_end|>",)
    (model_folder / "generation_config.json").write_text("[")
    with pytest.raises(InputError, match=r"generation_config.json is not JSON"):
        stop_token_ids(model_folder, tokenizer)


def test_a_folder_as_mistral_publishes_it_has_the_chat_template_that_lies_there(model_folder: Path) -> None:
    pytest.importorskip("mistral_common")
    config = json.loads((model_folder / "config.json").read_text())
    (model_folder / "config.json").write_text(json.dumps({**config, "model_type": "mistral"}))
    (model_folder / "tekken.json").write_text("{}")
    assert load_tokenizer(model_folder).chat_template == (DESK / "chat_template.jinja").read_text()


def test_a_tokenizer_that_names_no_characters_gives_the_same_prompts(monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.tasks.policy.test_chat import CUTS, MESSAGES

    chat, slow = ChatFormat(DESK), ChatFormat(DESK)
    monkeypatch.setattr(type(slow.tokenizer), "is_fast", property(lambda self: self is not slow.tokenizer))
    assert slow.prompts(MESSAGES, (), CUTS).token_ids == chat.prompts(MESSAGES, (), CUTS).token_ids
