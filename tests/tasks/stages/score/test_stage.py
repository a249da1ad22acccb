from tasks.stages.score.stage import inputs
from tasks.store.manifest import Ref
from tasks.verifiers.kinds import CascadeSettings, ExactSettings, ToolCallSettings
from tasks.verifiers.section import ScoreConfig


def test_the_inputs_name_the_verifiers_code_and_leave_its_settings_to_the_configuration() -> None:
    refs = Ref(stage="rollouts", version="aa"), Ref(stage="states", version="bb")
    exact = inputs(*refs, ScoreConfig(verifier=ExactSettings()))
    assert exact["rollouts"] == "rollouts@aa" and exact["states"] == "states@bb"
    assert set(exact) == {"rollouts", "states", "verifier"}
    other_bound = inputs(*refs, ScoreConfig(verifier=ExactSettings(), min_gold_rate=0.5))
    assert exact == other_bound
    nested = inputs(*refs, ScoreConfig(verifier=CascadeSettings(verifiers=(ExactSettings(), ToolCallSettings()))))
    assert exact["verifier"] in nested["verifier"] != exact["verifier"]
