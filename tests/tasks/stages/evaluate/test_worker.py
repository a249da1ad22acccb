from schemas.config import EvaluateConfig, SplitConfig
from tasks.stages.evaluate.worker import held_out
from tasks.states.reader import StateReader
from tasks.store.store import Store
from tests.builders import commit_states, commit_trajectories, episode, trajectory


def test_the_held_out_states_are_the_validation_ones_spread_over_trajectories(store: Store) -> None:
    trajectories = commit_trajectories(
        store, [[trajectory(10 * p + i, episode(5)) for i in range(10)] for p in range(4)]
    )
    states = commit_states(store, trajectories, SplitConfig(validation_fraction=0.5))
    reader = StateReader(store, states.ref, trajectories.ref)
    everything = held_out(reader, EvaluateConfig())
    assert {s.split for s in everything} == {"validation"}
    assert len(everything) == store.read(states.ref)["split"].to_list().count("validation")
    some = held_out(reader, EvaluateConfig(states=20))
    assert [s.key for s in some] == sorted(s.key for s in some) and len(some) == 20
    assert [s.key for s in some] == [s.key for s in held_out(reader, EvaluateConfig(states=20))]
    assert len({s.key[0] for s in some}) > 8, "20 states of 5 a trajectory could be those of 4 trajectories"
    assert held_out(reader, EvaluateConfig(states=0)) == []
