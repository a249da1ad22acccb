"""The child process of `train`, or each of several: one policy, trained and written with its metrics."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from schemas.policies import POLICIES
from tasks.artefact.table import frame
from tasks.artefact.writer import Writer
from tasks.children.child import enter
from tasks.children.progress import Update, alive, report
from tasks.policy.chat import ChatFormat
from tasks.policy.files import fetch
from tasks.sampler.build import start
from tasks.stages.train import grpo, sft
from tasks.stages.train.compute.ranks import join
from tasks.stages.train.loop import Job, OnStep, Trained
from tasks.stages.train.metrics import StepMetrics
from tasks.stages.train.prompts import held_out_states, training_states
from tasks.stages.train.scratch import beside, shared_scratch
from tasks.stages.train.stage import PLOTTED, STAGE, TrainSpec
from tasks.stages.train.states import admit, require_states
from tasks.stages.train.trackers import tracked
from tasks.stages.train.validation import Validation
from tasks.states.example import Example
from tasks.store.manifest import File, Ref
from tasks.store.store import Store
from tasks.verifiers.build import build, concurrency_of


def watched(spec: TrainSpec, job: Job, track: OnStep) -> OnStep:
    """What reports each step to the parent and the trackers; of several processes the first does."""

    def on_step(measured: StepMetrics) -> None:
        reward = measured["reward_mean"]
        note = f"loss {measured['loss']:.4f}" if reward is None else f"reward {reward:.3f}"
        if measured["validation"] is not None:
            note += f", validation {measured['validation']:.3f}"
        values: dict[str, Any] = {**measured}
        plotted = {name: values[name] for name in PLOTTED}
        report(Update("train", measured["step"] + 1, job.settings.steps, note, plotted))
        track(measured)

    return on_step if job.processes.is_first else lambda measured: None


def trained(spec: TrainSpec, job: Job, states: list[Example], unseen: list[Example], on_step: OnStep) -> Trained:
    """Run the method that was asked for.

    Raises:
        StageFailed: there is no state to train on; no engine was started for it.
    """
    if spec.config.method == "sft" and not unseen:
        return sft.train(job, states, on_step)
    require_states(admit(states, spec.config.max_state_tokens))
    engine = start(job.model_folder, spec.config.engine, spec.seed)
    verify = build(spec.score.verifier)
    if spec.config.method == "sft":
        return sft.train(job, states, on_step, Validation(job.rollout(engine, verify), unseen, spec.config.max_tokens))
    return grpo.train(job, states, engine, verify, on_step, unseen)


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
    processes = join(spec.config.engine.timeout_s, launched=bool(spec.config.launcher))
    with shared_scratch(store, spec.target, processes) as folder:
        if processes.is_first:
            fetch(spec.policy, store, folder / "reference")
        processes.firsts(None)  # the others find there what the first one fetched
        source = fetch(spec.policy, store, folder / "reference")
        chat = ChatFormat(source, spec.score.parser)
        found = training_states(spec, store, chat)
        unseen = held_out_states(spec, store, chat)
        places = source, folder / "model", folder / "checkpoints"
        job = Job(
            *places,
            spec.config,
            spec.seed,
            parser=spec.score.parser,
            max_undecided=spec.score.max_undecided,
            concurrency=concurrency_of(spec.score.verifier),
            processes=processes,
        )
        with tracked(spec, beside(store, "_trackers") / spec.target.version) as track:
            result = trained(spec, job, found.states, unseen, watched(spec, job, track))
        if not processes.is_first:
            return
        reasons = found.reasons + Counter(reason.value for reason in result.admitted.dropped.values())
        Writer(store, spec.target, STAGE.tables).write(
            0,
            {"policies": frame(POLICIES, result.metrics)},
            reasons=reasons,
            summary=found.summary,
            files=stored_files(store, spec.target, job.output_folder),
        )


if __name__ == "__main__":
    enter(TrainSpec, work)
