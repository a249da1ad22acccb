from tasks.policy.files import Policy
from tasks.stages.rollout.stage import RolloutSpec, inputs
from tasks.store.manifest import Ref


def test_the_inputs_are_the_states_the_policys_content_and_the_seed() -> None:
    policy = Policy(location="/some/folder", version="desk:bb")
    assert inputs(Ref(stage="states", version="aa"), policy, 3) == {
        "states": "states@aa",
        "policy": "desk:bb",
        "seed": "3",
    }


def test_a_specification_survives_the_file_that_the_child_reads() -> None:
    ref = Ref(stage="states", version="aa")
    policy = Policy(location="desk", version="desk:bb")
    spec = RolloutSpec.model_validate(
        {"store": "s", "target": ref, "states": ref, "trajectories": ref, "policy": policy, "config": {}, "seed": 3}
    )
    assert RolloutSpec.model_validate_json(spec.model_dump_json()) == spec
