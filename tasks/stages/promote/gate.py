"""The gate: better in domain by more than its standard error, and out of domain not worse than a bound.

In-domain and OOD are each one number, the mean over suites of `tasks.report.improvement.pooled`. What the evaluation
measures is what the gate judges: `evaluate.worlds` adds the episodes of a world to the in-domain suites.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from schemas.config import EvaluateConfig, GateConfig, SplitConfig
from schemas.evaluations import Scope
from schemas.states import Split
from tasks.errors import ConfigurationError, InputError
from tasks.report.improvement import Improvement, pooled
from tasks.store.manifest import Ref
from tasks.store.store import Store

_NOTHING_IN_DOMAIN = (
    "no states are held out and evaluate.worlds names nothing; raise split.validation_fraction (and evaluate.states, "
    "where it is 0), add tasks, or name a world"
)
_NOISE = 1e-9
"""What sums of floating-point numbers may be off by: 0.98 - 1.00 is not below -0.02."""


@dataclass(frozen=True, slots=True)
class Check:
    """A scope's improvement and what it is held against."""

    improvement: Improvement
    bound: float
    holds: bool

    @property
    def text(self) -> str:
        """Its numbers for a person."""
        found = self.improvement
        name = "in domain" if found.scope == Scope.IN_DOMAIN else "OOD"
        return f"{name} {found.difference:+.3f} ± {found.standard_error:.3f} (bound {self.bound:+.3f})"


def checks(found: Sequence[Improvement], config: GateConfig) -> list[Check]:
    """What decides: in domain, and out of it unless nothing was measured there.

    In domain the difference must be above its bound: a policy without a difference, measured without error, is not
    better. Out of domain it may be at it.

    Raises:
        InputError: nothing was measured in domain.
    """
    counted = [_undecided_against_it(one) for one in found]
    gain, ood = pooled(counted, Scope.IN_DOMAIN), pooled(counted, Scope.OOD)
    if gain is None:
        raise InputError(f"no in-domain measurement to decide by: {_NOTHING_IN_DOMAIN}")
    needed = config.min_gain * gain.standard_error
    decided = [Check(gain, needed, gain.difference > needed + _NOISE)]
    if ood is not None:
        decided.append(Check(ood, -config.max_ood_loss, ood.difference >= -config.max_ood_loss - _NOISE))
    return decided


def _undecided_against_it(one: Improvement) -> Improvement:
    """The measurement with the cases that were decided for one policy alone counted against the candidate: else a
    policy whose worst actions a judge cannot read would be the better for it."""
    if one.n is None or one.baseline_n is None or one.n == one.baseline_n:
        return one
    most = max(one.n, one.baseline_n)
    failed = (1 - one.baseline) * one.baseline_n
    return replace(one, candidate=one.candidate * one.n / most, baseline=1 - failed / most)


def rows(decided: Sequence[Check], found: Sequence[Improvement]) -> list[dict[str, Any]]:
    """The rows of `decisions`: first what decides, then every measurement."""
    return [
        *({**_row(check.improvement), "bound": check.bound, "holds": check.holds} for check in decided),
        *({**_row(one), "bound": None, "holds": None} for one in found),
    ]


def _row(one: Improvement) -> dict[str, Any]:
    return {**asdict(one), "difference": one.difference}


def check_gate(gate: GateConfig, evaluate: EvaluateConfig, split: SplitConfig) -> None:
    """Refuse at the start of a run a gate that the evaluation could not answer.

    Raises:
        ConfigurationError: nothing in domain, or nothing out of it, would be measured.
    """
    if (evaluate.states == 0 or split.validation_fraction == 0) and not evaluate.worlds:
        raise ConfigurationError(f"the gate compares in domain, and would have nothing to: {_NOTHING_IN_DOMAIN}")
    if gate.max_ood_loss < 1 and not evaluate.ood_worlds and not evaluate.skills:
        raise ConfigurationError(
            "the gate compares out of domain, and evaluate names neither skills nor ood_worlds; set evaluate.skills to "
            "[all], or gate.max_ood_loss to 1 to promote whatever happens there"
        )


def check_held_out(store: Store, states: Ref, evaluate: EvaluateConfig) -> None:
    """Refuse before the training data in which chance, or too few tasks, held nothing out.

    Raises:
        InputError: no state is held out that could be evaluated, and no world's episodes are.
    """
    if evaluate.worlds:
        return
    for _, part in store.parts(states, columns=["split", "excluded"]):
        if part.filter(split=Split.VALIDATION.value, excluded="").height:
            return
    raise InputError(f"the gate would have nothing to compare in domain in {states}: {_NOTHING_IN_DOMAIN}")
