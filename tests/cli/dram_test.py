#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What `dram` prints, and what it refuses."""
import csv
import io
import json
import unittest

from cli_support import CliTest, MACHINE, SOURCE

CORE = MACHINE[:MACHINE.index("dram:")]
COLUMNS = ["hardware", "stream", "bytes", "chunk_bytes", "requests", "cycles", "dram_clocks",
           "time_us", "bandwidth_gbs", "peak_gbs", "sustained_gbs", "peak_share", "row_hits",
           "row_misses", "refreshes"]


class DramTest(CliTest):
    def setUp(self):
        super().setUp()
        self.write("lpddr4.yaml", (SOURCE / "hw_configs/midap_lpddr4.yaml").read_text())
        self.write("frfcfs.yaml", (self.dir / "lpddr4.yaml").read_text()
                   .replace("in_order", "frfcfs"))
        self.write("ideal.yaml", CORE + "dram:\n  model: ideal\n")

    def measure(self, machine, stream, *options):
        return json.loads(self.expect_ok("dram", "--hw", f"{machine}.yaml", "--stream", stream,
                                         "--format", "json", *options))

    def test_json_adds_up(self):
        for machine in ("lpddr4", "frfcfs", "machine"):
            for stream in ("read", "write", "alternate", "stride"):
                result = self.measure(machine, stream, "--bytes", 1 << 20)
                self.assertEqual(list(result), COLUMNS)
                self.assertEqual((result["stream"], result["bytes"]), (stream, 1 << 20))
                self.assertAlmostEqual(result["time_us"], result["cycles"] / 1e3)
                self.assertAlmostEqual(result["bandwidth_gbs"],
                                       result["bytes"] / result["cycles"])
                self.assertAlmostEqual(result["peak_share"],
                                       result["bandwidth_gbs"] / result["peak_gbs"])
                self.assertLessEqual(result["peak_share"], 1)
                if machine != "machine":  # bursts of 32 bytes
                    self.assertEqual(result["row_hits"] + result["row_misses"], 32768)

    def test_a_long_stream_is_what_the_closed_form_says(self):
        for machine in ("lpddr4", "frfcfs", "machine"):
            result = self.measure(machine, "read")
            self.assertAlmostEqual(result["bandwidth_gbs"] / result["sustained_gbs"], 1, delta=0.01)

    def test_chunks_are_as_asked_for(self):
        result = self.measure("lpddr4", "alternate", "--bytes", 100000, "--chunk", 512, "-q")
        self.assertEqual((result["chunk_bytes"], result["requests"]), (512, 196))
        large = self.measure("lpddr4", "read", "--bytes", 100000, "--chunk", 100000)
        self.assertEqual((large["chunk_bytes"], large["requests"]), (100000, 7))  # of 16 KiB

    def warnings_of(self, *arguments):
        result = self.run_tilewake(*arguments)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(self.run_tilewake(*arguments, "-q").stderr, "")
        return result.stderr.splitlines()

    def test_in_order_warns_of_chunks_below_4_kib_a_channel(self):
        def warnings(machine, stream, chunk):
            return self.warnings_of("dram", "--hw", f"{machine}.yaml", "--stream", stream,
                                    "--bytes", 100000, "--chunk", chunk)
        self.assertEqual(len(warnings("lpddr4", "alternate", 4096)), 1)  # of 4 channels
        for case in (("lpddr4", "alternate", 16384), ("lpddr4", "read", 4096),
                     ("frfcfs", "alternate", 4096), ("machine", "alternate", 4096)):
            self.assertEqual(warnings(*case), [])

    def test_in_order_warns_of_rows_that_others_overlap(self):
        ddr4 = (SOURCE / "hw_configs/edge_systolic_32.yaml").read_text()
        overlap = "DDR4-2400\n  mapping: [row, rank, bank, bank_group, column]"
        self.write("overlap.yaml", ddr4.replace("DDR4-2400", overlap))
        self.write("reordered.yaml", ddr4.replace("DDR4-2400", overlap)
                   .replace("in_order", "frfcfs"))
        for command in (["check"], ["dram", "--stream", "read", "--bytes", 4096],
                        ["simulate", "--net", "squeezenet"]):
            warnings = self.warnings_of(command[0], "--hw", "overlap.yaml", *command[1:])
            self.assertEqual(len(warnings), 1)
            self.assertIn("overlap.yaml: dram.mapping: ", warnings[0])
            self.assertEqual(self.warnings_of(command[0], "--hw", "reordered.yaml", *command[1:]),
                             [])

    def test_ideal_memory_takes_no_time_and_has_no_bandwidth_to_tell(self):
        result = self.measure("ideal", "alternate")
        self.assertEqual((result["cycles"], result["row_misses"]), (0, 0))
        for name in ("dram_clocks", "bandwidth_gbs", "peak_gbs", "sustained_gbs", "peak_share"):
            self.assertIsNone(result[name])
        self.assertIn("unlimited",
                      self.expect_ok("dram", "--hw", "ideal.yaml", "--stream", "read"))

    def test_csv_and_table_have_the_values_of_json(self):
        result = self.measure("lpddr4", "stride")
        arguments = ["dram", "--hw", "lpddr4.yaml", "--stream", "stride"]
        rows = list(csv.DictReader(io.StringIO(self.expect_ok(*arguments, "--format", "csv"))))
        self.assertEqual([rows[0][name] for name in COLUMNS], [str(v) for v in result.values()])
        table = self.expect_ok(*arguments)
        for name in ("cycles", "row_misses", "refreshes"):
            self.assertIn(f" {result[name]:,}\n", table)

    def test_what_cannot_be_measured_is_refused(self):
        arguments = ["dram", "--hw", "lpddr4.yaml", "--stream"]
        self.expect_error(2, "--stream must be one of read, write, alternate, stride", *arguments,
                          "up")
        self.expect_error(2, "--bytes", *arguments, "read", "--bytes", "0")
        self.expect_error(2, "--format must be one of", *arguments, "read", "--format", "xml")
        self.expect_error(2, "--stream", "dram", "--hw", "lpddr4.yaml")
        self.expect_error(3, "nowhere", "dram", "--hw", "nowhere", "--stream", "read")
        self.write("bad.yaml", (self.dir / "lpddr4.yaml").read_text()
                   .replace("preset: LPDDR4-3200", "preset: EDO"))
        self.expect_error(3, r"bad.yaml:\d+: dram.preset: unknown value 'EDO'", "dram", "--hw",
                          "bad.yaml", "--stream", "read")


if __name__ == "__main__":
    unittest.main()
