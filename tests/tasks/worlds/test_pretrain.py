from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from safetensors.torch import load_file  # noqa: E402

from tasks.worlds import pretrain as training  # noqa: E402
from tasks.worlds.pretraining.legs import LEGS  # noqa: E402

STEP = training.BATCH * 1024


@pytest.fixture(autouse=True)
def small_tokenizer_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "TOKENIZER_SAMPLE", 100)


def weights(folder: Path) -> "torch.Tensor":
    tensors = load_file(folder / "model.safetensors")
    return torch.cat([tensors[name].flatten() for name in sorted(tensors)])


@pytest.mark.slow
def test_the_same_seed_gives_the_same_policy_and_start_goes_on_from_it(tmp_path: Path) -> None:
    for name, seed in (("first", 0), ("again", 0), ("other", 1)):
        training.pretrain(tmp_path / name, seed=seed, tokens=STEP, minutes=5, legs=LEGS[:1])
    torch.testing.assert_close(weights(tmp_path / "first"), weights(tmp_path / "again"), rtol=1e-4, atol=1e-6)
    assert not torch.allclose(weights(tmp_path / "first"), weights(tmp_path / "other"), atol=1e-3)
    training.pretrain(tmp_path / "more", seed=1, tokens=STEP, minutes=5, start=tmp_path / "first", legs=LEGS[:1])
    moved = (weights(tmp_path / "more") - weights(tmp_path / "first")).abs().max()
    assert 0 < moved < 0.1
    tokenizers = [(tmp_path / name / "tokenizer.json").read_text(encoding="utf-8") for name in ("first", "more")]
    assert tokenizers[0] == tokenizers[1]
    assert (tmp_path / "more" / "chat_template.jinja").exists()


@pytest.mark.slow
def test_the_legs_run_in_turn_each_with_its_share_of_the_tokens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(training, "REPORT_EVERY", 1)
    caplog.set_level("INFO", logger=training.LOG.name)
    training.pretrain(tmp_path / "all", seed=0, tokens=6 * STEP, minutes=50)
    training.pretrain(tmp_path / "some", seed=0, tokens=2 * STEP, minutes=50, start=tmp_path / "all", legs=LEGS[1:])
    run = [record.getMessage().split(": loss")[0] for record in caplog.records]
    assert run == [
        *(f"words: step {step} of 4" for step in (1, 2, 3, 4)),
        "rules: step 1 of 1",
        "doubts: step 1 of 1",
        "rules: step 1 of 1",
        "doubts: step 1 of 1",
    ]


def test_time_that_is_up_ends_the_training(tmp_path: Path) -> None:
    training.pretrain(tmp_path, seed=0, tokens=1000 * STEP, minutes=1e-9)
    assert weights(tmp_path).numel() > 900_000
