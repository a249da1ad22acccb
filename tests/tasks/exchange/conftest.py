import pytest

from tasks.store.manifest import Ref
from tasks.store.store import Store
from tests.pivots import HALF, commit_pivots
from tests.tasks.exchange.exported import PARTS, PIVOTS


@pytest.fixture
def pivots(store: Store) -> Ref:
    return commit_pivots(store, PARTS, {**dict.fromkeys(PIVOTS, HALF), (2, 0): (1.0,) * 4}).ref
