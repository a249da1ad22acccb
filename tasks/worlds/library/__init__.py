"""The sibling world: a library's desk, with other tools of the same shape. It measures tool use out of domain."""

from tasks.worlds.library.rules import SERVICE
from tasks.worlds.simulator import ServiceWorld

WORLD = ServiceWorld(SERVICE)
