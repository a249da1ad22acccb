"""The gate: better in domain by more than its standard error, and out of domain not worse than a bound.

In-domain and OOD are each one number, the mean over suites of `tasks.report.improvement.pooled`. The gate judges what
the evaluation measures: `evaluate.worlds` adds the episodes of a world to the in-domain suites.
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
_ROUNDING = 1e-9
"""By what a sum of floating-point numbers may be off: 0.98 - 1.00 is not below -0.02."""


@dataclass(frozen=True, slots=True)
class Check:
    """A scope's improvement, the bound for its difference, and whether it holds."""

    improvement: Improvement
    bound: float
    holds: bool

    @property
    def text(self) -> str:
        """Its numbers for a person."""
        pooled = self.improvement
        scope = "in domain" if pooled.scope == Scope.IN_DOMAIN else "OOD"
        return f"{scope} {pooled.difference:+.3f} ± {pooled.standard_error:.3f} (bound {self.bound:+.3f})"


def checks(measured: Sequence[Improvement], config: GateConfig) -> list[Check]:
    """What decides: one check in domain, and one out of it unless nothing was measured there.

    Raises:
        InputError: nothing was measured in domain.
    """
    conservative = [_undecided_as_failures(improvement) for improvement in measured]
    gain, ood = pooled(conservative, Scope.IN_DOMAIN), pooled(conservative, Scope.OOD)
    if gain is None:
        raise InputError(f"no in-domain measurement to decide by: {_NOTHING_IN_DOMAIN}")
    needed = config.min_gain * gain.standard_error
    # Strictly above: the same policy, measured without error, is not better. Out of domain "as good" is enough.
    decisive = [Check(gain, needed, gain.difference > needed + _ROUNDING)]
    if ood is not None:
        decisive.append(Check(ood, -config.max_ood_loss, ood.difference >= -config.max_ood_loss - _ROUNDING))
    return decisive


def _undecided_as_failures(measured: Improvement) -> Improvement:
    """The measurement, with each case that was decided for only one of the two policies counted against the candidate.

    Otherwise a candidate would gain by actions that a judge cannot read: they would drop out of its pass rate.
    """
    n, base_n = measured.n, measured.base_n
    if n is None or base_n is None or n == base_n:
        return measured
    cases = max(n, base_n)
    base_failures = (1 - measured.base) * base_n
    return replace(measured, candidate=measured.candidate * n / cases, base=1 - base_failures / cases)


def rows(decisive: Sequence[Check], measured: Sequence[Improvement]) -> list[dict[str, Any]]:
    """The rows of `decisions`: first what decides, then every measurement."""
    return [
        *({**_row(check.improvement), "bound": check.bound, "holds": check.holds} for check in decisive),
        *({**_row(improvement), "bound": None, "holds": None} for improvement in measured),
    ]


def _row(improvement: Improvement) -> dict[str, Any]:
    return {**asdict(improvement), "difference": improvement.difference}


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
    """Refuse before the training states of which none are held out, by chance or because there are too few tasks.

    Raises:
        InputError: no state is held out that could be evaluated, and no world's episodes are.
    """
    if evaluate.worlds:
        return
    for _, part in store.parts(states, columns=["split", "excluded"]):
        if part.filter(split=Split.VALIDATION.value, excluded="").height:
            return
    raise InputError(f"the gate would have nothing to compare in domain in {states}: {_NOTHING_IN_DOMAIN}")
