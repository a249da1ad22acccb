import pytest

from tasks.policy.chat import ChatFormat
from tasks.policy.files import DESK


@pytest.fixture(scope="module")
def chat() -> ChatFormat:
    return ChatFormat(DESK)
