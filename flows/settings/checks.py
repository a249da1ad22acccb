"""Mistakes that can be told at once. The command line looks for them before it starts Prefect, which takes a while."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from flows.reuse import check_until, start_lineage
from flows.settings.pipeline import PipelineConfig
from schemas.config import IngestConfig
from schemas.section import Engine
from schemas.stages import MADE_BY_RUN
from tasks.errors import ConfigurationError, InputError
from tasks.policy.context import require_context
from tasks.policy.files import config_json, fetch_tokenizer, local_folder, resolve
from tasks.policy.parallel import require_divisible
from tasks.sampler.hand_over import require_hand_over
from tasks.stages.evaluate.stage import check as check_evaluation
from tasks.stages.ingest.formats import users_reader
from tasks.stages.ingest.source import files, world_source
from tasks.stages.train.stage import check as check_training
from tasks.store.store import Store
from tasks.worlds.world import load

log = logging.getLogger(__name__)

AGENTS_NEED = ("tools", "descriptions of tools", "parameters of tools", "earlier calls", "results of tools")
"""Parts of a conversation that any agent's data has. What else a template does not show may not be in the data: the
stage `check` counts it."""


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
    hidden = [part for part in check_policy(c, location, store, until) if part in AGENTS_NEED]
    if hidden:
        log.warning("model %r: its chat template does not show %s", c.model, ", ".join(hidden))


def check_policy(c: PipelineConfig, location: str, store: Store, until: str = "evaluations") -> tuple[str, ...]:
    """Refuse a model that the run's engines cannot use, or whose completions no parser reads.

    Returns:
        The parts of a conversation that its chat template does not show.

    Raises:
        ConfigurationError: why, and what to do.
    """
    check_engines(c, location, store, until)
    return check_format(c, location, store, until)


def check_format(c: PipelineConfig, location: str, store: Store, until: str = "evaluations") -> tuple[str, ...]:
    """Refuse a model whose completions no parser reads.

    Returns:
        The parts of a conversation that its chat template does not show.

    Raises:
        ConfigurationError: the template lacks something, or `score.parser` does not read what it writes.
    """
    if MADE_BY_RUN.index(until) < MADE_BY_RUN.index("checks"):
        return ()
    from tasks.policy.chat import ChatFormat  # transformers takes a second that a wrong setting need not wait for
    from tasks.policy.probe import parts_not_shown

    with TemporaryDirectory(prefix="pivotrl-policy-") as workspace:
        try:
            chat = ChatFormat(fetch_tokenizer(location, store, Path(workspace)), c.score.parser, c.model_options)
        except InputError as error:
            raise ConfigurationError(str(error)) from error
    try:
        _ = chat.parser
    except ConfigurationError as error:
        raise ConfigurationError(f"model {c.model!r}: {error}") from error
    unread = [name for name in c.model_options if name != "date" and not chat.template.reads(name)]
    if unread:
        raise ConfigurationError(
            f"model_options: the chat template of {c.model!r} has no variable {' and no variable '.join(unread)}"
        )
    return parts_not_shown(chat.template)


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
    """The settings of each engine that the run starts, by its section. SFT samples where it validates."""
    artefacts = MADE_BY_RUN[: MADE_BY_RUN.index(until) + 1]
    if c.train.method == "grpo" and "rollouts" in artefacts:
        yield "rollout", c.rollout.engine
    if "policies" in artefacts and (c.train.method == "grpo" or c.train.validate_every):
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
