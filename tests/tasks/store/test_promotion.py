from concurrent.futures import ThreadPoolExecutor

import pytest

from tasks.errors import ConfigurationError, NotInStore
from tasks.store.manifest import Manifest, Ref
from tasks.store.promotion import PROMOTED, policy_in_use, promote, replaced_policies
from tasks.store.store import Store
from tasks.store.tags import set_tag


def policy(store: Store, number: int, stage: str = "policies") -> Ref:
    ref = Ref(stage=stage, version=f"{number:016x}")
    store.commit(Manifest(stage=stage, version=ref.version, stage_version=1, config={}, inputs={}, parts=()))
    return ref


def test_a_policy_is_put_into_use_and_the_one_before_is_told(any_store: Store) -> None:
    one, two = policy(any_store, 1), policy(any_store, 2)
    assert policy_in_use(any_store) is None
    assert promote(any_store, one) is None
    assert promote(any_store, two) == one
    assert policy_in_use(any_store) == two
    assert any_store.tags("policies") == {PROMOTED: two.version, "promoted-1": one.version, "promoted-2": two.version}


def test_roll_back_keeps_what_was_and_knows_what_was_taken_out(store: Store) -> None:
    one, two, _never = (policy(store, number) for number in (1, 2, 3))
    promote(store, one)
    promote(store, two)
    assert promote(store, store.resolve("policies@promoted-1")) == two
    assert policy_in_use(store) == one
    assert replaced_policies(store) == {two.version}
    promote(store, two)
    assert replaced_policies(store) == {one.version}
    assert sorted(store.tags("policies")) == [PROMOTED, "promoted-1", "promoted-2"]


def test_a_kill_between_the_two_tags_is_made_good_by_the_next_promotion(store: Store) -> None:
    one, two = policy(store, 1), policy(store, 2)
    promote(store, one)
    store.tag(two, PROMOTED)
    assert promote(store, one) == two
    assert replaced_policies(store) == {two.version}


@pytest.mark.slow
def test_promotions_at_one_time_are_all_remembered(any_store: Store) -> None:
    refs = [policy(any_store, number) for number in range(1, 7)]
    with ThreadPoolExecutor(len(refs)) as pool:
        list(pool.map(lambda ref: promote(Store(any_store.root), ref), refs))
    tags = any_store.tags("policies")
    assert {version for tag, version in tags.items() if tag != PROMOTED} == {ref.version for ref in refs}
    assert set(tags) == {PROMOTED, *(f"promoted-{number}" for number in range(1, 7))}


def test_history_is_counted_and_not_sorted_as_text(store: Store) -> None:
    for number in range(1, 13):
        promote(store, policy(store, number))
    assert store.resolve("policies@promoted-12") == policy_in_use(store)


def test_only_a_policy_that_is_there_can_be_promoted(store: Store) -> None:
    with pytest.raises(ConfigurationError, match="is no policy"):
        promote(store, policy(store, 1, stage="pivots"))
    with pytest.raises(NotInStore, match="no policies@0"):
        promote(store, Ref(stage="policies", version="0" * 16))
    assert policy_in_use(store) is None


def test_a_tag_on_a_policy_that_is_gone_says_so(store: Store) -> None:
    one = policy(store, 1)
    promote(store, one)
    store.objects.remove(f"policies/{one.version}")
    with pytest.raises(NotInStore, match=f"the promoted policy, {one}, is gone"):
        policy_in_use(store)
    promote(store, policy(store, 2))
    assert policy_in_use(store) is not None


@pytest.mark.parametrize("tag", [PROMOTED, "promoted-7"])
def test_the_tags_of_promotion_are_moved_by_nothing_else(store: Store, tag: str) -> None:
    with pytest.raises(ConfigurationError, match="pivotrl promote policies@"):
        set_tag(store, policy(store, 1), tag)
    assert set_tag(store, policy(store, 1, stage="pivots"), tag)["tag"] == tag
