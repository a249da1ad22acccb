"""The desk's users and orders.

users: {"U317": {"user_id": "U317", "name": "Anna Kim", "email": "anna.kim31@mail.com", "tier": "gold",
                 "orders": ["W4821", ...]}}
orders: {"W4821": {"order_id": "W4821", "user_id": "U317", "item": "lamp", "city": "Oslo", "status": "pending",
                   "window": "open"}}
"""

from __future__ import annotations

from random import Random
from typing import Any

from tasks.worlds.people import numbers, person
from tasks.worlds.records import Tables
from tasks.worlds.wordlists import CITIES, THINGS

USERS = 240


def tables(rng: Random) -> Tables:
    """A fresh data set. Every user has two to four orders. Each deciding attribute allows about half the requests."""
    users: dict[str, dict[str, Any]] = {}
    orders: dict[str, dict[str, Any]] = {}
    order_ids = iter(numbers(rng, "W", 4, 4 * USERS))
    emails: set[str] = set()
    for user_id in numbers(rng, "U", 3, USERS):
        who = person(rng)
        while who["email"] in emails:
            who = person(rng)
        emails.add(who["email"])
        owned = [next(order_ids) for _ in range(rng.choice((2, 3, 3, 4)))]
        users[user_id] = {"user_id": user_id, **who, "tier": rng.choice(("gold", "basic")), "orders": owned}
        orders.update((order_id, _order(order_id, user_id, rng)) for order_id in owned)
    return {"users": users, "orders": orders}


def _order(order_id: str, user_id: str, rng: Random) -> dict[str, Any]:
    return {
        "order_id": order_id,
        "user_id": user_id,
        "item": rng.choice(THINGS),
        "city": rng.choice(CITIES),
        "status": rng.choice(("pending", "pending", "shipped", "delivered")),
        "window": rng.choice(("open", "closed")),
    }
