# SPDX-License-Identifier: Apache-2.0
"""Work that would take minutes: refused by its estimate, or shown with its progress, and ended by
Ctrl-C within a second or two."""
import os
import pty
import re
import select
import signal
import subprocess
import time
import unittest

from cli_support import EXE, SOURCE, CliTest

SECONDS = 20  # for what takes a second, on a busy machine


def network(channels, height, width, layer):
    return (f"name: n\ninput: {{channels: {channels}, height: {height}, width: {width}}}\n"
            f"layers:\n  - {{name: absurd, {layer}}}\n")


# 262,144 x 8,192 x 16,384: some seconds on tpu_like_128.
GEMM = network(8192, 512, 512, "op: conv2d, out_channels: 16384, kernel: 1")
ABSURD = {
    "weights": network(1 << 20, 1, 1, "op: fully_connected, out_channels: 1048576"),
    "channels": network(1 << 20, 64, 64, "op: conv2d, out_channels: 1048576, kernel: 1"),
}


class LimitsTest(CliTest):
    def setUp(self):
        super().setUp()
        self.write("gemm.yaml", GEMM)
        self.hardware = ["--hw", SOURCE / "hw_configs/tpu_like_128.yaml"]
        self.gemm = ["simulate", *self.hardware, "--net", "gemm.yaml"]
        tiny = (SOURCE / "hw_configs/edge_systolic_32.yaml").read_text()
        self.write("small.yaml", re.sub(r"( bytes: )\d+", r"\g<1>64", tiny))

    def started(self, *arguments, **options):
        process = subprocess.Popen([EXE, *map(str, arguments)], cwd=self.dir, stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE,
                                   **{"stderr": subprocess.PIPE, **options})
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.kill)
        return process

    def expect_interrupted(self, process):
        begin = time.monotonic()
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=SECONDS)
        self.assertEqual(process.returncode, 130)
        self.assertLess(time.monotonic() - begin, 5.0)
        return stderr

    def test_a_large_gemm_is_accepted(self):
        self.expect_ok("check", *self.hardware, "--net", "gemm.yaml", "-q")

    def test_absurd_layers_are_refused_by_their_estimate(self):
        for name, text in ABSURD.items():
            with self.subTest(name):
                self.write("absurd.yaml", text)
                begin = time.monotonic()
                for command in (["check"], ["simulate"], ["simulate", "--sweep"]):
                    self.expect_error(3, r"layer absurd: .* steps, .*--max-steps", *command,
                                      *self.hardware, "--net", "absurd.yaml", "-q")
                self.assertLess(time.monotonic() - begin, SECONDS)

    def test_small_buffers_are_refused_by_their_estimate(self):
        resnet = SOURCE / "networks/resnet50.yaml"
        for command in ("check", "simulate"):
            result = self.run_tilewake(command, "--hw", "small.yaml", "--net", resnet, "-q",
                                       "--max-steps", "1000000")
            self.assertEqual(result.returncode, 3, result.stderr)

    def test_max_steps_bounds_the_work_and_names_the_layer(self):
        few = ["--max-steps", "10"]
        for command in (["check"], ["simulate"], ["simulate", "--sweep"]):
            self.expect_error(3, r"layer stem: .*--max-steps", *command, "--hw", "machine.yaml",
                              "--net", "tiny.yaml", "-q", *few)
        self.expect_ok(*self.simulate, "--max-steps", "1000000")
        for value in ("0", "-1", "many", "1e9"):
            self.expect_error(2, "max-steps", *self.simulate, "--max-steps", value)

    def test_a_topology_is_bounded_as_a_whole(self):
        header = ("Layer name, IFMAP Height, IFMAP Width, Filter Height, Filter Width, Channels, "
                  "Num Filter, Strides,\n")
        row = "{}, 56, 56, 3, 3, 64, 64, 1,\n"
        self.write("one.csv", header + row.format("a"))
        self.write("many.csv", header + "".join(row.format(f"l{i}") for i in range(1000)))
        command = ["simulate", *self.hardware, "-q", "--max-steps", "20000"]
        self.expect_ok(*command, "--net", "one.csv")
        self.expect_error(3, r"many.csv: .* l\d+ .*--max-steps", *command, "--net", "many.csv")

    def test_the_memory_alone_is_bounded(self):
        self.expect_error(3, "--bytes .*--max-steps", "dram", *self.hardware, "--stream", "stride",
                          "--bytes", 1 << 40)
        self.expect_ok("dram", *self.hardware, "--stream", "stride", "--bytes", 64000)

    def test_progress_shows_the_layer_and_the_time_left(self):
        process = self.started(*self.gemm, "--max-steps", 10**9)
        lines = []
        while not any("left" in line for line in lines):
            lines.append(process.stderr.readline().decode())
            self.assertRegex(lines[-1], r"\Atilewake: [^\r\n]*layer 'absurd'[^\r\n]*\n\Z")
        self.assertRegex(lines[-1], r"\b\d+ %, \d+:\d\d(:\d\d)? left\n")
        self.assertIn(b"interrupted", self.expect_interrupted(process))

    def test_quiet_work_shows_nothing(self):
        process = self.started(*self.gemm, "-q")
        time.sleep(2.5)
        self.assertEqual(self.expect_interrupted(process), b"tilewake: interrupted\n")

    def test_a_terminal_has_one_line(self):
        main, terminal = pty.openpty()
        self.addCleanup(os.close, main)
        process = self.started(*self.gemm, stderr=terminal)
        os.close(terminal)
        text = b""
        end = time.monotonic() + SECONDS
        while text.count(b"\r") < 4 and time.monotonic() < end:
            if select.select([main], [], [], 1)[0]:
                text += os.read(main, 4096)
        self.assertGreaterEqual(text.count(b"\r"), 4)
        self.assertNotIn(b"\n", text)
        process.kill()
        process.wait()

    def test_a_sweep_and_a_calibration_end_soon(self):
        sweep = ["simulate", "--sweep", *self.hardware, "--net", "gemm.yaml"]
        for command in (sweep, ["calibrate", "--hw", "small.yaml"]):
            with self.subTest(command[0]):
                process = self.started(*command)
                first = process.stderr.readline()  # within a second
                self.assertTrue(first.startswith(b"tilewake: simulated "), first)
                self.expect_interrupted(process)


if __name__ == "__main__":
    unittest.main()
