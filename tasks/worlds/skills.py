"""Skills that have nothing to do with tools. Training on the desk should leave them as they were.

item = SKILLS["addition"].items("test", 1, seed=0)[0]
item.messages[0]["content"]     # "What is 47 plus 38?"
item.check("85")                # True
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random
from types import MappingProxyType

from schemas.chat import Message, Role, message
from tasks.states.hashing import hash64
from tasks.worlds.wordlists import COLOURS, THINGS

TEST_SHARE = 0.2
"""Share of all problems that belong to the split "test"."""
LETTERS = "abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True)
class Item:
    """One question with its only right answer."""

    skill: str
    question: str
    answer: str

    @property
    def messages(self) -> list[Message]:
        """The prompt: one user message."""
        return [message(Role.USER, self.question)]

    def check(self, text: str) -> bool:
        """Whether the completion is the answer and nothing else. White space around it does not count."""
        return text.strip() == self.answer


@dataclass(frozen=True)
class Skill:
    """A family of problems. The content of a problem decides its split."""

    name: str
    draw: Callable[[Random], tuple[str, str, str]]
    """Returns a problem's key, question and answer. The key is the same for every order and wording of a problem."""

    def item(self, split: str, rng: Random) -> Item:
        """The next problem of the split "train" or "test"."""
        while True:
            key, question, answer = self.draw(rng)
            if (_share(f"{self.name} {key}") < TEST_SHARE) == (split == "test"):
                return Item(self.name, question, answer)

    def items(self, split: str, n: int, seed: int) -> list[Item]:
        """`n` problems. Equal arguments give equal problems."""
        rng = Random(f"{self.name} {split} {seed}")
        return [self.item(split, rng) for _ in range(n)]


def _share(key: str) -> float:
    """A number in [0, 1) that depends on the key alone, on every machine."""
    return (hash64(key) >> 32) / 2**32


def _addition(rng: Random) -> tuple[str, str, str]:
    a, b = rng.randrange(10, 100), rng.randrange(10, 100)
    return f"{min(a, b)} {max(a, b)}", f"What is {a} plus {b}?", str(a + b)


def _sorting(rng: Random) -> tuple[str, str, str]:
    letters = rng.sample(LETTERS, rng.randrange(4, 7))
    return "".join(sorted(letters)), f"Sort: {' '.join(letters)}", " ".join(sorted(letters))


def _reversal(rng: Random) -> tuple[str, str, str]:
    words = rng.sample(THINGS, rng.randrange(3, 7))
    return " ".join(words), f"Reverse: {' '.join(words)}", " ".join(reversed(words))


def _recall(rng: Random) -> tuple[str, str, str]:
    things = rng.sample(THINGS, rng.randrange(3, 7))
    colours = [rng.choice(COLOURS) for _ in things]
    facts = " ".join(f"The {thing} is {colour}." for thing, colour in zip(things, colours, strict=True))
    asked = rng.randrange(len(things))
    return facts, f"{facts} Which colour is the {things[asked]}?", colours[asked]


def _even_numbers(rng: Random) -> tuple[str, str, str]:
    digits = [rng.randrange(1, 10) for _ in range(rng.randrange(4, 8))]
    digits.append(rng.choice((2, 4, 6, 8)))
    rng.shuffle(digits)
    shown = " ".join(map(str, digits))
    return shown, f"Keep the even numbers: {shown}", " ".join(str(digit) for digit in digits if digit % 2 == 0)


def _largest(rng: Random) -> tuple[str, str, str]:
    numbers = rng.sample(range(10, 100), rng.randrange(3, 6))
    shown = " ".join(map(str, numbers))
    return " ".join(map(str, sorted(numbers))), f"Which is the largest: {shown}?", str(max(numbers))


SKILLS: Mapping[str, Skill] = MappingProxyType(
    {
        "addition": Skill("addition", _addition),
        "sorting": Skill("sorting", _sorting),
        "reversal": Skill("reversal", _reversal),
        "recall": Skill("recall", _recall),
        "even_numbers": Skill("even_numbers", _even_numbers),
        "largest": Skill("largest", _largest),
    }
)
"""Name to skill. `even_numbers` and `largest` are the rules on lists."""
