from tasks.policy.files import Policy
from tasks.stages.check.stage import inputs
from tasks.store.manifest import Ref
from tasks.verifiers.kinds import ExactSettings
from tasks.verifiers.section import ScoreConfig


def test_the_inputs_name_the_policy_with_its_options_and_the_code() -> None:
    states, policy = Ref(stage="states", version="aa"), Policy(location="desk", version="bb")
    plain = inputs(states, policy, ScoreConfig(verifier=ExactSettings()))
    assert plain == {"states": "states@aa", "policy": "bb", "verifier": "exact/2", "parser": "auto"}
    thinking = policy.model_copy(update={"options": {"enable_thinking": True}})
    with_options = inputs(states, thinking, ScoreConfig(verifier=ExactSettings()))
    assert with_options == {**plain, "model_options": '{"enable_thinking": true}'}
