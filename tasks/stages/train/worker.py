"""The child process of `train`, or each of several: one policy, trained and written with its metrics."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from schemas.policies import POLICIES
from tasks.artefact.table import frame
from tasks.artefact.writer import Writer
from tasks.children.child import enter
from tasks.children.progress import Update, alive, report
from tasks.policy.chat import ChatFormat
from tasks.policy.files import fetch
from tasks.sampler.build import start
from tasks.sampler.hand_over import require_hand_over
from tasks.stages.train.compute.ranks import join
from tasks.stages.train.loop import TrainingRun, train
from tasks.stages.train.metrics import OnStep, StepMetrics
from tasks.stages.train.prompts import held_out_states, training_states
from tasks.stages.train.scratch import local_folder, shared_scratch
from tasks.stages.train.stage import PLOTTED, STAGE, TrainSpec
from tasks.stages.train.states import Dropped, admit, require_examples
from tasks.stages.train.trackers import tracking
from tasks.states.example import Example
from tasks.store.manifest import File, Ref
from tasks.store.store import Store
from tasks.verifiers.build import build


def reporter(run: TrainingRun, track: OnStep) -> OnStep:
    """What tells the parent and the trackers of each step; only rank 0 does."""

    def on_step(measured: StepMetrics) -> None:
        reward = measured["reward_mean"]
        note = f"loss {measured['loss']:.4f}" if reward is None else f"reward {reward:.3f}"
        if measured["validation"] is not None:
            note += f", validation {measured['validation']:.3f}"
        plotted = {name: measured[name] for name in PLOTTED}
        report(Update("train", measured["step"] + 1, run.config.steps, note, plotted))
        track(measured)

    return on_step if run.ranks.is_main else lambda measured: None


def train_with_engine(
    run: TrainingRun, examples: Sequence[Example], held_out: Sequence[Example], on_step: OnStep
) -> tuple[list[StepMetrics], Dropped]:
    """Train with a sampling engine, where something is sampled.

    Raises:
        ConfigurationError: the engine would not take the model's new weights.
        StageFailed: there is no state to train on; no engine was started for it.
    """
    if run.config.method == "sft" and not held_out:
        return train(run, examples, None, None, on_step)
    require_examples(*admit(examples, run.config.max_state_tokens))
    settings = json.loads((run.model_folder / "config.json").read_text())
    require_hand_over(str(run.model_folder), settings.get("model_type"))
    engine = start(run.model_folder, run.config.engine, run.seed)
    return train(run, examples, engine, build(run.score.verifier), on_step, held_out)


def stored_files(store: Store, target: Ref, folder: Path) -> list[File]:
    """Put a model folder's files into the store."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    files = []
    for path in paths:
        files.append(store.write_file(target, str(path.relative_to(folder)), path.read_bytes()))
        alive()
    return files


def work(spec: TrainSpec) -> None:
    """Train and write one part: the metrics, and the model folder as files."""
    store = Store(spec.store)
    engine = spec.config.engine
    ranks = join(engine.timeout_s, tensor_parallel=engine.tensor_parallel, launched=bool(spec.config.launcher))
    with shared_scratch(store, spec.target, ranks) as folder:
        if ranks.is_main:
            fetch(spec.policy, store, folder / "reference")
        ranks.barrier()  # the others find there what rank 0 fetched
        model_folder = fetch(spec.policy, store, folder / "reference")
        chat = ChatFormat(model_folder, spec.score.parser, spec.policy.options)
        examples, not_rendered, refusal = training_states(spec, store, chat)
        held_out = held_out_states(spec, store, chat)
        run = TrainingRun(
            model_folder,
            folder / "model",
            folder / "checkpoints",
            spec.config,
            spec.score,
            spec.seed,
            options=spec.policy.options,
            ranks=ranks,
        )
        with tracking(spec, local_folder(store, "_trackers") / spec.target.version) as track:
            metrics, dropped = train_with_engine(run, examples, held_out, reporter(run, track))
        if not ranks.is_main:
            return
        Writer(store, spec.target, STAGE.tables).write(
            0,
            {"policies": frame(POLICIES, metrics)},
            reasons=Counter(reason.value for reason in (not_rendered | dropped).values()),
            summary={"refusal": refusal} if refusal else {},
            files=stored_files(store, spec.target, run.output_folder),
        )


if __name__ == "__main__":
    enter(TrainSpec, work)
