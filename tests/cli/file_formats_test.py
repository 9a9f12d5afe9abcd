#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""TensorFlow Lite models, capitals in endings, and files of formats that are not read."""
import shutil
import unittest

from cli_support import CliTest, SOURCE

SEEDS = SOURCE / "tests" / "fuzz" / "seeds"
TFLITE = SEEDS / "tflite" / "layers.tflite"
FOREIGN = {
    "lfs": (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n", "git lfs pull"),
    "html": (b"<!DOCTYPE html>\n<html></html>\n", "HTML"),
    "torch": (b"PK\x03\x04" + bytes(26) + b"net/data.pkl", "PyTorch"),
    "pickle": (b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.", "PyTorch"),
    "keras": (b"\x89HDF\r\n\x1a\n" + bytes(64), "Keras"),
    "zip": (b"PK\x03\x04" + bytes(64), "zip"),
    "gzip": (b"\x1f\x8b\x08" + bytes(64), "gzip"),
    "saved_model": (b"\x08\x01\x12\x40" + bytes(64), "TensorFlow"),
}


class FileFormatsTest(CliTest):
    def put(self, name, data):
        (self.dir / name).write_bytes(data)

    def test_a_tflite_model_is_simulated_as_its_layers_are(self):
        shutil.copy(TFLITE, self.dir / "net.tflite")
        csv = self.expect_ok("simulate", "--hw", "machine.yaml", "--net", "net.tflite", "--format",
                             "csv", "-q")
        for out in ("plain.yaml", "again.onnx"):
            self.expect_ok("convert", "--net", "net.tflite", "--out", out, "-q")
            self.assertEqual(self.expect_ok("simulate", "--hw", "machine.yaml", "--net", out,
                                            "--format", "csv", "-q"), csv)

    def test_endings_may_be_in_capitals(self):
        shutil.copy(TFLITE, self.dir / "NET.TFLITE")
        shutil.copy(SEEDS / "onnx" / "opset17_plain.onnx", self.dir / "NET.ONNX")
        shutil.copy(self.dir / "tiny.yaml", self.dir / "NET.YAML")
        self.put("NET.CSV", b"Layer,M,N,K,\na,10,5,7,\n")
        for net in ("NET.TFLITE", "NET.ONNX", "NET.YAML", "NET.CSV"):
            self.expect_ok("simulate", "--hw", "machine.yaml", "--net", net, "-q")

    def test_files_of_other_formats_are_named_with_what_to_do(self):
        for name, (data, expected) in FOREIGN.items():
            for ending in (".onnx", ".tflite", ".yaml", ".csv", ".pt"):
                with self.subTest(name + ending):
                    self.put(name + ending, data)
                    self.expect_error(3, expected, "convert", "--net", name + ending)
            self.expect_error(3, expected, "simulate", "--hw", name + ".yaml", "--net", "tiny.yaml")

    def test_a_large_file_of_another_format_is_named_all_the_same(self):
        self.put("large.pt", b"PK\x03\x04" + bytes(26) + b"net/data.pkl" + bytes(8 << 20))
        self.expect_error(3, "PyTorch", "convert", "--net", "large.pt")

    def test_a_model_with_the_wrong_ending_is_named(self):
        shutil.copy(TFLITE, self.dir / "net.onnx")
        self.expect_error(3, r"\.tflite", "convert", "--net", "net.onnx")
        shutil.copy(SEEDS / "onnx" / "opset17_plain.onnx", self.dir / "net.yaml")
        self.expect_error(3, r"\.onnx", "convert", "--net", "net.yaml")


if __name__ == "__main__":
    unittest.main()
