from __future__ import annotations

import copy
import logging
import random

import pytest
import torch
from transformers import (
    AutoModelForCausalLM,
    DeepseekV3Config,
    Gemma2Config,
    GemmaConfig,
    Glm4MoeConfig,
    GptOssConfig,
    GraniteConfig,
    LlamaConfig,
    MambaConfig,
    MistralConfig,
    NemotronHConfig,
    Qwen2Config,
    Qwen3Config,
    Qwen3MoeConfig,
)

from schemas.training import TrainConfig
from tasks.errors import InputError
from tasks.stages.train.batch import Batch
from tasks.stages.train.compute.forward import refusal, token_logprobs
from tasks.stages.train.compute.learner import Learner
from tasks.stages.train.compute.tree import Branch, build_trees, pack
from tasks.stages.train.objective import token_weights
from tasks.stages.train.textbook import token_logprobs as textbook_logprobs

SHAPE = {
    "vocab_size": 97,
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "max_position_embeddings": 256,
    "pad_token_id": 0,
}
EXPERTS = {"moe_intermediate_size": 16, "num_experts_per_tok": 2, "num_hidden_layers": 2}
ROUTED = {"n_routed_experts": 4, "n_shared_experts": 1, "first_k_dense_replace": 1, "n_group": 1, "topk_group": 1}
LATENT = {"q_lora_rank": 16, "kv_lora_rank": 16, "qk_rope_head_dim": 8, "qk_nope_head_dim": 8, "v_head_dim": 8}
MIXTURES = {
    "qwen3_moe": Qwen3MoeConfig(**{**SHAPE, **EXPERTS}, num_experts=4, norm_topk_prob=True),
    "glm4_moe": Glm4MoeConfig(**{**SHAPE, **EXPERTS, **ROUTED}),
    "deepseek_v3": DeepseekV3Config(**{**SHAPE, **EXPERTS, **ROUTED, **LATENT, "num_key_value_heads": 4}),
    "gpt_oss": GptOssConfig(**{**SHAPE, "num_hidden_layers": 2}, num_local_experts=4, num_experts_per_tok=2),
}
HYBRID = NemotronHConfig(
    **{**SHAPE, **EXPERTS, **ROUTED, "num_hidden_layers": 4, "moe_shared_expert_intermediate_size": 16},
    layers_block_type=["mamba", "attention", "moe", "mlp"],
    mamba_num_heads=4,
    mamba_head_dim=16,
    ssm_state_size=8,
    n_groups=1,
)
FAMILIES = {
    "qwen2": Qwen2Config(**SHAPE),
    "qwen3": Qwen3Config(**SHAPE, tie_word_embeddings=True),
    "llama": LlamaConfig(**SHAPE),
    "mistral": MistralConfig(**SHAPE, sliding_window=None),
    "gemma": GemmaConfig(**SHAPE),
    "granite": GraniteConfig(**SHAPE, logits_scaling=3.0, embedding_multiplier=2.0),
    **MIXTURES,
}
WINDOWED = {
    "mistral": MistralConfig(**SHAPE, sliding_window=4),
    "gemma2": Gemma2Config(**SHAPE, sliding_window=4, final_logit_softcapping=1.0),
}


def make_model(config):
    torch.manual_seed(1)
    model = AutoModelForCausalLM.from_config(config).float().eval()
    with torch.no_grad():  # transformers' initial weights are so small that attention hardly matters
        for parameter in model.parameters():
            if parameter.ndim >= 2:
                parameter.normal_(0, 0.2)
    return model


def make_branches():
    """Pivots of two trajectories, unequal lengths, common first tokens, and two equal completions."""
    rng = random.Random(0)

    def ids(n):
        return [rng.randrange(1, 97) for _ in range(n)]

    long = ids(40)
    branches = [Branch("t0", long[:cut], ids(rng.randrange(1, 9))) for cut in (12, 25, 40) for _ in range(4)]
    branches += [
        Branch("t0", long[:25], [7, 8, 9]),
        Branch("t0", long[:25], [7, 8, 9]),
        Branch("t0", long[:25], [7, 8, 10]),
    ]
    branches += [Branch("t0", long[:12], long[12:15])]
    other = ids(7)
    return branches + [Branch("t1", other, ids(5)) for _ in range(3)]


def plain_logprobs(model, branch, temperature=1.0):
    return textbook_logprobs(model, branch.prompt, branch.completion, temperature)


def packed_logprobs(model, branches, limit=150, temperature=1.0, share=True):
    logprobs_M = torch.zeros(sum(len(b.completion) for b in branches))
    for p in pack(build_trees(branches, limit, 32, share=share), limit):
        logprobs_M = logprobs_M.index_add(0, p.entries_T, token_logprobs(model, p, temperature)[0])
    return logprobs_M


def gradients(model, loss):
    model.zero_grad()
    loss.backward()
    return torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None])


def assert_relative(actual, expected, tolerance=1e-5):
    assert (actual - expected).norm() <= tolerance * expected.norm()


@pytest.mark.parametrize("limit", [60, 150, 4096])
@pytest.mark.parametrize("family", FAMILIES)
def test_trees_give_the_logprobs_and_gradients_of_repeated_prompts(family, limit):
    model, branches = make_model(FAMILIES[family]), make_branches()
    weights_M = torch.randn(sum(len(b.completion) for b in branches), generator=torch.Generator().manual_seed(2))
    expected_M = torch.cat([plain_logprobs(model, b, 0.7) for b in branches])
    expected = gradients(model, (expected_M * weights_M).sum())
    actual_M = packed_logprobs(model, branches, limit, 0.7)
    assert_relative(actual_M, expected_M)
    assert_relative(gradients(model, (actual_M * weights_M).sum()), expected)


@pytest.mark.parametrize("family", FAMILIES)
def test_full_attention_takes_trees(family):
    assert refusal(make_model(FAMILIES[family]), 100) is None


@pytest.mark.parametrize("family", WINDOWED)
def test_a_window_shorter_than_the_longest_sequence_refuses_trees(family):
    model = make_model(WINDOWED[family])
    assert "sliding_window 4 is shorter" in refusal(model, 100)


@pytest.mark.parametrize("family", WINDOWED)
def test_the_flat_path_is_right_under_a_window(family):
    model, branches = make_model(WINDOWED[family]), make_branches()
    expected_M = torch.cat([plain_logprobs(model, b) for b in branches])
    assert_relative(packed_logprobs(model, branches, share=False), expected_M)
    assert (packed_logprobs(model, branches) - expected_M).abs().max() > 1e-2


def test_a_model_with_a_few_recurrent_layers_is_found_out_by_the_probe():
    assert "otherwise than by full attention" in refusal(make_model(HYBRID), 100)


def mamba():
    config = MambaConfig(vocab_size=97, hidden_size=32, state_size=8, num_hidden_layers=2, expand=1, use_mambapy=False)
    return make_model(config)


def test_a_recurrent_model_is_found_out_by_the_probe():
    assert "does not take a tree's attention mask" in refusal(mamba(), 100)


def test_a_model_that_ignores_the_mask_is_found_out_by_the_probe(monkeypatch):
    monkeypatch.setattr("tasks.stages.train.compute.forward.attention_mask", lambda pack: None)
    assert "otherwise than by full attention" in refusal(make_model(FAMILIES["llama"]), 100)


def test_an_unknown_head_is_refused(monkeypatch):
    model = make_model(FAMILIES["granite"])
    monkeypatch.setattr("tasks.stages.train.compute.forward._logits", lambda model, hidden_UD: model.lm_head(hidden_UD))
    with pytest.raises(InputError, match="kind of head"):
        refusal(model, 100)


def test_a_recurrent_model_trains_flat_and_says_so(tmp_path, caplog):
    mamba().save_pretrained(tmp_path)
    with caplog.at_level(logging.WARNING):
        learner = Learner(tmp_path, TrainConfig(method="sft"), longest=100)
    assert "prompts are repeated" in caplog.text
    branches = [Branch("t", [1, 2, 3], [4, 5]), Branch("t", [1, 2, 3], [6, 7, 8])]
    weights_M = token_weights(torch.tensor([2, 3]), "token_mean")
    expected = -torch.cat([plain_logprobs(learner.model, b) for b in branches]).mean().item()
    assert learner.update(Batch(branches, weights_M, torch.ones(5), None), 0)["loss"] == pytest.approx(
        expected, rel=1e-5
    )


@pytest.mark.slow
@pytest.mark.parametrize("family", ["qwen3", "gemma"])
def test_block_masks_give_the_logprobs_of_dense_ones(family):
    """On a CPU FlexAttention has no backward pass; its forward pass tells whether the mask function is right."""
    model, branches = make_model(copy.deepcopy(FAMILIES[family])), make_branches()
    with torch.no_grad(), torch.compiler.set_stance("force_eager"):
        expected_M = packed_logprobs(model, branches)
        model.set_attn_implementation("flex_attention")
        assert_relative(packed_logprobs(model, branches), expected_M)


def test_block_masks_need_an_accelerator(tmp_path):
    if torch.cuda.is_available():
        pytest.skip("there is one")
    with pytest.raises(InputError, match="needs a GPU"):
        Learner(tmp_path, TrainConfig(tree_attention="blocks"), longest=100)


def test_blocks_of_logits_change_nothing(monkeypatch):
    model, branches = make_model(FAMILIES["qwen3"]), make_branches()
    whole_M = packed_logprobs(model, branches)
    monkeypatch.setattr("tasks.stages.train.compute.forward.LOGITS_AT_ONCE", 97 * 3)
    torch.testing.assert_close(packed_logprobs(model, branches), whole_M)


def test_no_logits_of_all_tokens_are_kept_for_the_backward_pass(monkeypatch):
    """What autograd saves holds no tensor as large as [predicted tokens, vocabulary]."""
    monkeypatch.setattr("tasks.stages.train.compute.forward.LOGITS_AT_ONCE", 97 * 3)
    model, branches = make_model(FAMILIES["qwen3"]), make_branches()
    sizes = []
    (p,) = pack(build_trees(branches[:12], 4096, 10_000), 4096)
    with torch.autograd.graph.saved_tensors_hooks(lambda t: sizes.append(t.shape) or t, lambda t: t):
        token_logprobs(model, p, 1.0)
    assert sizes
    assert not [s for s in sizes if len(s) == 2 and s[0] > 3 and s[1] == 97]


def test_gradient_checkpointing_keeps_less_for_the_backward_pass(tmp_path):
    """That the gradient stays the same is tested where the textbook's is."""
    make_model(FAMILIES["qwen3"]).save_pretrained(tmp_path)
    kept = {}
    for checkpointing in (False, True):
        learner = Learner(tmp_path, TrainConfig(gradient_checkpointing=checkpointing), 100)
        (p,) = pack(build_trees(make_branches()[:12], 4096, 10_000), 4096)
        sizes = []
        with torch.autograd.graph.saved_tensors_hooks(lambda t, s=sizes: s.append(t.numel()) or t, lambda t: t):
            token_logprobs(learner.model, p, 1.0)
        kept[checkpointing] = sum(sizes)
    assert kept[True] < kept[False] / 3


def test_entropy_is_the_distributions():
    model = make_model(FAMILIES["llama"])
    (p,) = pack(build_trees([Branch("t", [1, 2, 3], [4])], 100, 100), 100)
    pi = (model(torch.tensor([[1, 2, 3]])).logits[0, -1] / 0.5).softmax(-1)
    _, entropies_T = token_logprobs(model, p, 0.5)
    torch.testing.assert_close(entropies_T[0], -(pi * pi.log()).sum())
