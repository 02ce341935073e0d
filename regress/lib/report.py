# SPDX-License-Identifier: ISC
"""pytest plugin of regress/run: writes one JSON line for each test as it ends, to
the file named by REGRESS_REPORT, and gives every test a time limit of its own
(180 s, or @pytest.mark.limit(seconds))."""

import json
import os
import signal

import pytest

DEFAULT_LIMIT = 180
_report = None


class TookTooLong(Exception):
    pass


def pytest_configure(config):
    global _report
    config.addinivalue_line("markers", "limit(seconds): the test's time limit")
    if "REGRESS_REPORT" in os.environ:
        _report = open(os.environ["REGRESS_REPORT"], "a", encoding="utf-8", buffering=1)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_call(item):
    mark = item.get_closest_marker("limit")
    seconds = mark.args[0] if mark else DEFAULT_LIMIT

    def expired(*_):
        raise TookTooLong(f"{item.name}: not done within {seconds} s")

    before = signal.signal(signal.SIGALRM, expired)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def pytest_runtest_logreport(report):
    """A test's call, or whatever of its set-up and end went wrong."""
    if report.when != "call" and report.outcome == "passed":
        return
    name = report.nodeid.rpartition("/")[2]
    if report.when != "call" and report.outcome == "failed":
        name += f" [{report.when}]"
    detail = ""
    if report.outcome == "skipped":
        detail = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    elif report.outcome == "failed":
        detail = report.longreprtext
    _put(name, report.outcome, report.duration, detail)


def pytest_collectreport(report):
    if report.outcome == "failed":
        _put(f"{report.nodeid} [collect]", "failed", 0.0, report.longreprtext)


def _put(name, outcome, seconds, detail):
    if _report is not None:
        _report.write(json.dumps({"name": name, "outcome": outcome, "seconds": seconds,
                                  "detail": detail}) + "\n")
