from schemas.config import SelectConfig
from schemas.profiles import PROFILES
from tasks.artefact.stage import Stage, obtain
from tasks.artefact.table import frame
from tasks.stages.select.stage import STAGE, inputs, write_pivots
from tasks.store.manifest import Ref
from tasks.store.store import Store
from tests.builders import NoSettings
from tests.tasks.stages.select.test_selection import mixed, profile


def test_the_artefact_counts_every_reason_over_all_parts(store: Store) -> None:
    stage = Stage("profiles", version=1, tables={"profiles": PROFILES})

    def produce(writer) -> None:
        writer.write(0, {"profiles": frame(PROFILES, mixed(3))})
        writer.write(1, {"profiles": frame(PROFILES, [profile(9, [1.0] * 4), profile(10, [0.0] * 4)])})

    profiles: Ref = obtain(stage, NoSettings(), {}, store, produce).ref
    pivots = obtain(
        STAGE, SelectConfig(), {}, store, lambda writer: write_pivots(writer, store, profiles, SelectConfig(), 0)
    )
    assert (pivots.rows, pivots.reasons) == (3, {"always_right": 1, "never_right": 1})
    assert store.read(pivots.ref, "unselected").height == 2


def test_the_inputs_are_the_profiles_and_the_seed() -> None:
    assert inputs(Ref(stage="profiles", version="aa"), 3) == {"profiles": "profiles@aa", "seed": "3"}
