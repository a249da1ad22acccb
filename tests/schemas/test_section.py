import pytest
from pydantic import ValidationError

from schemas.config import RolloutConfig
from schemas.section import Engine, Section


class SecretConfig(Section):
    token: int = 0


def test_a_section_refuses_keys_that_it_does_not_know() -> None:
    with pytest.raises(ValidationError, match="max_model_length"):
        Engine.model_validate({"max_model_length": 1})


def test_a_section_never_changes() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        RolloutConfig().samples = 4  # type: ignore[misc]


def test_an_error_does_not_repeat_the_value() -> None:
    with pytest.raises(ValidationError) as refused:
        SecretConfig.model_validate({"token": "5ecret"})
    assert "5ecret" not in str(refused.value)


def test_a_section_is_titled_by_its_stage() -> None:
    assert RolloutConfig.model_json_schema()["title"] == "Rollout"
    assert Engine.model_json_schema()["title"] == "Engine"


@pytest.mark.parametrize(("answer", "thought", "room"), [(1, 0, 99), (99, 0, 1), (100, 0, 0), (20, 30, 50)])
def test_a_prompt_has_the_context_but_for_thought_and_answer(answer: int, thought: int, room: int) -> None:
    assert Engine(max_model_len=100).prompt_room(answer, thought) == room
