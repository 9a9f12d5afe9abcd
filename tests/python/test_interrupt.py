# SPDX-License-Identifier: Apache-2.0
"""Long work reports its progress, and ends with Ctrl-C or when its callback asks for it."""
import os
import signal
import subprocess
import sys
import threading
import time

import pytest
import support

import tilewake

SLOW = {"network": support.LONG, "machine": "midap_lpddr4", "max_steps": 1 << 40}
WORK = {
    "simulate": lambda **options: tilewake.simulate(**SLOW, **options),
    "calibrate": lambda **options: tilewake.calibrate("midap", num_networks=100_000, **options),
    "sweep": lambda **options: tilewake.sweep(
        ["midap_lpddr4"], [support.LONG], set={"dram.num_channels": range(1, 1000)},
        max_steps=1 << 40, **options),
}


@pytest.mark.parametrize("name", WORK)
def test_ctrl_c_raises_keyboard_interrupt_at_once(name):
    timer = threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT))
    begin = time.monotonic()
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        WORK[name]()
    timer.join()
    assert time.monotonic() - begin < 10
    # Nothing is left that the next simulation finds.
    assert tilewake.simulate(support.TINY, "midap").total_cycles > 0


@pytest.mark.parametrize("name", ["calibrate", "sweep"])
def test_callback_that_returns_false_ends_the_work(name):
    calls = []

    def progress(done, total):
        calls.append((done, total))
        return False

    with pytest.raises(tilewake.Interrupted):
        WORK[name](progress=progress)
    assert len(calls) == 1


def test_callback_that_returns_false_ends_a_simulation():
    with pytest.raises(tilewake.Interrupted):
        tilewake.simulate(**SLOW, progress=lambda done, total: False)


@pytest.mark.parametrize("name", WORK)
def test_exception_of_the_callback_is_raised(name):
    def progress(done, total):
        raise KeyError("from the callback")

    with pytest.raises(KeyError, match="from the callback"):
        WORK[name](progress=progress)


def test_progress_ends_with_everything_done():
    calls = []

    def progress(done, total):
        calls.append((done, total))

    result = tilewake.simulate("resnet18", "midap", progress=progress)
    assert calls[-1][0] == calls[-1][1] <= result.summary["num_layers"]
    assert calls == sorted(calls)
    calls.clear()
    tilewake.sweep(["midap"], [support.TINY], set={"dram.num_channels": [1, 2, 4]},
                   progress=progress)
    assert calls[-1] == (3, 3)
    calls.clear()
    tilewake.calibrate("midap", num_networks=20, progress=progress)
    assert calls[-1] == (20, 20)


def test_callback_may_simulate():
    results = []

    def progress(done, total):
        if len(results) < 3:
            results.append(tilewake.simulate(support.TINY, "midap").total_cycles)

    tilewake.sweep(["midap"], [support.TINY], set={"dram.num_channels": [1, 2, 4]},
                   progress=progress)
    assert len(results) == 3 and len(set(results)) == 1


def test_other_threads_run_during_a_simulation():
    count = 0
    stop = threading.Event()

    def work():
        nonlocal count
        while not stop.is_set():
            count += 1
            time.sleep(0.001)

    thread = threading.Thread(target=work)
    thread.start()
    before = count
    with pytest.raises(tilewake.Interrupted):
        tilewake.simulate(**SLOW, progress=lambda done, total: False)
    assert count - before > 10
    stop.set()
    thread.join()


def test_interrupted_program_ends_as_python_programs_do():
    code = ("import tilewake\nprint('begin', flush=True)\n"
            "tilewake.calibrate('midap', num_networks=100000)\n")
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "begin\n"
        time.sleep(0.3)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=20)
    assert process.returncode == -signal.SIGINT
    assert errors.rstrip().endswith("KeyboardInterrupt")
