from tasks.policy.files import Policy
from tasks.stages.promote.stage import STAGE, inputs
from tasks.store.manifest import Ref


def ref(stage: str, version: str) -> Ref:
    return Ref(stage=stage, version=version)


def test_a_decision_depends_on_both_policies_their_evaluations_and_the_data() -> None:
    decision_inputs = inputs(
        recipe="r",
        trajectories=ref("trajectories", "t"),
        states=ref("states", "s"),
        base=Policy(location="/models/mine", version="5814bd4c2731ab97"),
        candidate=ref("policies", "p"),
        base_evaluations=ref("evaluations", "b"),
        candidate_evaluations=ref("evaluations", "c"),
    )
    assert decision_inputs == {
        "policies": "policies@p",
        "policy": "5814bd4c2731ab97",
        "states": "states@s",
        "trajectories": "trajectories@t",
        "evaluations": "evaluations@c",
        "base_evaluations": "evaluations@b",
        "recipe": "r",
    }


def test_the_stage_is_named_by_its_table() -> None:
    assert (STAGE.artefact, list(STAGE.tables)) == ("decisions", ["decisions"])
