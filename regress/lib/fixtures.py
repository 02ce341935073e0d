# SPDX-License-Identifier: ISC
"""pytest fixtures that every suite shares. A suite's conftest.py imports them."""

import pytest

import daemon as daemon_mod


def pytest_configure(config):
    why = daemon_mod.built()
    if why:
        raise pytest.UsageError(f"{why}; run make first")


@pytest.fixture(scope="module")
def daemon():
    """One telepilotd a module. Its end is part of the module's last test: it must
    exit 0 on SIGTERM and leave no process, cgroup or mount."""
    d = daemon_mod.Daemon()
    yield d
    d.close()


@pytest.fixture(scope="module")
def alice(daemon):
    return daemon.api("alice")


@pytest.fixture(scope="module")
def bob(daemon):
    return daemon.api("bob")
