"""Two operators, killed at random under resources that are edited all the time: the short form of `make soak`."""

from pathlib import Path

from lab.soak import Plan, soak

from .apart import FAST, started_lab

ELECTION = {"leaseDuration": 4, "renewDeadline": 3, "retryPeriod": 1}


def test_nothing_is_doubled_nothing_is_left_over_and_no_two_write_at_once(tmp_path: Path) -> None:
    with started_lab(tmp_path / "lab") as (lab, _):
        lab.controls.set(**FAST)

        done = soak(lab, Plan(seconds=25, resources=8, between_kills=3, election=ELECTION, seed=7), tmp_path)

        assert {call.client for call in lab.controls.calls() if call.method == "PUT" and call.client}, done
