"""The built-in world: a shop's customer-service desk with 240 users, some 700 orders and eight tools."""

from tasks.worlds.desk.rules import SERVICE
from tasks.worlds.simulator import ServiceWorld

WORLD = ServiceWorld(SERVICE)
