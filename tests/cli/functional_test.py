#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`simulate --functional`: a trained network computed tile by tile on the shipped machines."""
import struct
import unittest

from cli_support import SOURCE
from nas_deploy_test import CLASSES, NUM_TEST, SIDE, images_of
from nas_test import HAS_NAS, NasTest, strict_json
from nas_train_test import trained_run

# Those of the kind midap have no tiles; the others left out do not compute in int8.
MACHINES = sorted(path.stem for path in (SOURCE / "hw_configs").glob("*.yaml")
                  if path.stem not in ("midap", "midap_lpddr4", "eyeriss", "pixel_3", "raspberry_pi_5"))


def npy(kind, shape, values, fortran=False):
    header = (f"{{'descr': '{kind}', 'fortran_order': {fortran}, 'shape': {shape}, }}"
              .ljust(117) + "\n").encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + values


@unittest.skipUnless(HAS_NAS, "built without the search")
class FunctionalTest(NasTest):
    def setUp(self):
        super().setUp()
        self.run_dir, _ = trained_run()
        self.lines = self.run_dir.parent / "lines"

    def put(self, name, content):
        (self.dir / name).write_bytes(content)

    def refuse(self, pattern, *arguments, code=3, hw="cpu_like"):
        self.expect_error(code, pattern, "simulate", "--functional", "--hw", hw, *arguments)

    def execute(self, *arguments, hw="edge_systolic_32", source=None):
        return strict_json(self.expect_ok(
            "simulate", "--functional", "--hw", hw, "--run", self.run_dir, "--input",
            source or self.lines, "--format", "json", "-q", *arguments))

    def test_every_machine_computes_the_integers_and_the_accuracy_of_the_run(self):
        int8 = strict_json((self.run_dir / "summary.json").read_text())["int8"]
        labels = set()
        for machine in MACHINES:
            with self.subTest(machine):
                found = self.execute(hw=machine)
                self.assertEqual(found["images"], NUM_TEST)
                self.assertEqual(found["equal_images"], NUM_TEST)
                self.assertEqual(found["accuracy"], int8["accuracy"])
                labels.add(tuple(found["labels"]))
        self.assertEqual(len(labels), 1)
        self.assertGreater(len(MACHINES), 8)

    def test_it_moves_the_bytes_that_the_trace_counts(self):
        for machine in ("edge_systolic_32", "ethos_u65", "tpu_like_128", "cpu_like", "eyeriss_like"):
            with self.subTest(machine):
                moved = self.execute("--images", "1", hw=machine)["per_image"]
                trace = strict_json(self.expect_ok(
                    "simulate", "--hw", machine, "--net", self.run_dir / "network.yaml",
                    "--format", "json", "-q"))
                weights = (trace["dram_read_weight_bytes"] + trace["dram_read_bias_bytes"]
                           + trace["chip_read_weight_bytes"])
                self.assertEqual(moved["read_weight_bytes"], weights)
                self.assertEqual(moved["read_feature_bytes"],
                                 trace["dram_read_bytes"] + trace["chip_read_bytes"] - weights)
                self.assertEqual(moved["written_bytes"],
                                 trace["dram_write_bytes"] + trace["chip_write_bytes"])
                self.assertEqual(moved["products"], trace["macs"])

    def test_small_buffers_cut_tiles_and_change_no_label(self):
        labels = self.execute()["labels"]
        steps = []
        for size in (65536, 1024, 256):
            found = self.execute("--set", *(f"core.{name}.bytes={size}"
                                            for name in ("input_buffer", "weight_buffer",
                                                         "output_buffer")))
            self.assertEqual(found["labels"], labels)
            self.assertEqual(found["equal_images"], NUM_TEST)
            steps.append(found["per_image"]["steps"])
        self.assertLess(steps[0], steps[1])
        self.assertLess(steps[1], steps[2])

    def test_images_of_every_form_get_the_same_labels(self):
        labels = self.execute()["labels"]
        pixels, _ = images_of(NUM_TEST, 2)
        self.put("four.npy", npy("|u1", (NUM_TEST, SIDE, SIDE, 1), pixels))
        self.put("three.npy", npy("|u1", (NUM_TEST, SIDE, SIDE), pixels))
        for source in ("four.npy", "three.npy", self.lines / "t10k-images-idx3-ubyte"):
            with self.subTest(source):
                found = self.execute(source=source)
                self.assertEqual(found["labels"], labels)
                self.assertNotIn("accuracy", found)
        (self.dir / "flat").mkdir()
        for i in range(3):
            image = pixels[i * SIDE * SIDE:(i + 1) * SIDE * SIDE]
            self.put(f"flat/{i}.bmp", bmp(image))
        self.assertEqual(self.execute(source="flat")["labels"], labels[:3])
        self.assertEqual(self.execute("--images", "2")["labels"], labels[:2])

    def test_a_run_is_the_same_as_its_network_with_its_model(self):
        by_files = strict_json(self.expect_ok(
            "simulate", "--functional", "--hw", "cpu_like", "--net", self.run_dir / "model.onnx",
            "--int8", self.run_dir / "deploy/model_int8.onnx", "--input", self.lines, "--format",
            "json", "-q"))
        self.assertEqual(by_files, self.execute(hw="cpu_like"))

    def test_what_it_cannot_do_is_refused(self):
        pixels = bytes(SIDE * SIDE)
        self.put("floats.npy", npy("<f4", (1, SIDE, SIDE), 4 * pixels))
        self.put("fortran.npy", npy("|u1", (1, SIDE, SIDE), pixels, fortran=True))
        self.put("colour.npy", npy("|u1", (1, SIDE, SIDE, 3), 3 * pixels))
        self.put("short.npy", npy("|u1", (2, SIDE, SIDE), pixels))
        self.put("huge.npy", npy("|u1", (10 ** 12, SIDE, SIDE), pixels))
        self.put("no.npy", b"nothing of the kind")
        for source, words in (("floats.npy", "another kind"), ("fortran.npy", "Fortran"),
                              ("colour.npy", "3 channels"), ("short.npy", "short.npy"),
                              ("huge.npy", "1 GiB"), ("no.npy", "no NumPy file")):
            with self.subTest(source):
                self.refuse(words, "--run", self.run_dir, "--input", source)
        of_run = ["--run", self.run_dir, "--input", self.lines]
        self.refuse("midap: .* kinds systolic and vector", *of_run, hw="midap")
        for machine, element in (("raspberry_pi_5", "fp32"), ("eyeriss", "int16")):
            self.refuse(f"computes in int8, and the machine in {element}", *of_run, hw=machine)
        self.refuse("computes in int8, and the machine in fp16", *of_run, "--set", "core.element=fp16",
                    hw="cpu_like")
        self.refuse("partial sum of .* 8 bits; set core.accumulator_bytes", *of_run, "--set",
                    "core.accumulator_bytes=1")
        self.refuse("one of --run and --net", *of_run, "--net", "net.yaml", code=2)
        self.refuse("finished|cannot open", "--run", "nowhere", "--input", self.lines)


def bmp(grey):
    """24 bits, rows from the bottom, each padded to four bytes."""
    rows = b"".join(b"".join(bytes([v]) * 3 for v in grey[y * SIDE:(y + 1) * SIDE]).ljust(
        (3 * SIDE + 3) // 4 * 4, b"\0") for y in reversed(range(SIDE)))
    return (b"BM" + struct.pack("<IHHI", 54 + len(rows), 0, 0, 54)
            + struct.pack("<IiiHHIIiiII", 40, SIDE, SIDE, 1, 24, 0, len(rows), 0, 0, 0, 0) + rows)


if __name__ == "__main__":
    unittest.main()
