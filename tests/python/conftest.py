# SPDX-License-Identifier: Apache-2.0
"""What all tests share: how Hypothesis runs, and fixtures."""

import pytest
from hypothesis import HealthCheck, settings

# The same examples in every run, and no deadline on a machine that others use too.
settings.register_profile(
    "quadcone",
    max_examples=100,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("quadcone")


@pytest.fixture(scope="module")
def one_thread():
    """PyTorch with one thread: more slow small products down, much so on a busy machine."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
