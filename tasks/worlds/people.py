"""Made-up people: names, e-mail addresses and record numbers."""

from __future__ import annotations

from random import Random

from tasks.worlds.wordlists import FIRST_NAMES, LAST_NAMES


def person(rng: Random) -> dict[str, str]:
    """A name and an e-mail address."""
    first, last = rng.choice(FIRST_NAMES), rng.choice(LAST_NAMES)
    return {"name": f"{first} {last}", "email": f"{first}.{last}{rng.randrange(10, 100)}@mail.com".lower()}


def numbers(rng: Random, letter: str, digits: int, n: int) -> list[str]:
    """`n` distinct record numbers such as `W4821`."""
    start = 10 ** (digits - 1)
    return [f"{letter}{number}" for number in rng.sample(range(start, 10 * start), n)]
