"""A step's samples as token trees: a common prefix of several is one path, and computed once.

    prompt A B, completions "x y $" and "x z $"        A - B - x - y        (the last token, $, is predicted
    of state 1; prompt A B C, completion "w $"               |   `- z         but predicts nothing: no node)
    of state 2 of the same trajectory                        `- C - w

    node        0  1  2  3  4  5  6      nodes stand in depth-first order, so that the descendants of a
    token       A  B  C  w  x  y  z      node are the interval [node, exit): i attends to j iff
    position    0  1  2  3  2  3  3      j <= i < exit[j], its own path and nothing else
    exit        7  7  4  4  7  6  7

With that mask, and depths as positions, a full-attention decoder computes for every path what it computes for that
sequence alone.

Shapes: R rows of a pack, N nodes of its longest tree, U distinct (node, next token) pairs, T predicted tokens of the
pack's samples, M predicted tokens of the whole step.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Indices = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Branch:
    """One sample as token ids. Branches of one `trajectory` may share a tree. The prompt has at least one token."""

    trajectory: str
    prompt: Sequence[int]
    completion: Sequence[int]

    @property
    def inputs(self) -> list[int]:
        """The tokens that the model reads: all but the last, which is only predicted."""
        return [*self.prompt, *self.completion[:-1]]


@dataclass(frozen=True, slots=True)
class Tree:
    """Nodes in depth-first order (see the module), and the predicted tokens of its branches in no particular order.

    Of each predicted token, `predictors` is the node that predicts it, `targets` the token, and `entries` its index
    among the step's predicted tokens.
    """

    token_ids: Indices
    depths: Indices
    exits: Indices
    predictors: Indices
    targets: Indices
    entries: Indices

    @property
    def is_chain(self) -> bool:
        """Whether there is a single path, for which the model's own causal attention is right."""
        return bool((self.exits == len(self.token_ids)).all())


@dataclass(frozen=True, slots=True)
class Pack:
    """Trees for one forward pass, a row each, padded on the right.

    `predictors_U` indexes the flattened nodes; `pairs_T` and `entries_T` say which of the U pairs is which of the
    step's M predicted tokens. Equal samples have entries of their own and share nodes and pairs.
    """

    token_ids_RN: Tensor
    positions_RN: Tensor
    exits_RN: Tensor
    predictors_U: Tensor
    targets_U: Tensor
    pairs_T: Tensor
    entries_T: Tensor
    chains: bool
    distinct_tokens: int

    def to(self, device: torch.device) -> Pack:
        """The same pack on a device."""
        moved: dict[str, Any] = {}
        for field in fields(self):
            value = getattr(self, field.name)
            moved[field.name] = value.to(device) if isinstance(value, Tensor) else value
        return Pack(**moved)


def _common_prefix(left: Indices, right: Indices) -> int:
    """Length of the common prefix."""
    n = min(len(left), len(right))
    different = np.flatnonzero(left[:n] != right[:n])
    return int(different[0]) if len(different) else n


def build_tree(branches: Sequence[Branch], starts: Sequence[int]) -> Tree:
    """The tree of some branches; `starts[b]` is the step's index of branch b's first predicted token."""
    inputs = [branch.inputs for branch in branches]
    total, longest = sum(map(len, inputs)), max(map(len, inputs))
    token_ids, depths, exits = (np.empty(total, np.int64) for _ in range(3))
    path = np.empty(longest, np.int64)
    previous: Indices = np.empty(0, np.int64)
    size = 0
    predictors, targets, entries = [], [], []
    # In sorted order each sequence leaves the path of the previous one where they first differ. So the nodes that it
    # adds continue the depth-first order.
    for b in sorted(range(len(branches)), key=inputs.__getitem__):
        ids = np.asarray(inputs[b], np.int64)
        fork = _common_prefix(previous, ids)
        fresh = slice(size, size + len(ids) - fork)
        exits[path[fork : len(previous)]] = size
        path[fork : len(ids)] = np.arange(fresh.start, fresh.stop)
        token_ids[fresh] = ids[fork:]
        depths[fresh] = np.arange(fork, len(ids))
        size, previous = fresh.stop, ids
        first, length = len(branches[b].prompt) - 1, len(branches[b].completion)
        predictors.append(path[first : first + length].copy())
        targets.append(np.asarray(branches[b].completion, np.int64))
        entries.append(np.arange(starts[b], starts[b] + length))
    exits[path[: len(previous)]] = size
    nodes = token_ids[:size].copy(), depths[:size].copy(), exits[:size].copy()
    return Tree(*nodes, np.concatenate(predictors), np.concatenate(targets), np.concatenate(entries))


def _cost(size: int, width: int) -> int:
    """Relative cost of a tree under a dense mask, which computes masked pairs too."""
    # A token takes about 24 width^2 operations in a layer's matrices, and 4 width for every other node. The latter run
    # at half the speed, which makes 3 width + size. (Measured at width 128 on a CPU: the least time lies between 1.5
    # and 4 in place of this 3.)
    return size * (3 * width + size)


PATH_SLACK = 8
"""A tree may exceed the limit, up to 1 + 1/8 of its longest path. Where that path is nearly as long as the limit, parts
within the limit would each repeat it for hardly any branch."""


def _split(branches: list[Branch], starts: list[int], limit: int, width: int) -> list[Tree]:
    """One tree; or several, where it is over the limit or a dense mask costs more than repeating a prefix."""
    tree = build_tree(branches, starts)
    size = len(tree.token_ids)
    if len(branches) == 1 or size <= min(limit, width):
        return [tree]
    order = sorted(range(len(branches)), key=lambda b: branches[b].inputs)
    halves = [order[: len(order) // 2], order[len(order) // 2 :]]
    trees: list[Tree] = []
    for half in halves:
        trees += _split([branches[b] for b in half], [starts[b] for b in half], limit, width)
    longest = int(tree.depths.max()) + 1
    limit = max(limit, longest + longest // PATH_SLACK)
    cost = sum(_cost(len(part.token_ids), width) for part in trees)
    return trees if size > limit or cost < _cost(size, width) else [tree]


def build_trees(branches: Sequence[Branch], limit: int, width: int, *, share: bool = True) -> list[Tree]:
    """The trees of a step, longest first; every predicted token of every branch is in exactly one.

    Args:
        branches: the step's samples; predicted tokens are numbered in this order.
        limit: nodes of one tree at most; but see PATH_SLACK.
        width: the model's hidden size.
        share: False gives every branch a tree of its own: the repeated prompts that other trainers compute.
    """
    starts = np.cumsum([0, *(len(branch.completion) for branch in branches)])
    groups: dict[str, list[int]] = {}
    for b, branch in enumerate(branches):
        groups.setdefault(branch.trajectory if share else str(b), []).append(b)
    trees = [
        tree
        for group in groups.values()
        for tree in _split([branches[b] for b in group], [int(starts[b]) for b in group], limit, width)
    ]
    return sorted(trees, key=lambda tree: -len(tree.token_ids))


def assign(trees: Sequence[Tree], ranks: int, width: int) -> list[list[Tree]]:
    """Trees, longest first, as one list per rank, of about the same cost; each longest first. Some may be empty."""
    assigned: list[list[Tree]] = [[] for _ in range(ranks)]
    costs = [0] * ranks
    for tree in trees:
        least = costs.index(min(costs))
        assigned[least].append(tree)
        costs[least] += _cost(len(tree.token_ids), width)
    return assigned


def _pack(trees: Sequence[Tree]) -> Pack:
    rows, longest = len(trees), len(trees[0].token_ids)
    token_ids_RN = np.zeros((rows, longest), np.int64)
    positions_RN = np.zeros((rows, longest), np.int64)
    # A padding node is its own interval: it sees itself (a row of nothing would be NaN) and no node sees it.
    exits_RN = np.tile(np.arange(1, longest + 1), (rows, 1))
    for row, tree in enumerate(trees):
        size = len(tree.token_ids)
        token_ids_RN[row, :size] = tree.token_ids
        positions_RN[row, :size] = tree.depths
        exits_RN[row, :size] = tree.exits
    predictors_T = np.concatenate([tree.predictors + row * longest for row, tree in enumerate(trees)])
    targets_T = np.concatenate([tree.targets for tree in trees])
    base = int(targets_T.max(initial=0)) + 1
    pairs_U, pairs_T = np.unique(predictors_T * base + targets_T, return_inverse=True)
    return Pack(
        torch.from_numpy(token_ids_RN),
        torch.from_numpy(positions_RN),
        torch.from_numpy(exits_RN),
        predictors_U=torch.from_numpy(pairs_U // base),
        targets_U=torch.from_numpy(pairs_U % base),
        pairs_T=torch.from_numpy(pairs_T),
        entries_T=torch.from_numpy(np.concatenate([tree.entries for tree in trees])),
        chains=all(tree.is_chain for tree in trees),
        distinct_tokens=sum(len(tree.token_ids) for tree in trees),
    )


def pack(trees: Sequence[Tree], tokens_per_batch: int) -> Iterable[Pack]:
    """Trees, longest first, as forward passes of at most `tokens_per_batch` tokens with padding (one tree at least)."""
    rows: list[Tree] = []
    for tree in trees:
        longest = len(rows[0].token_ids) if rows else 0
        # A tree of less than 3/4 of the longest opens the next pass rather than be padded to that length.
        if rows and (longest * (len(rows) + 1) > tokens_per_batch or 4 * len(tree.token_ids) < 3 * longest):
            yield _pack(rows)
            rows = []
        rows.append(tree)
    if rows:
        yield _pack(rows)


def dummy_pack() -> Pack:
    """A pass of one token, for a rank that has fewer packs than another."""
    return _pack([build_tree([Branch("", [0], [0])], [0])])


def repeated_tokens(branches: Sequence[Branch]) -> int:
    """The tokens that computing every branch alone would take."""
    return sum(len(branch.prompt) + max(0, len(branch.completion) - 1) for branch in branches)
