#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What happens when: the timeline, the waveform and the DRAM trace of `simulate`."""
import csv
import json
import os
import re
import signal
import subprocess
import time
import unittest

from cli_support import CliTest, EXE, SOURCE

COUNT_COLUMNS = ("total_cycles", "compute_cycles", "setup_cycles", "dispatch_cycles", "stall_feature_cycles",
                 "stall_weight_cycles", "stall_bias_cycles", "stall_write_cycles",
                 "dram_read_bytes", "dram_write_bytes", "row_hits", "row_misses")
MACHINES = ("midap", "midap_lpddr4", "tpu_like_128", "dsp_like")


class Vcd:
    """A value change dump: the value of each signal from each time on."""

    def __init__(self, text):
        names, scopes, self.values, self.times = {}, [], {}, []
        words = iter(text.split())
        for word in words:
            if word == "$scope":
                next(words)
                scopes.append(next(words))
            elif word == "$upscope":
                scopes.pop()
            elif word == "$var":
                _, _, code, name = (next(words) for _ in range(4))
                names[code] = ".".join([*scopes[1:], name])
            elif word == "$timescale":
                self.timescale = f"{next(words)} {next(words)}"
            elif word.startswith("#"):
                self.times.append(int(word[1:]))
            elif self.times and word[0] == "b":
                self.values.setdefault(names[next(words)], {})[self.times[-1]] = int(word[1:], 2)
            elif self.times and word[0] in "01":
                self.values.setdefault(names[word[1:]], {})[self.times[-1]] = int(word[0])

    def integral(self, name):
        changes = sorted(self.values[name].items())
        ends = [cycle for cycle, _ in changes[1:]] + [self.times[-1]]
        return sum(value * (end - begin) for (begin, value), end in zip(changes, ends))


class TracesTest(CliTest):
    def rows(self, directory):
        lines = (self.dir / directory / "layers.csv").read_text().splitlines()[1:]
        return [{k: int(v) if k in COUNT_COLUMNS else v for k, v in row.items()}
                for row in csv.DictReader(lines)]

    @staticmethod
    def total(rows, column):
        return sum(row[column] for row in rows)

    def run_on(self, machine, *options, net="tiny.yaml"):
        """The rows of a run in the directory of the machine's name."""
        self.expect_ok("simulate", "--hw", SOURCE / f"hw_configs/{machine}.yaml", "--net", net,
                       "-q", "--out", machine, "--force", *options)
        return self.rows(machine)

    def timeline(self, machine, **options):
        rows = self.run_on(machine, "--timeline", **options)
        return rows, json.loads((self.dir / machine / "timeline.json").read_text())

    # The timeline.

    def test_the_bandwidth_counter_adds_up_to_the_bytes_of_the_rows(self):
        for machine in MACHINES:
            with self.subTest(machine):
                rows, timeline = self.timeline(machine)
                samples = [e for e in timeline["traceEvents"]
                           if e["ph"] == "C" and e["name"] == "DRAM bandwidth"]
                clock = timeline["otherData"]["clock_mhz"]
                sums = {"read_gbs": 0.0, "write_gbs": 0.0}
                for sample, after in zip(samples, samples[1:]):
                    cycles = round((after["ts"] - sample["ts"]) * clock)
                    for name in sums:
                        sums[name] += sample["args"][name] * cycles * 1e3 / clock
                self.assertEqual(round(sums["read_gbs"]), self.total(rows, "dram_read_bytes"))
                self.assertEqual(round(sums["write_gbs"]), self.total(rows, "dram_write_bytes"))
                self.assertEqual(samples[-1]["args"], {"read_gbs": 0.0, "write_gbs": 0.0})

    def test_occupancy_stays_between_zero_and_the_size_of_the_buffer(self):
        for machine in MACHINES:
            with self.subTest(machine):
                _, timeline = self.timeline(machine)
                for buffer, size in timeline["otherData"]["buffer_bytes"].items():
                    samples = [e["args"]["bytes"] for e in timeline["traceEvents"]
                               if e["name"] == f"{buffer} occupancy"]
                    self.assertGreater(len(samples), 1)
                    self.assertGreaterEqual(min(samples), 0)
                    self.assertLessEqual(max(samples), size)

    def test_flows_lead_from_a_load_through_a_computation_to_a_store_in_order(self):
        for machine in MACHINES:
            with self.subTest(machine):
                _, timeline = self.timeline(machine)
                events = timeline["traceEvents"]
                tracks = {e["tid"]: e["args"]["name"] for e in events
                          if e["name"] == "thread_name"}
                drawn = {(e["tid"], e["ts"]): e for e in events if e["ph"] in ("X", "i")}
                flows = {}
                for event in events:
                    if event["ph"] in ("s", "t", "f"):
                        flows.setdefault(event["id"], []).append(event)
                self.assertTrue(flows)
                for points in flows.values():
                    self.assertEqual([p["ph"] for p in points], ["s", "t", "f"])
                    load, compute, store = (drawn[p["tid"], p["ts"]] for p in points)
                    self.assertRegex(tracks[load["tid"]], r"\A(DMA requests|feature memory)")
                    self.assertIn(load["name"], ("features", "weights", "bias"))
                    self.assertEqual(tracks[compute["tid"]], "PE array")
                    self.assertEqual(compute["name"], compute["args"]["layer"])
                    self.assertEqual(store["name"], "store")
                    self.assertEqual(store["args"]["layer"], compute["args"]["layer"])
                    self.assertLessEqual(round(1e6 * (load["ts"] + load["dur"])),
                                         round(1e6 * compute["ts"]))
                    self.assertLess(compute["ts"], store["ts"])

    def test_slices_of_one_track_do_not_overlap(self):
        for machine in MACHINES:
            with self.subTest(machine):
                _, timeline = self.timeline(machine)
                ends = {}
                for event in sorted((e for e in timeline["traceEvents"] if e["ph"] == "X"),
                                    key=lambda e: e["ts"]):
                    begin = round(event["ts"] * 1e6)  # picoseconds
                    self.assertGreaterEqual(begin, ends.get(event["tid"], 0))
                    ends[event["tid"]] = begin + round(event["dur"] * 1e6)

    def test_a_layer_has_its_shape_and_the_vector_unit_a_track(self):
        rows, timeline = self.timeline("tpu_like_128")
        events = timeline["traceEvents"]
        tracks = {e["args"]["name"]: e["tid"] for e in events if e["name"] == "thread_name"}
        layers = [e for e in events if e["ph"] == "X" and e["tid"] == tracks["layers"]]
        by_name = {row["layer"]: row for row in rows}
        for layer in layers:
            row, args = by_name[layer["name"]], layer["args"]
            self.assertEqual(args["op"], row["op"])
            self.assertEqual(args["input"], "x".join(row[k] for k in ("ic", "ih", "iw")))
            self.assertEqual(args["output"], "x".join(row[k] for k in ("oc", "oh", "ow")))
            self.assertEqual((args["kernel"], args["stride"]), (row["kernel"], int(row["stride"])))
            self.assertEqual(args["dram_read_bytes"], row["dram_read_bytes"])
        busy = [e for e in events if e["ph"] == "X" and e["tid"] == tracks["vector unit"]]
        self.assertIn("global_avg_pool", {by_name[e["name"]]["op"] for e in busy})

    def test_the_timeline_of_a_large_network_stays_small(self):
        _, timeline = self.timeline("tpu_like_128", net="resnet50")
        self.assertLess((self.dir / "tpu_like_128/timeline.json").stat().st_size, 20e6)
        samples = [e for e in timeline["traceEvents"] if e["name"] == "DRAM bandwidth"]
        self.assertLessEqual(len(samples), 2049)

    # The waveform.

    def test_signals_of_the_waveform_add_up_to_the_rows(self):
        for machine in MACHINES:
            with self.subTest(machine):
                rows = self.run_on(machine, "--vcd", "run.vcd")
                vcd = Vcd((self.dir / "run.vcd").read_text())
                self.assertEqual((vcd.timescale, vcd.times[0]), ("1 ns", 0))
                self.assertEqual(vcd.times, sorted(vcd.times))
                for signal_name, column in (("compute", "compute_cycles"),
                                            ("setup", "setup_cycles"),
                                            ("dispatch", "dispatch_cycles"),
                                            ("stall_features", "stall_feature_cycles"),
                                            ("stall_weights", "stall_weight_cycles"),
                                            ("stall_bias", "stall_bias_cycles"),
                                            ("stall_write", "stall_write_cycles")):
                    self.assertEqual(vcd.integral(f"pe_array.{signal_name}"),
                                     self.total(rows, column), signal_name)
                in_rows = sum((i + 1) * row["total_cycles"] for i, row in enumerate(rows))
                self.assertEqual(vcd.integral("row"), in_rows)

    def test_the_waveform_has_a_window(self):
        whole = self.run_on("midap")
        self.assertEqual(self.run_on("midap", "--vcd", "part.vcd", "--window", "1000:1500"), whole)
        vcd = Vcd((self.dir / "part.vcd").read_text())
        self.assertEqual((min(vcd.times), max(vcd.times)), (1000, 1500))
        self.assertEqual(sum(vcd.integral(name) for name in vcd.values
                             if name.startswith("pe_array.")), 500)
        end = self.total(whole, "total_cycles")
        self.expect_error(3, "--window", *self.simulate, "--vcd", "x.vcd", "--window",
                          f"{end}:{end + 1}")
        self.assertNotIn("x.vcd", self.names_in())

    def test_equal_runs_give_equal_waveforms(self):
        for name in ("a.vcd", "b.vcd"):
            self.run_on("midap", "--vcd", name)
        self.assertEqual((self.dir / "a.vcd").read_bytes(), (self.dir / "b.vcd").read_bytes())

    # The DRAM trace.

    def test_lines_of_the_dram_trace_are_the_bursts_of_the_rows(self):
        for machine in ("midap_lpddr4", "tpu_like_128", "edge_systolic_32"):
            with self.subTest(machine):
                rows = self.run_on(machine, "--dram-trace", "dram.trace")
                lines = (self.dir / "dram.trace").read_text().splitlines()
                bursts = self.total(rows, "row_hits") + self.total(rows, "row_misses")
                if bursts > 0:  # a memory with rows
                    self.assertEqual(len(lines), bursts)
                for line in lines:
                    self.assertRegex(line, r"\A(LD|ST) 0x[0-9a-f]+\Z")

    def test_lines_times_burst_bytes_are_the_bytes_of_the_rows_in_each_direction(self):
        # A tile can begin and end within a burst of 64 bytes; there is no bias.
        self.write("aligned.yaml", """\
name: aligned
input: {channels: 64, height: 8, width: 64}
layers:
  - {name: one, op: conv2d, out_channels: 128, kernel: 1, bias: false}
  - {name: two, op: conv2d, out_channels: 64, kernel: 1, bias: false}
""")
        rows = self.run_on("tpu_like_128", "--dram-trace", "dram.trace", net="aligned.yaml")
        lines = (self.dir / "dram.trace").read_text().splitlines()
        for name, column in (("LD", "dram_read_bytes"), ("ST", "dram_write_bytes")):
            moved = 64 * sum(line.startswith(name) for line in lines)
            self.assertGreaterEqual(moved, self.total(rows, column), name)
            self.assertLess(moved, 1.01 * self.total(rows, column), name)

    def test_the_format_of_dramsys_has_times_in_order(self):
        rows = self.run_on("midap_lpddr4", "--dram-trace", "t.stl", "--dram-trace-format",
                           "dramsys")
        times = []
        for line in (self.dir / "t.stl").read_text().splitlines():
            time_text, _, _ = re.fullmatch(r"(\d+): (read|write) 0x([0-9a-f]+)", line).groups()
            times.append(int(time_text))
        self.assertEqual(times, sorted(times))
        self.assertLessEqual(times[-1], self.total(rows, "total_cycles"))

    def test_a_machine_without_addresses_has_no_dram_trace(self):
        self.expect_error(3, "addresses", *self.simulate, "--dram-trace", "dram.trace")
        self.assertEqual(self.names_in(), ["machine.yaml", "tiny.yaml"])

    # All of them.

    def test_recording_changes_no_figure(self):
        for machine in MACHINES:
            with self.subTest(machine):
                plain = self.run_on(machine)
                options = ["--timeline", "--vcd", "run.vcd"]
                if machine != "midap":
                    options += ["--dram-trace", "dram.trace"]
                self.assertEqual(self.run_on(machine, *options), plain)

    def test_contradictions_are_refused(self):
        for options in (["--timeline"], ["--window", "1:2"], ["--vcd", "a", "--window", "2:1"],
                        ["--vcd", "a", "--window", "2"], ["--vcd", "a", "--window", "1:2:3"],
                        ["--vcd", "a", "--window", "0x1:9"], ["--dram-trace-format", "ramulator"],
                        ["--vcd", "a", "--dram-trace", "a"],
                        ["--dram-trace", "a", "--dram-trace-format", "xml"]):
            with self.subTest(options):
                self.expect_error(2, options[0] if len(options) < 3 else "--", *self.simulate,
                                  *options)
        for option in ("--vcd", "--dram-trace", "--timeline", "--vcd=a"):
            self.expect_error(2, option.split("=")[0], "simulate", "--sweep", "--hw", "midap",
                              "--net", "tiny.yaml", option)
        self.assertEqual(self.names_in(), ["machine.yaml", "tiny.yaml"])

    def test_no_file_is_replaced_without_force(self):
        banked = ["simulate", "--hw", SOURCE / "hw_configs/tpu_like_128.yaml", "--net", "tiny.yaml", "-q"]
        before = self.texts_in()
        for option in ("--vcd", "--dram-trace"):
            for name in ("tiny.yaml", "./machine.yaml", ".", "new/", "/dev/null"):
                with self.subTest(f"{option} {name}"):
                    self.expect_error(3, re.escape(name), *banked, option, name)
                    self.assertEqual(self.texts_in(), before)
        self.assertEqual(self.names_in(), ["machine.yaml", "tiny.yaml"])
        self.write("old", "old")
        for option in ("--vcd", "--dram-trace"):
            self.expect_error(3, "old: ", *banked, option, "old")
            self.expect_ok(*banked, option, "old", "--force")
            self.assertNotEqual((self.dir / "old").read_text(), "old")

    def test_outputs_are_different_files(self):
        banked = ["simulate", "--hw", SOURCE / "hw_configs/tpu_like_128.yaml", "--net", "tiny.yaml", "-q"]
        for name in ("a", "./a", "b/../a", self.dir / "a"):
            self.expect_error(2, "--dram-trace", *banked, "--vcd", "a", "--dram-trace", name)
        for option in ("--vcd", "--dram-trace"):
            for name in ("run/layers.csv", "./run/run.yaml", "run/points.jsonl", "run"):
                with self.subTest(f"{option} {name}"):
                    self.expect_error(3, re.escape(name), *banked, "--out", "run", option, name)
        self.assertEqual(self.names_in(), ["machine.yaml", "tiny.yaml"])
        self.expect_ok(*banked, "--out", "run", "--vcd", "run/wave.vcd")
        self.assertEqual(self.names_in("run"), ["layers.csv", "run.yaml", "summary.json", "wave.vcd"])

    def test_a_topology_and_a_bad_place_are_refused(self):
        self.write("list.csv", "Layer name, IFMAP Height, IFMAP Width, Filter Height, "
                   "Filter Width, Channels, Num Filter, Strides,\na, 8, 8, 3, 3, 4, 8, 1,\n"
                   "b, 8, 8, 3, 3, 4, 8, 1,\n")
        for option in ("--vcd", "--dram-trace"):
            self.expect_error(3, "topology", "simulate", "--hw", "machine.yaml", "--net",
                              "list.csv", option, "file")
            self.expect_error(3, "tiny.yaml", "simulate", "--hw", SOURCE /
                              "hw_configs/tpu_like_128.yaml", "--net", "tiny.yaml", option,
                              "tiny.yaml/file")
        self.assertEqual(self.names_in(), ["list.csv", "machine.yaml", "tiny.yaml"])

    def test_an_interrupt_leaves_no_file(self):
        process = subprocess.Popen(
            [str(EXE), "simulate", "--hw", str(SOURCE / "hw_configs/tpu_like_128.yaml"), "--net",
             str(SOURCE / "networks/efficientnet_b4.yaml"), "--dram-trace", "a/b/dram.trace", "-q",
             "--vcd", "run.vcd", "--set", "core.input_buffer.bytes=4096",
             "core.weight_buffer.bytes=4096", "core.output_buffer.bytes=4096", "--max-steps",
             "1000000000"],
            cwd=self.dir, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            env={k: v for k, v in os.environ.items() if k != "TILEWAKE_DATA_DIR"})
        deadline = time.monotonic() + 30
        while not list(self.dir.glob("a/b/dram.trace.tmp-*")) and time.monotonic() < deadline:
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(timeout=30), 130)
        self.assertEqual(self.names_in(), ["machine.yaml", "tiny.yaml"])


if __name__ == "__main__":
    unittest.main()
