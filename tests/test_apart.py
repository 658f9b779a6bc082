"""A check that crashes, loops or waits for ever costs the answer for its own file only."""

import os
import signal
import time
from dataclasses import dataclass

import pytest

from xscatter.core import apart


@dataclass(frozen=True)
class Named:
    what: str
    size: int = 0

    def run(self):
        if self.what == "crashes":
            os.kill(os.getpid(), signal.SIGSEGV)
        while self.what == "loops":
            pass
        if self.what == "waits":
            time.sleep(1000)
        if self.what == "fails":
            raise LookupError("of the check itself")
        return f"{self.what}: fine"

    def gave_up(self, why):
        return f"{self.what}: {why}"


@pytest.mark.parametrize("processes", [1, 2])
def test_each_check_has_its_own_answer(processes, monkeypatch):
    monkeypatch.setattr(apart, "SECONDS", 0.2)
    checks = [Named(name) for name in ("a", "crashes", "b", "loops", "waits", "c")]
    assert [answer for _, answer in sorted(apart.each(checks, processes))] == [
        "a: fine",
        "crashes: crashes",
        "b: fine",
        "loops: never ends",
        "waits: never ends",
        "c: fine",
    ]


def test_a_failure_of_the_check_itself_is_no_answer():
    with pytest.raises(LookupError):
        list(apart.each([Named("fails")]))
