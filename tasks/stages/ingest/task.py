"""The Prefect task of `ingest`."""

from __future__ import annotations

from schemas.config import IngestConfig
from tasks.artefact.stage import Artefact, obtain
from tasks.orchestration.stage_task import announce, logger, stage_task
from tasks.stages.ingest.ingestion import WITHOUT_TOOLS
from tasks.stages.ingest.stage import STAGE, inputs, write_trajectories
from tasks.store.store import Store


@stage_task
def ingest(config: IngestConfig, store_url: str) -> Artefact:
    """Normalise every trajectory of the source; keep the reason for what cannot be taken."""
    store = Store(store_url)
    artefact = obtain(STAGE, config, inputs(config), store, lambda writer: write_trajectories(writer, config))
    if untooled := artefact.reasons.get(WITHOUT_TOOLS):
        logger().warning(
            "%s: %d of %d trajectories call tools and bring no tool schemas, so the policy is asked without them. They "
            "are each record's `tools`; where yours keeps them elsewhere, let a reader of your own put them there "
            "(ingest.reader)",
            artefact.ref,
            untooled,
            artefact.rows,
        )
    return announce(artefact, store)
