#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`tilewake report`: the data of the page, what is refused, and (where Chromium, node and
playwright-core are installed) what a reader sees in a browser without a network."""
import csv
import io
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "cli"))
from cli_support import CliTest  # pylint: disable=wrong-import-position

HERE = pathlib.Path(__file__).resolve().parent
FIXTURES = HERE / "fixtures"
CHROMIUM = shutil.which("chromium")
SCREENSHOTS = pathlib.Path(os.environ["TILEWAKE_BUILD_DIR"]) / "report"
HAS_BROWSER = bool(CHROMIUM and shutil.which("node") and (HERE / "node_modules").is_dir())

HOSTILE = "</script><script>window.hacked=1</script><!--"
COMPARISON = """\
# tilewake-comparison v1
method,target_ms,seed,simulated_ms,validation_accuracy,accuracy,params,macs,trained_images,\
evaluated_images,search_seconds,random_accuracy,kendall_tau,num_correlated,missed
s3nas,0.02,1,0.0195,0.31,0.30,40000,2000000,768,0,11.5,0.25,,,
s3nas,0.02,2,0.0196,0.33,0.34,41000,2000000,768,0,12.5,0.27,,,
spos,0.02,1,0.0191,0.29,0.28,14846,970496,256,984,4.6,,0.5,3,
spos,0.02,2,0.0192,0.30,0.29,14846,970496,256,984,4.7,,0.5,3,
spos,0.02,3,,,,,,256,984,4.7,,,,missed
"""


def page_data(path):
    """The data block of a page."""
    blocks = re.findall(r'<script type="application/json" id="data">(.*?)</script>',
                        path.read_text(), re.DOTALL)
    assert len(blocks) == 1
    return json.loads(blocks[0])


def columns_of(path):
    rows = list(csv.reader(io.StringIO(path.read_text().split("\n", 1)[1])))
    return {name: [row[i] for row in rows[1:]] for i, name in enumerate(rows[0])}


class ReportTest(CliTest):
    def report(self, *paths, out="page.html"):
        self.assertEqual(self.expect_ok("report", *paths, "--out", out), f"{out}\n")
        return page_data(self.dir / out)["sections"]

    def make_simulation(self, name="run", *arguments):
        self.expect_ok(*self.simulate, "-q", "--out", name, *arguments)

    def make_search(self, method, name=None):
        shutil.copytree(FIXTURES / method, self.dir / (name or method))
        return name or method

    def make_targets(self):
        """A search for two limits: its directory, made of the files of a search for one."""
        (self.dir / "targets").mkdir()
        shutil.copy(FIXTURES / "s3nas/run.yaml", self.dir / "targets/run.yaml")
        for limit in ("0.014", "0.02"):
            self.make_search("s3nas", f"targets/target-{limit}ms")
            (self.dir / f"targets/target-{limit}ms/run.yaml").unlink()
        self.write("targets/front.csv", "# tilewake-front v1\n"
                   "target_ms,predicted_ms,simulated_ms,accuracy,validation_accuracy,params\n"
                   "0.014,0.0139,0.0138,0.12,0.115,39450\n0.02,0.0195,0.0195,0.122,0.11,124842\n")
        return "targets"

    def make_comparison(self):
        self.write("compare/compare.csv", COMPARISON)
        self.write("compare/run.yaml", "# A comparison of tilewake.\nversion: 0.1.0\n"
                   'command: ["tilewake", "nas", "compare"]\n')
        return "compare"

    def make_space(self):
        (self.dir / "space").mkdir()
        shutil.copy(FIXTURES / "spos/operators.csv", self.dir / "space/operators-midap.csv")
        self.write("space/run.yaml", "# Search spaces of tilewake.\nversion: 0.1.0\n")
        return "space"


class DataTest(ReportTest):
    def test_page_is_one_file_without_references(self):
        self.make_simulation()
        self.report("run")
        page = (self.dir / "page.html").read_text()
        self.assertNotRegex(page, r"<(link|img|iframe|script[^>]*\ssrc)\b")
        self.assertNotRegex(page, r"@import|url\(\s*['\"]?http")
        self.assertIn("default-src 'none'", page)
        self.assertEqual(self.names_in(), ["machine.yaml", "page.html", "run", "tiny.yaml"])

    def test_layers_are_those_of_the_simulation(self):
        self.make_simulation("run", "--timeline")
        section, = self.report("run")
        self.assertEqual(section["kind"], "simulation")
        summary = json.loads((self.dir / "run/summary.json").read_text())
        self.assertEqual(section["summary"], summary)
        expected = columns_of(self.dir / "run/layers.csv")
        for name in ("layer", "op", "inputs", "fused_into", "kernel"):
            self.assertEqual(section["layers"][name], expected[name])
        for name in ("total_cycles", "compute_cycles", "stall_dram_cycles", "dram_read_bytes", "macs"):
            self.assertEqual(section["layers"][name], [int(text) for text in expected[name]])
        self.assertEqual(sum(section["layers"]["total_cycles"]), summary["total_cycles"])
        self.assertEqual(section["machine"]["peak_macs_per_cycle"], 1024)
        self.assertEqual(section["run"]["command"][:2], ["tilewake", "simulate"])

    def test_timeline_has_every_slice_in_cycles(self):
        self.make_simulation("run", "--timeline")
        section, = self.report("run")
        timeline = section["timeline"]
        self.assertEqual(timeline["gap_cycles"], 0)
        rows = dict(zip(section["layers"]["layer"], section["layers"]["total_cycles"]))
        for name, begin, end in timeline["layers"]:
            self.assertEqual(end - begin, rows[name])
        events = [event for event in json.loads((self.dir / "run/timeline.json").read_text())["traceEvents"]
                  if event["ph"] == "X"]
        slices = [row["slices"] for row in timeline["rows"]]
        self.assertEqual(len(events), len(timeline["layers"]) + sum(len(flat) // 3 for flat in slices))
        cycles = sum(event["args"]["cycles"] for event in events) - sum(rows.values())
        self.assertEqual(sum(sum(flat[1::3]) for flat in slices), cycles)
        for series in timeline["series"]:
            self.assertLessEqual(len(series["values"]), 400)

    def test_sweep_has_every_point(self):
        self.expect_ok("simulate", "--sweep", "--hw", "machine.yaml", "--net", "tiny.yaml", "--set",
                       "dram.num_channels=1,2,4", "--out", "sweep", "-q")
        section, = self.report("sweep")
        self.assertEqual(section["kind"], "sweep")
        expected = columns_of(self.dir / "sweep/sweep.csv")
        self.assertEqual(section["points"]["dram.num_channels"], [1, 2, 4])
        self.assertEqual(section["points"]["total_cycles"], [int(t) for t in expected["total_cycles"]])

    def test_exploration_has_every_point_and_the_front(self):
        self.expect_ok("explore", "--hw", "machine.yaml", "--net", "tiny.yaml", "--vary",
                       "dram.num_channels=1,2,4", "core.num_cims=8,12,16", "--out", "explore", "-q")
        section, = self.report("explore")
        self.assertEqual(section["kind"], "exploration")
        expected = columns_of(self.dir / "explore/explore.csv")
        self.assertEqual(section["points"]["status"], expected["status"])
        self.assertEqual([text or "" for text in section["points"]["machine"]], expected["machine"])
        self.assertEqual(section["points"]["on_front"], [int(t) for t in expected["on_front"]])

    def test_model_predicts_simulations_of_its_machine(self):
        self.make_simulation()
        self.expect_ok("calibrate", "--hw", "machine.yaml", "--networks", "60", "--out",
                       "model/model.yaml", "-q", "--holdout")
        for given in ("model", "model/model.yaml"):
            calibration, simulation = self.report(given, "run")
            self.assertEqual((calibration["kind"], simulation["kind"]), ("calibration", "simulation"))
            layers = simulation["layers"]
            for simulated, predicted in zip(layers["total_cycles"], layers["predicted_cycles"]):
                self.assertLess(abs(predicted - simulated), 0.2 * simulated + 10)
            holdout = calibration["holdout"]
            rows = len(columns_of(self.dir / "model/model.holdout.csv")["layer"])
            self.assertEqual(sum(holdout["dots"]["count"]), rows)
            self.assertEqual(sum(holdout["bins"]["count"]), rows)
            self.assertEqual(calibration["model"]["num_layers"], rows)
        alone, = self.report("run")
        self.assertNotIn("predicted_cycles", alone["layers"])

    def test_rows_of_a_fit_are_a_section(self):
        header = "network,machine,batch,measured_ms,start_ms,simulated_ms,holdout_ms,macs"
        self.write("fits/a.fit.csv", f"# tilewake-fit v1\n{header}\n"
                                     f"n0,box,1,2.0,3.0,2.1,2.2,1000\n{HOSTILE},box,1,4.0,5.0,3.9,,2000\n")
        for path in ("fits", "fits/a.fit.csv"):
            section, = self.report(path)
            self.assertEqual((section["kind"], section["path"]), ("fit", "fits/a.fit.csv"))
            self.assertEqual(section["fit_rows"]["network"], ["n0", HOSTILE])
            self.assertEqual(section["fit_rows"]["holdout_ms"], [2.2, None])
        self.write("fits/a.fit.csv", "# tilewake-fit v1\nnetwork,machine\nn0,box\n")
        self.expect_error(3, r"a\.fit\.csv", "report", "fits")

    def test_holdout_of_another_calibration_is_refused(self):
        calibrate = ["calibrate", "--hw", "machine.yaml", "--out", "model.yaml", "-q", "--networks"]
        self.expect_ok(*calibrate, "60", "--holdout")
        self.expect_ok(*calibrate, "61")
        self.expect_error(3, r"model\.holdout\.csv: ", "report", "model.yaml")

    def test_search_has_its_files(self):
        s3nas, spos = self.report(self.make_search("s3nas"), self.make_search("spos"))
        for section, name in ((s3nas, "s3nas"), (spos, "spos")):
            self.assertEqual(section["kind"], "search")
            self.assertEqual(section["decisions"]["text"],
                             columns_of(FIXTURES / name / "decisions.csv")["text"])
            self.assertEqual(len(section["metrics"]["step"]),
                             len(columns_of(FIXTURES / name / "metrics.csv")["step"]))
            self.assertEqual(len(section["step_files"]), len(list((FIXTURES / name / "steps").iterdir())))
            self.assertEqual(section["summary"]["target_ms"], 0.014)
            self.assertEqual(len(section["layers"]["predicted_cycles"]), len(section["layers"]["layer"]))
            self.assertIn("layers", section["architecture"])
        self.assertEqual(len(spos["evolution"][0]["accuracy"]), 12)
        self.assertEqual(len(spos["spaces"][0]["operators"]["operator"]), 128)

    def test_every_limit_is_a_section(self):
        sections = self.report(self.make_targets())
        self.assertEqual([section["kind"] for section in sections], ["search", "target", "target"])
        self.assertEqual(sections[0]["front"]["target_ms"], [0.014, 0.02])

    def test_comparison_and_space(self):
        comparison, space = self.report(self.make_comparison(), self.make_space())
        self.assertEqual(comparison["runs"]["accuracy"], [0.3, 0.34, 0.28, 0.29, None])
        self.assertEqual(len(space["spaces"][0]["operators"]["operator"]), 128)

    def test_equal_inputs_give_equal_pages(self):
        self.make_simulation()
        self.report("run", out="a.html")
        self.report("run", out="b.html")
        self.assertEqual((self.dir / "a.html").read_bytes(), (self.dir / "b.html").read_bytes())

    def test_default_page_and_replacement(self):
        self.make_simulation()
        self.assertEqual(self.expect_ok("report", "run"), "report.html\n")
        before = (self.dir / "report.html").read_bytes()
        self.assertEqual(self.expect_ok("report", "run"), "report.html\n")
        self.assertEqual((self.dir / "report.html").read_bytes(), before)

    def test_hostile_names_stay_text(self):
        self.make_search("s3nas")
        decisions = self.dir / "s3nas/decisions.csv"
        decisions.write_text(decisions.read_text() + f"hostile,note,,,{HOSTILE}\n")
        section, = self.report("s3nas")
        self.assertEqual(section["decisions"]["text"][-1], HOSTILE)
        self.assertNotIn("<script>window.hacked", (self.dir / "page.html").read_text())


class RefusalTest(ReportTest):
    def test_wrong_usage_exits_2(self):
        self.expect_error(2, "report: ", "report")
        self.expect_error(2, "--force", "report", "x", "--force")

    def test_unknown_directories_exit_3(self):
        (self.dir / "empty").mkdir()
        for path in ("empty", "missing", "tiny.yaml", "/dev/null"):
            self.expect_error(3, re.escape(path), "report", path)
        self.assertEqual(self.names_in(), ["empty", "machine.yaml", "tiny.yaml"])

    def test_damaged_files_exit_3_and_nothing_is_written(self):
        self.make_simulation("run", "--timeline")
        self.make_search("spos")
        self.make_comparison()
        damage = {
            "run": [("layers.csv", "x"), ("summary.json", "{"), ("run.yaml", "a: b"),
                    ("summary.json", "[]"), ("summary.json", '{"warnings": 5}'), ("summary.json", '{"warnings": [5]}'),
                    ("timeline.json", '{"traceEvents": 3}'), ("timeline.json", '{"traceEvents": [{"ph": "X"}]}'),
                    ("timeline.json", '{"traceEvents": [{"ph": "X", "tid": 1, "ts": -1, "dur": 1, "name": "a"}]}')],
            "spos": [("metrics.csv", "# tilewake-metrics v2\na,b\n1\n"), ("metrics.csv", "# tilewake-metrics v9\n"),
                     ("evolution-supernet.json", "{}"), ("architecture.yaml", "- 1"), ("model.yaml", "a: 1"),
                     ("metrics.csv", "# tilewake-metrics v2\nphase,epoch\na,1\n"), ("metrics.csv", "# tilewake-metrics v2\nphase,step,step\na,1,1\n"),
                     ("steps/train.json", "["), ("steps/train.json", "[]"), ("steps/train.json", "null")],
            "compare": [("compare.csv", '# tilewake-comparison v1\n"a\n'), ("compare.csv", "# tilewake-comparison v1")],
        }
        for directory, files in damage.items():
            for name, text in files:
                with self.subTest(f"{directory}/{name}: {text}"):
                    path = self.dir / directory / name
                    before = path.read_text()
                    path.write_text(text)
                    self.expect_error(3, re.escape(name), "report", directory, "--out", "page.html")
                    path.write_text(before)
                    self.assertFalse((self.dir / "page.html").exists())

    def test_too_large_results_exit_3_at_once(self):
        header = "hardware,network,status,latency_ms,total_cycles"
        tables = {"rows": f"{header}\n" + "a,b,ok,1,1\n" * 200_001,
                  "columns": header + ",".join(f",c{i}" for i in range(1000)) + "\n",
                  "bytes": header + "," * 2_000_000 + "\n"}
        for name, text in tables.items():
            self.write(f"{name}/sweep.csv", f"# tilewake-sweep v1\n{text}")
            self.expect_error(3, re.escape(f"{name}/sweep.csv:"), "report", name)
        self.make_simulation()
        shutil.copytree(self.dir / "run", self.dir / "sparse")
        with open(self.dir / "sparse/layers.csv", "r+b") as file:
            file.truncate(200 << 20)
        self.expect_error(3, r"sparse/layers\.csv: .*128 MiB", "report", "sparse")
        self.expect_error(3, "1000 sections", "report", *["run"] * 1001)

    def test_too_many_counters_are_left_out_with_the_reason(self):
        self.make_simulation("run", "--timeline")
        events = [{"ph": "C", "ts": time, "name": f"c{i}", "args": {"v": 1}} for i in range(101) for time in (0, 1)]
        for given in (events, events[:2] + [{"ph": "C", "ts": 0, "name": "c", "args": {f"v{i}": 1 for i in range(101)}}]):
            (self.dir / "run/timeline.json").write_text(json.dumps({"traceEvents": given}))
            self.assertIn("100 counters", self.report("run")[0]["timeline"])

    def test_a_link_to_nothing_is_no_missing_file(self):
        self.make_simulation("run", "--timeline")
        for name in ("summary.json", "layers.csv", "timeline.json"):
            before = (self.dir / "run" / name).read_bytes()
            for target in ("nothing", name):  # a loop
                (self.dir / "run" / name).unlink()
                (self.dir / "run" / name).symlink_to(target)
                self.expect_error(3, re.escape(name), "report", "run")
            (self.dir / "run" / name).unlink()
            (self.dir / "run" / name).write_bytes(before)

    def test_the_name_of_a_directory_is_refused(self):
        self.make_simulation()
        for name in ("new/", "new/deep/", ".", "new/..", "run"):
            self.expect_error(3, re.escape(name), "report", "run", "--out", name)
        self.assertEqual(self.names_in(), ["machine.yaml", "run", "tiny.yaml"])

    def test_a_file_that_is_no_report_is_kept(self):
        self.make_simulation()
        mine = self.write("mine.html", "<!DOCTYPE html>\nmine")
        self.expect_error(3, "mine.html: ", "report", "run", "--out", "mine.html")
        self.assertEqual(mine.read_text(), "<!DOCTYPE html>\nmine")
        self.expect_error(3, "run: ", "report", "run", "--out", "run")
        self.expect_error(3, "tiny.yaml", "report", "run", "--out", "tiny.yaml/page.html")

    def test_scripts_of_the_current_directory_are_not_used(self):
        self.make_simulation()
        self.write("latency_model/report/page/charts/evil.js", "window.hacked = 1")
        self.report("run")
        self.assertNotIn("window.hacked", (self.dir / "page.html").read_text())


@unittest.skipUnless(HAS_BROWSER, "Chromium, node or playwright-core is not installed "
                                  "(tests/report/setup.sh)")
class BrowserTest(ReportTest):
    def look(self, name, *paths):
        """What a browser finds on the page of these results; screenshots are kept."""
        self.report(*paths, out=f"{name}.html")
        run = subprocess.run(["node", HERE / "browser_test.mjs", CHROMIUM, self.dir / f"{name}.html",
                              SCREENSHOTS], capture_output=True, text=True, timeout=240)
        self.assertEqual((run.returncode, run.stderr), (0, ""))
        found = json.loads(run.stdout)
        print(f"{name}: {found['bytes']} bytes, drawn in {found['draw_ms']} ms", file=sys.stderr)
        self.assertIsNone(found["hacked"])
        return found

    def test_simulation(self):
        self.expect_ok("simulate", "--hw", "midap", "--net", "resnet50", "--out", "run", "--timeline", "-q")
        found = self.look("simulation", "run")
        self.assertLess(found["bytes"], 2_000_000)
        self.assertLess(min(found["draw_ms"]), 3000)  # a second on an idle machine
        layers = columns_of(self.dir / "run/layers.csv")
        timed = [cycles for cycles in map(int, layers["total_cycles"]) if cycles > 0]
        figures = found["figures"]
        self.assertEqual(figures["cycles-0"], len(timed))
        self.assertEqual(figures["graph-0"], len(layers["layer"]))
        self.assertLess(figures["graph-0 filtered"], figures["graph-0"])
        convolutions = [op for op, macs in zip(layers["op"], layers["macs"]) if int(macs) > 0]
        self.assertEqual(figures["roofline-0"], len(convolutions))
        self.assertEqual(figures["roofline-0 filtered"], convolutions.count(convolutions[0]))
        self.assertLessEqual({"gantt-0", "bandwidth-0", "by-operator-0"}, set(figures))

    def test_searches(self):
        self.make_search("s3nas", "a")
        decisions = self.dir / "a/decisions.csv"
        decisions.write_text(decisions.read_text() + f"hostile,note,,,{HOSTILE}\n")
        found = self.look("search", "a", self.make_search("spos"))
        self.assertLess(found["bytes"], 5_000_000)
        self.assertLessEqual({"accuracy-0", "training-0", "gates-0", "winner-0", "decisions-0", "costs-0", "predicted-0",
                              "errors-0", "operators-1"}, set(found["figures"]))

    def test_what_cannot_be_drawn_is_said_and_the_rest_is_drawn(self):
        self.make_search("s3nas")
        for name, pattern in (("architecture.yaml", r"(?<=: )\d+"), ("steps.csv", r"(?<=,)0\.\d+")):
            file = self.dir / "s3nas" / name
            file.write_text(re.sub(pattern, "text", file.read_text()))
        self.make_simulation()
        run_yaml = self.dir / "run/run.yaml"
        run_yaml.write_text(re.sub("wall_seconds: .*", "wall_seconds: [1]", run_yaml.read_text()))
        (self.dir / "run/summary.json").write_text('{"total_cycles": "many", "latency_ms": {}, "network": [1]}')
        # A sweep of more points than a chart can have.
        self.expect_ok("simulate", "--sweep", "--hw", "machine.yaml", "--net", "tiny.yaml", "--out", "sweep", "-q")
        table = self.dir / "sweep/sweep.csv"
        head, names, point = table.read_text().splitlines()
        table.write_text("\n".join([head, names, *[point] * 10_001]) + "\n")
        figures = self.look("damaged", "s3nas", "run", "sweep")["figures"]
        self.assertEqual((figures["winner-0"], figures["sweep-2"]), ("warning", "warning"))
        self.assertGreater(figures["cycles-1"], 0)
        self.assertGreater(figures["training-0"], 0)

    def test_exploration_is_drawn(self):
        self.expect_ok("explore", "--hw", "machine.yaml", "--net", "tiny.yaml", "--vary",
                       "dram.num_channels=1,2,4", "core.num_cims=8,12,16", "--out", "explore", "-q")
        figures = self.look("explored", "explore")["figures"]
        self.assertEqual(figures["exploration-0"], 6)

    def test_other_results(self):
        self.expect_ok("simulate", "--sweep", "--hw", "machine.yaml", "--net", "tiny.yaml", "--set",
                       "dram.num_channels=1,2,4", "--set", "core.num_cims=8,16", "--out", "sweep", "-q")
        self.make_simulation("a")
        self.make_simulation("b")
        self.expect_ok("calibrate", "--hw", "machine.yaml", "--networks", "60", "-q", "--holdout")
        found = self.look("others", "sweep", "model.yaml", "a", "b", self.make_comparison(), self.make_space(),
                          self.make_targets())
        self.assertLessEqual({"overview-all", "sweep-0", "predicted-1", "errors-1", "classes-1", "predicted-2", "methods-4",
                              "operators-5", "accuracy-6", "winner-7"}, set(found["figures"]))
        self.assertEqual(found["figures"]["sweep-0"], 6)
        self.assertEqual(found["figures"]["methods-4"], 2)


if __name__ == "__main__":
    unittest.main()
