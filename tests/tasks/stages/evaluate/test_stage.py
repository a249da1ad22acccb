import pytest

from schemas.config import EvaluateConfig
from tasks.errors import ConfigurationError
from tasks.policy.files import Policy
from tasks.stages.evaluate.stage import check, chosen_skills, inputs
from tasks.store.manifest import Ref
from tasks.verifiers.comparing.values import Comparer
from tasks.verifiers.kinds import ExactSettings, ToolCallSettings
from tasks.verifiers.section import ScoreConfig
from tasks.worlds.skills import SKILLS


def test_mistakes_are_found_before_anything_runs() -> None:
    assert chosen_skills(EvaluateConfig(skills=("all",))) == tuple(SKILLS)
    check(EvaluateConfig(skills=("all",), worlds=("desk",), ood_worlds=("library",)))
    for settings, problem in (
        ({"skills": ("juggling",)}, "no skill 'juggling'; there are addition"),
        ({"skills": ("addition", "addition")}, "the skill 'addition' is named twice"),
        ({"worlds": ("desk",), "ood_worlds": ("desk",)}, "the world 'desk' is named twice"),
        ({"worlds": ("moon",)}, "world 'moon': not built in"),
    ):
        with pytest.raises(ConfigurationError, match=problem):
            check(EvaluateConfig(**settings))


def test_what_decides_the_rows_is_in_the_inputs() -> None:
    states, policy = Ref(stage="states", version="aa"), Policy(location="desk", version="desk:bb")
    exact = inputs(states, policy, ScoreConfig(verifier=ExactSettings()), 3)
    assert exact == {
        "states": "states@aa",
        "policy": "desk:bb",
        "verifier": exact["verifier"],
        "parser": "auto",
        "seed": "3",
    }
    loose, strict = (
        inputs(states, policy, ScoreConfig(verifier=ToolCallSettings(values=Comparer(text=text))), 3)["verifier"]
        for text in ("any", "normalised")
    )
    assert len({exact["verifier"], loose, strict}) == 3, "the verifier's settings are no part of evaluate's own"
