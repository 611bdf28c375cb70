from __future__ import annotations

import threading

from mcp_site.worker import Task, Worker


def test_once_runs_each_task_until_it_has_nothing_more() -> None:
    left = [3, 0]
    runs: list[str] = []

    def first() -> bool:
        runs.append("first")
        left[0] -= 1
        return left[0] > 0

    def second() -> bool:
        runs.append("second")
        return False

    assert Worker([Task("first", first, 60), Task("second", second, 60)]).run_once() is True
    assert runs == ["first", "first", "first", "second"]


def test_once_goes_on_after_a_failure_and_reports_it() -> None:
    runs: list[str] = []

    def broken() -> bool:
        raise ValueError("broken")

    def sound() -> bool:
        runs.append("sound")
        return False

    assert Worker([Task("broken", broken, 60), Task("sound", sound, 60)]).run_once() is False
    assert runs == ["sound"]


def test_a_task_with_more_to_do_runs_again_at_once_and_stops_when_told() -> None:
    enough, runs = threading.Event(), []

    def busy() -> bool:
        runs.append(1)
        if len(runs) >= 5:
            enough.set()
            worker.stop()
        return True

    worker = Worker([Task("busy", busy, every_seconds=3600)])

    assert worker.run(grace_seconds=30) is True
    assert enough.is_set()


def test_a_failing_task_does_not_end_the_others() -> None:
    seen = threading.Event()

    def broken() -> bool:
        raise ValueError("broken")

    def sound() -> bool:
        seen.set()
        worker.stop()
        return False

    worker = Worker([Task("broken", broken, 3600), Task("sound", sound, 3600)])

    assert worker.run(grace_seconds=30) is True
    assert seen.is_set()


def test_a_step_that_does_not_end_is_abandoned() -> None:
    release, started = threading.Event(), threading.Event()

    def endless() -> bool:
        started.set()
        worker.stop()
        release.wait()
        return False

    worker = Worker([Task("endless", endless, 3600)])

    finished = worker.run(grace_seconds=0.0)

    assert started.is_set()
    assert finished is False
    release.set()
