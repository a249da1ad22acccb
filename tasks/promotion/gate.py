"""The gate: better in domain by more than chance, and out of domain not worse than a bound.

In-domain and OOD are each one number, the mean over suites of `tasks.report.improvement.pooled`. What the evaluation
measures is what the gate judges: `evaluate.worlds` adds the episodes of a world to the in-domain suites.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from schemas.config import EvaluateConfig, GateConfig
from schemas.evaluations import Scope
from tasks.errors import ConfigurationError, InputError
from tasks.report.improvement import Improvement, pooled

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
    gain, ood = pooled(found, Scope.IN_DOMAIN), pooled(found, Scope.OOD)
    if gain is None:
        raise InputError(
            "no in-domain measurement to decide by: no states are held out (split.validation_fraction, "
            "evaluate.states), and evaluate.worlds names nothing"
        )
    needed = config.min_gain * gain.standard_error
    decided = [Check(gain, needed, gain.difference > needed + _NOISE)]
    if ood is not None:
        decided.append(Check(ood, -config.max_ood_loss, ood.difference >= -config.max_ood_loss - _NOISE))
    return decided


def rows(decided: Sequence[Check], found: Sequence[Improvement]) -> list[dict[str, Any]]:
    """The rows of `decisions`: first what decides, then every measurement."""
    return [
        *({**_row(check.improvement), "bound": check.bound, "holds": check.holds} for check in decided),
        *({**_row(one), "bound": None, "holds": None} for one in found),
    ]


def _row(one: Improvement) -> dict[str, Any]:
    return {**asdict(one), "difference": one.difference}


def check_gate(gate: GateConfig, evaluate: EvaluateConfig) -> None:
    """Refuse at the start of a run a gate that the evaluation could not answer.

    Raises:
        ConfigurationError: nothing in domain, or nothing out of it, would be measured.
    """
    if evaluate.states == 0 and not evaluate.worlds:
        raise ConfigurationError(
            "the gate compares in domain, and evaluate.states is 0 with no evaluate.worlds; measure one of them"
        )
    if gate.max_ood_loss < 1 and not evaluate.ood_worlds and not evaluate.skills:
        raise ConfigurationError(
            "the gate compares out of domain, and evaluate names neither skills nor ood_worlds; set evaluate.skills to "
            "[all], or gate.max_ood_loss to 1 to promote whatever happens there"
        )
