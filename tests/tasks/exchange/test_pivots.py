"""Pivots with their states, part by part."""

from schemas.chat import ActionKind
from tasks.exchange.pivots import parts
from tasks.store.manifest import Ref
from tasks.store.store import Store
from tests.tasks.exchange.exported import PIVOTS, exported


def test_pivots_come_part_by_part_in_the_order_of_the_trajectories(store: Store, pivots: Ref) -> None:
    keys = [[pivot.state.key for pivot in part] for part in parts(store, pivots)]
    assert keys == [[(f"{n:016x}", t) for n, t in PIVOTS[:-1]], [(f"{3:016x}", 4)]], "an empty part is left out"


def test_every_kind_of_action_is_among_the_rows(store: Store, pivots: Ref) -> None:
    kinds = {pivot.state.demonstration.kind for pivot in exported(store, pivots)}
    assert kinds == {ActionKind.MESSAGE, ActionKind.CALL, ActionKind.CALLS}
