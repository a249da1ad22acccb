from random import Random

from tasks.worlds.people import numbers, person


def test_an_address_is_made_of_the_name() -> None:
    who = person(Random(3))
    first, last = who["name"].lower().split()
    assert who["email"].startswith(f"{first}.{last}") and who["email"].endswith("@mail.com")


def test_numbers_are_distinct_and_of_one_length() -> None:
    drawn = numbers(Random(0), "W", 3, 900)
    assert len(set(drawn)) == 900
    assert all(number[0] == "W" and 100 <= int(number[1:]) <= 999 for number in drawn)
