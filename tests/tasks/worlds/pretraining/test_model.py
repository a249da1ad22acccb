from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from tasks.worlds.pretraining.model import loss, optimisers, rate  # noqa: E402


@pytest.fixture
def policy_model():
    folder = Path(__file__).parents[4] / "tasks" / "policy" / "desk"
    transformers = pytest.importorskip("transformers")
    return transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)


def test_the_loss_is_the_weighted_mean_over_tokens_with_a_weight(policy_model) -> None:
    ids = torch.tensor([[5, 6, 7, 8]])
    targets = torch.tensor([[6, 7, 8, 9]])
    singles = [loss(policy_model, ids, targets, torch.eye(4)[None, i]) for i in range(3)]
    both = loss(policy_model, ids, targets, torch.tensor([[3.0, 0.0, 1.0, 0.0]]))
    torch.testing.assert_close(both, (3 * singles[0] + singles[2]) / 4)


def test_the_rate_rises_stays_and_falls_to_zero() -> None:
    assert rate(0.0, 0.4) < 0.1
    assert rate(0.3, 0.4) == 1.0
    assert 0.0 < rate(0.9, 0.4) < 0.3
    assert rate(1.0, 0.4) == 0.0
    assert rate(0.3, 1.0) == 0.7


def test_every_weight_has_one_optimiser_and_matrices_of_layers_have_muon(policy_model) -> None:
    muon, adam = optimisers(policy_model)
    held = [weight for optimiser in (muon, adam) for group in optimiser.param_groups for weight in group["params"]]
    assert sorted(map(id, held)) == sorted(map(id, policy_model.parameters()))
    assert all(weight.ndim == 2 for weight in muon.param_groups[0]["params"])
    embedding = policy_model.get_input_embeddings().weight
    assert any(weight is embedding for weight in adam.param_groups[0]["params"])
