"""The seeds of a run: what must differ differs, and what is stored with a run does not change."""

from __future__ import annotations

from tasks.stages.train import seeds


def test_sampling_seeds_differ_among_ranks_and_rank_0_has_the_steps_own():
    ranks = [seeds.rank_seed(3_000_009, rank) for rank in range(8)]
    assert ranks[0] == 3_000_009
    assert min(abs(a - b) for i, a in enumerate(ranks) for b in ranks[:i]) > 1_000_000


def test_steps_ranks_and_seeds_share_no_sampling_seed():
    drawn = [
        seeds.rank_seed(seeds.sampling_seed(seed, step), rank)
        for seed in range(3)
        for step in range(500)
        for rank in range(4)
    ]
    assert len(set(drawn)) == len(drawn)
    assert all(0 <= seed < 2**31 for seed in drawn)


def test_every_draw_has_its_own_generator_and_repeats():
    makers = [
        lambda: seeds.epoch_rng(1, 0),
        lambda: seeds.epoch_rng(1, 1),
        lambda: seeds.refill_rng(1, 0),
        lambda: seeds.refill_rng(1, 1),
        lambda: seeds.held_out_rng(1),
        lambda: seeds.held_out_rng(2),
    ]
    numbers = [make().random() for make in makers]
    assert len(set(numbers)) == len(numbers)
    assert numbers == [make().random() for make in makers]
