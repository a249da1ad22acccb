import pytest
import torch

from schemas.config import SelectConfig
from schemas.profiles import PROFILES, REWARD_TOLERANCE
from tasks.artefact.table import frame
from tasks.report.description import zero_variance
from tasks.stages.select.selection import select_states
from tasks.stages.train.objective import groups_vary
from tests.tasks.stages.select.test_selection import profile


@pytest.mark.parametrize("share", [0.0, 0.9, 1.1, 1e5])
def test_selection_training_and_reports_agree_on_which_rewards_vary(share: float) -> None:
    rewards = [0.3, 0.3 + share * REWARD_TOLERANCE]
    profiles = frame(PROFILES, [profile(0, rewards)])
    pivots, _ = select_states(profiles, SelectConfig(), seed=0)
    varies = share > 1
    assert pivots.height == int(varies)
    assert groups_vary(torch.tensor([rewards], dtype=torch.float64)).tolist() == [varies]
    assert zero_variance(profiles) == float(not varies)
