import pytest

from tasks.worlds.simulator import ServiceWorld
from tasks.worlds.world import load


@pytest.fixture(scope="module", params=["desk", "library"])
def service_world(request: pytest.FixtureRequest) -> ServiceWorld:
    world = load(request.param)
    assert isinstance(world, ServiceWorld)
    return world
