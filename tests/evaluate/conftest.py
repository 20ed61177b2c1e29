from __future__ import annotations

import pytest
from accelerate import Accelerator


@pytest.fixture(scope="session")
def accelerator() -> Accelerator:
    return Accelerator(cpu=True, step_scheduler_with_optimizer=False)
