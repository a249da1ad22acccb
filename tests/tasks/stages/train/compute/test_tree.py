from __future__ import annotations

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn.attention.flex_attention import create_mask

from tasks.stages.train.compute.forward import attention_mask, tree_mask
from tasks.stages.train.compute.tree import (
    Branch,
    assign,
    build_tree,
    build_trees,
    dummy_pack,
    pack,
    repeated_tokens,
)

tokens = st.lists(st.integers(0, 2), min_size=1, max_size=6)
branches_of = st.lists(
    st.builds(Branch, st.sampled_from(["t0", "t1"]), tokens, st.lists(st.integers(0, 2), max_size=5)),
    min_size=1,
    max_size=9,
)


def starts_of(branches):
    return np.cumsum([0, *(len(b.completion) for b in branches)]).tolist()


def path_of(tree, node):
    """Node ids from the root to `node`, by looking for the nearest earlier node of one depth less."""
    path = [node]
    for depth in range(tree.depths[node] - 1, -1, -1):
        path.append(max(i for i in range(path[-1]) if tree.depths[i] == depth))
    return path[::-1]


@given(branches_of)
def test_nodes_are_the_distinct_prefixes_and_paths_spell_them(branches):
    tree = build_tree(branches, starts_of(branches))
    prefixes = {tuple(b.inputs[: n + 1]) for b in branches for n in range(len(b.inputs))}
    spelled = [tuple(tree.token_ids[path_of(tree, node)]) for node in range(len(tree.token_ids))]
    assert len(spelled) == len(prefixes)
    assert set(spelled) == prefixes


@given(branches_of)
def test_the_mask_allows_a_nodes_own_path_and_nothing_else(branches):
    (only,) = pack([build_tree(branches, starts_of(branches))], 10_000)
    tree = build_tree(branches, starts_of(branches))
    n = len(tree.token_ids)
    expected = np.zeros((n, n), bool)
    for node in range(n):
        expected[node, path_of(tree, node)] = True
    mask = attention_mask(only)
    assert mask is None if only.chains else np.array_equal(mask[0, 0].numpy(), expected)
    assert not only.chains or np.array_equal(expected, np.tri(n, dtype=bool))


@given(branches_of, st.integers(1, 40), st.integers(1, 40), st.booleans())
def test_every_predicted_token_is_in_one_pack_behind_its_own_prefix(branches, limit, width, share):
    trees = build_trees(branches, limit, width, share=share)
    expected = [(tuple(b.prompt) + tuple(b.completion[:i]), t) for b in branches for i, t in enumerate(b.completion)]
    found = {}
    for tree in trees:
        for predictor, target, entry in zip(tree.predictors, tree.targets, tree.entries, strict=True):
            assert entry not in found
            found[entry] = (tuple(tree.token_ids[path_of(tree, predictor)]), target)
    assert [found[m] for m in range(len(expected))] == expected


@given(branches_of, st.integers(1, 60))
def test_packs_hold_every_tree_within_the_limit_and_index_their_rows(branches, limit):
    trees = build_trees(branches, limit, 8)
    packs = list(pack(trees, limit))
    assert sum(p.distinct_tokens for p in packs) == sum(len(t.token_ids) for t in trees)
    for p in packs:
        assert p.token_ids_RN.numel() <= limit or p.token_ids_RN.shape[0] == 1
        targets_T = p.targets_U[p.pairs_T]
        flat = [t for b in branches for t in b.completion]
        assert targets_T.tolist() == [flat[m] for m in p.entries_T.tolist()]
    assert sorted(m for p in packs for m in p.entries_T.tolist()) == list(
        range(sum(len(b.completion) for b in branches))
    )


@given(branches_of, st.integers(1, 5))
def test_ranks_have_every_tree_once_and_longest_first(branches, ranks):
    trees = build_trees(branches, 40, 8)
    assigned = assign(trees, ranks, 8)
    assert len(assigned) == ranks
    assert sorted(map(id, trees)) == sorted(id(tree) for own in assigned for tree in own)
    for own in assigned:
        assert [len(t.token_ids) for t in own] == sorted((len(t.token_ids) for t in own), reverse=True)


def test_ranks_cost_about_the_same():
    """One long tree against the many short ones that make up for it."""
    branches = [Branch("long", list(range(60)), [1]), *(Branch(f"t{i}", list(range(20)), [1]) for i in range(9))]
    assigned = assign(build_trees(branches, 1000, 10_000), 4, 10_000)
    assert sorted(sum(len(tree.token_ids) for tree in own) for own in assigned) == [60, 60, 60, 60]


def test_a_dummy_pass_is_one_token_of_the_step():
    only = dummy_pack()
    assert only.token_ids_RN.shape == (1, 1) and only.entries_T.tolist() == [0] and only.chains


def test_a_trees_trajectory_is_shared_with_no_other():
    same = [Branch("t0", [1, 2, 3], [4, 5]), Branch("t1", [1, 2, 3], [4, 5])]
    assert len(build_trees(same, 100, 100)) == 2


def test_counts_of_a_pivot():
    """P + G (C - 1) distinct tokens against G (P + C - 1) repeated ones."""
    branches = [Branch("t", list(range(100)), [1000 + i, *range(9)]) for i in range(16)]
    (tree,) = build_trees(branches, 1000, 1000)
    assert len(tree.token_ids) == 100 + 16 * 9
    assert repeated_tokens(branches) == 16 * 109


def test_equal_samples_are_computed_once():
    (only,) = pack(build_trees([Branch("t", [1, 2], [3, 4]), Branch("t", [1, 2], [3, 4])], 100, 100), 100)
    assert (only.distinct_tokens, len(only.predictors_U), len(only.entries_T)) == (3, 2, 4)


def test_a_tree_over_the_limit_is_split():
    branches = [Branch("t", list(range(50)), [60 + i, *range(20)]) for i in range(8)]
    trees = build_trees(branches, 120, 10_000)
    assert len(trees) > 1
    assert max(len(t.token_ids) for t in trees) <= 120


def test_where_the_prompt_is_nearly_the_limit_its_samples_stay_together():
    """Parts within the limit would hold few samples each, or one, and repeat the prompt for all."""
    for prompt in (900, 990, 1000, 1100):
        branches = [Branch("t", list(range(prompt)), [2000 + i, *range(6)]) for i in range(16)]
        trees = build_trees(branches, 1000, 10_000)
        assert sum(len(tree.token_ids) for tree in trees) == prompt + 16 * 6
    assert (
        len(build_trees([Branch("t", list(range(800)), [2000 + i, *range(20)]) for i in range(16)], 1000, 10_000)) > 1
    )


def test_a_narrow_model_trades_repeated_prefixes_for_smaller_masks():
    branches = [Branch("t", list(range(20)), [60 + i, *range(200)]) for i in range(8)]
    assert len(build_trees(branches, 10_000, width=10_000)) == 1
    assert len(build_trees(branches, 10_000, width=16)) > 1


@given(branches_of)
def test_the_block_masks_function_is_the_dense_mask(branches):
    for p in pack(build_trees(branches, 40, 8), 40):
        rows, nodes = p.exits_RN.shape
        found = create_mask(tree_mask(p.exits_RN), rows, None, nodes, nodes, device="cpu")
        if not p.chains:
            assert torch.equal(found, attention_mask(p))


def test_padding_sees_itself_only():
    short, long = Branch("a", [1, 2, 3], [4, 5]), [Branch("b", [1, 2, 3], [4, 6]), Branch("b", [1, 2, 3], [5, 6])]
    (only,) = pack(build_trees([short, *long], 100, 100), 100)
    mask_RNN = attention_mask(only)[:, 0]
    assert torch.equal(mask_RNN[1, 4], torch.tensor([False, False, False, False, True]))
    assert not mask_RNN[1, :4, 4].any()
