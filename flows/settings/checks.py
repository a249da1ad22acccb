"""Mistakes that can be told at once. The command line looks for them before it starts Prefect, which takes a while."""

from __future__ import annotations

from collections.abc import Iterator

from flows.reuse import check_until, start_lineage
from flows.settings.pipeline import PipelineConfig
from schemas.config import IngestConfig
from schemas.section import Engine
from schemas.stages import MADE_BY_RUN
from tasks.errors import ConfigurationError, InputError
from tasks.policy.context import require_context
from tasks.policy.files import config_json, local_folder, resolve
from tasks.policy.parallel import require_divisible
from tasks.sampler.hand_over import require_hand_over
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
    """Refuse a model that is not there, that lacks what a run needs, whose context is too short for the run, or that
    `engine.tensor_parallel` does not divide.

    Raises:
        ConfigurationError: why it cannot be used.
        NotInStore: no such policy.
    """
    try:
        folder = local_folder(c.model)  # `resolve` would hash the folder too, which takes minutes for a large one
        location = str(folder) if folder is not None else resolve(c.model, store).location
    except InputError as error:
        raise ConfigurationError(str(error)) from error
    check_engines(c, location, store, until)


def check_engines(c: PipelineConfig, location: str, store: Store, until: str = "evaluations") -> None:
    """Refuse a context length that the model at `location` does not have, a number of accelerators that does not divide
    it, and training with samples where its new weights do not reach the engine.

    Raises:
        ConfigurationError: why, and what to do.
    """
    engines = dict(_engines(c, until))
    require_context(c.model, location, {name: engine.max_model_len for name, engine in engines.items()}, store)
    if "train" in engines:
        require_hand_over(c.model, config_json(location, store).get("model_type"))
    require_divisible(c.model, location, {name: engine.tensor_parallel for name, engine in engines.items()}, store)


def _engines(c: PipelineConfig, until: str) -> Iterator[tuple[str, Engine]]:
    """The settings of each engine that the run starts, by its section. SFT samples in the evaluation alone."""
    artefacts = MADE_BY_RUN[: MADE_BY_RUN.index(until) + 1]
    if c.train.method == "grpo" and "rollouts" in artefacts:
        yield "rollout", c.rollout.engine
    if c.train.method == "grpo" and "policies" in artefacts:
        yield "train", c.train.engine
    if "evaluations" in artefacts:
        yield "evaluate", c.evaluate.engine


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
