"""The decision on a candidate: its rows and its sentence; and the candidate put into use where the gate holds."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from schemas.config import GateConfig
from schemas.decisions import DECISIONS
from tasks.artefact.table import frame
from tasks.artefact.writer import Writer
from tasks.errors import StageFailed
from tasks.policy.files import Policy
from tasks.report.improvement import improvements
from tasks.stages.promote.gate import checks, rows
from tasks.store.manifest import Ref
from tasks.store.promotion import policy_in_use, promote
from tasks.store.store import Store


def write_decision(writer: Writer, store: Store, config: GateConfig, inputs: Mapping[str, str], base_name: str) -> None:
    """One part: the checks, and every measurement that they pool.

    Args:
        inputs: as `tasks.stages.promote.stage.inputs` gives them.
        base_name: the base policy for a person, as `display_name` gives it.
    """
    candidate = store.read(Ref.parse(inputs["evaluations"]))
    base = store.read(Ref.parse(inputs["base_evaluations"]))
    measured = improvements(candidate, base)
    decisive = checks(measured, config)
    passes = all(check.holds for check in decisive)
    numbers = ", ".join(f"{check.text} {'holds' if check.holds else 'fails'}" for check in decisive)
    summary = {
        "passes": passes,
        "candidate": inputs["policies"],
        "base": inputs["policy"],
        "sentence": f"{inputs['policies']} {'passes' if passes else 'fails'} the gate against {base_name}: {numbers}",
    }
    writer.write(0, {"decisions": frame(DECISIONS, rows(decisive, measured))}, summary=summary)


def put_into_use(store: Store, candidate: Ref, base: Policy) -> None:
    """Promote the candidate in place of the policy that it was compared with.

    Raises:
        StageFailed: another policy was promoted while this run went on.
    """
    in_use = policy_in_use(store)
    # The candidate itself is in use where an earlier run was killed after the tag had moved.
    if in_use not in (None, candidate) and str(in_use) != base.version:
        raise StageFailed(
            f"{candidate} passes the gate against {display_name(base)}, but {in_use} was promoted meanwhile, and "
            f"stays; to use the candidate all the same: `pivotrl promote {candidate}`"
        )
    promote(store, candidate)


def display_name(base: Policy) -> str:
    """A base policy as a person knows it: a policy of the store, or a model by its name."""
    if base.location.startswith("policies@"):
        return base.location
    # Of a folder only the last part: decisions are shared, and its path is of one machine.
    return f"the model {base.location if base.location == base.version else Path(base.location).name}"
