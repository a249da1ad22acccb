"""Mistakes that can be told at once. The command line looks for them before it starts Prefect, which takes a while."""

from __future__ import annotations

from collections.abc import Iterator

from flows.reuse import check_until, start_lineage
from flows.settings.pipeline import PipelineConfig
from schemas.config import IngestConfig
from schemas.stages import MADE_BY_RUN
from tasks.errors import ConfigurationError, InputError
from tasks.policy.context import require_context
from tasks.policy.files import local_folder, resolve
from tasks.stages.evaluate.stage import check as check_evaluation
from tasks.stages.ingest.formats import users_reader
from tasks.stages.ingest.source import files, world_source
from tasks.stages.train.stage import check as check_training
from tasks.store.store import Store
from tasks.worlds.world import load


def check_run(c: PipelineConfig, start: str = "", until: str = "evaluations") -> None:
    """Refuse a run whose end, start, store, model or source cannot be used.

    Raises:
        ConfigurationError: which of them, why, and what to do.
        NotInStore: no such start or policy.
    """
    check_until(until, c.train.method)
    check_evaluation(c.evaluate)
    check_training(c.train)
    store = Store(c.store)
    existing = start_lineage(store, start, until)
    check_model(c, store, until)
    if "trajectories" not in existing:
        check_source(c.ingest)


def check_model(c: PipelineConfig, store: Store, until: str) -> None:
    """Refuse a model that is not there, that lacks what a run needs, or whose context is too short for the run.

    Raises:
        ConfigurationError: why it cannot be used.
        NotInStore: no such policy.
    """
    try:
        folder = local_folder(c.model)  # `resolve` would hash the folder too, which takes minutes for a large one
        location = str(folder) if folder is not None else resolve(c.model, store).location
    except InputError as error:
        raise ConfigurationError(str(error)) from error
    check_context(c, location, store, until)


def check_context(c: PipelineConfig, location: str, store: Store, until: str = "evaluations") -> None:
    """Refuse a context length that the model at `location` does not have.

    Raises:
        ConfigurationError: as `tasks.policy.context.require_context`.
    """
    require_context(c.model, location, dict(_context_lengths(c, until)), store)


def _context_lengths(c: PipelineConfig, until: str) -> Iterator[tuple[str, int]]:
    """The context length of each engine that the run starts, by its section. SFT samples in the evaluation alone."""
    artefacts = MADE_BY_RUN[: MADE_BY_RUN.index(until) + 1]
    if c.train.method == "grpo" and "rollouts" in artefacts:
        yield "rollout", c.rollout.engine.max_model_len
    if c.train.method == "grpo" and "policies" in artefacts:
        yield "train", c.train.engine.max_model_len
    if "evaluations" in artefacts:
        yield "evaluate", c.evaluate.engine.max_model_len


def check_source(ingest: IngestConfig) -> None:
    """Refuse a source on this machine that is not there, and a world or a reader that does not exist.

    What lies behind a URL is left to the stage, which asks again where the network fails.

    Raises:
        ConfigurationError: why it cannot be used.
    """
    if ingest.reader:
        users_reader(ingest.reader)
    world = world_source(ingest.source)
    if world:
        load(world.world)
    elif "://" not in ingest.source:
        try:
            files(ingest.source)
        except InputError as error:
            raise ConfigurationError(str(error)) from error
