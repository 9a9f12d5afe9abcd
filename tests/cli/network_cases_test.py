#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Networks of kinds that people bring (tests/reference/cases): MACs, sizes, and equal costs."""
import json
import struct
import unittest

from cli_support import CliTest, SOURCE

CASES = SOURCE / "tests" / "reference" / "cases"
CONV = 32 * 32 * 16 * 27  # the convolution with which most models begin


# --- A writer of ONNX models, for those that are too large to be kept.

def varint(value):
    encoded = bytearray()
    while value > 127:
        encoded.append(value & 127 | 128)
        value >>= 7
    return bytes(encoded) + bytes([value])


def field(number, value):
    """A field of a message: an integer, or a message, string or raw bytes."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    value = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(value)) + value


def attribute(name, value):
    if isinstance(value, int):
        return field(5, field(1, name) + field(3, value) + field(20, 2))
    return field(5, field(1, name) + b"".join(field(8, i) for i in value) + field(20, 7))


def node(op, inputs, output, *attributes):
    return field(1, b"".join(field(1, i) for i in inputs) + field(2, output) + field(3, output) +
                 field(4, op) + b"".join(attributes))


def weights(name, *dims):
    """Zeros."""
    count = 1
    for dim in dims:
        count *= dim
    return field(5, b"".join(field(1, dim) for dim in dims) + field(2, 1) + field(8, name) +
                 field(9, struct.pack(f"<{count}f", *[0.0] * count)))


def model(dims, *parts, output="y", opset=13):
    shape = b"".join(field(1, field(1, dim)) for dim in dims)
    graph_input = field(11, field(1, "x") + field(2, field(1, field(1, 1) + field(2, shape))))
    graph = b"".join(parts) + field(2, "g") + graph_input + field(12, field(1, output))
    return field(1, 7) + field(7, graph) + field(8, field(1, "") + field(2, opset))


def dense_block(is_chain):
    """Seven convolutions; each reads all earlier maps, joined anew or one more at a time."""
    same = attribute("pads", [1, 1, 1, 1])
    parts = [node("Conv", ["x", "w0"], "f0", same), weights("w0", 32, 3, 3, 3)]
    joined, channels = "f0", 32
    for i in range(1, 7):
        parts += [node("Conv", [joined, f"w{i}"], f"f{i}", same),
                  weights(f"w{i}", 16, channels, 3, 3)]
        before = [joined] if is_chain else [f"f{j}" for j in range(i)]
        parts.append(node("Concat", [*before, f"f{i}"], f"c{i}", attribute("axis", 1)))
        joined, channels = f"c{i}", channels + 16
    parts += [node("Conv", [joined, "wy"], "y"), weights("wy", 32, channels, 1, 1)]
    return model([1, 3, 56, 56], *parts)


class NetworkCasesTest(CliTest):
    def run_json(self, net, *arguments):
        return json.loads(self.expect_ok("simulate", "--hw", SOURCE / "hw_configs" /
                                         "edge_systolic_32.yaml", "--net", net, "--format", "json",
                                         "-q", *arguments))

    def case(self, name, *arguments):
        return self.run_json(CASES / name, *arguments)

    def expect_macs(self, name, macs, output=None, *arguments):
        with self.subTest(name):
            run = self.case(name, *arguments)
            self.assertEqual(run["macs"], macs)
            if output is not None:
                last = run["layers"][-1]
                self.assertEqual((last["oc"], last["oh"], last["ow"]), output)
            return run

    def expect_op(self, name, op):
        with self.subTest(name):
            self.assertIn(op, [layer["op"] for layer in self.case(name)["layers"]])

    def write_bytes(self, name, data):
        (self.dir / name).write_bytes(data)
        return name

    # --- Equal networks cost the same.

    def test_the_opset_changes_nothing_where_the_nodes_are_the_same(self):
        runs = [self.case(f"opset{opset}_plain.onnx") for opset in (17, 18)]
        self.assertEqual([run["macs"] for run in runs], 2 * [442_528])
        self.assertEqual(*(run["total_cycles"] for run in runs))

    def test_rows_and_columns_of_a_product_are_alike(self):
        rows = {row["layer"]: row for row in self.case("row_vs_column.csv")["layers"]}
        self.assertEqual({row["macs"] for row in rows.values()}, {5000 * 2048 * 700})
        cycles = [row["total_cycles"] for row in rows.values()]
        self.assertGreaterEqual(min(cycles), 5000 * 2048 * 700 / 1024)
        self.assertLess(max(cycles), 1.1 * min(cycles))

    def test_a_dense_block_costs_the_same_however_its_maps_are_joined(self):
        runs = [self.run_json(self.write_bytes(f"{is_chain}.onnx", dense_block(is_chain)))
                for is_chain in (False, True)]
        self.assertEqual(*(run["macs"] for run in runs))
        self.assertEqual(*(run["total_cycles"] for run in runs))
        for key in ("dram_read_bytes", "dram_write_bytes"):
            self.assertEqual(*(run[key] for run in runs))

    def test_a_product_costs_the_same_from_onnx_and_from_a_topology(self):
        product = model([197, 384], node("Gemm", ["x", "w"], "y"), weights("w", 384, 1536))
        runs = [self.run_json(self.write_bytes("product.onnx", product)),
                self.case("gemm_rows_mnk.csv")]
        self.assertEqual([run["macs"] for run in runs], 2 * [197 * 384 * 1536])
        self.assertEqual(*(run["total_cycles"] for run in runs))

    def test_a_product_written_as_a_convolution_is_the_product(self):
        for conv, product, k in (("csv_gemm_as_conv", "csv_gemm_as_conv_mnk", 2560),
                                 ("csv_gemm_as_conv_1000", "csv_gemm_mnk_1000", 1000)):
            with self.subTest(conv):
                runs = [self.case(f"{name}.csv") for name in (conv, product)]
                self.assertEqual([run["macs"] for run in runs], 2 * [128 * 1024 * k])
                self.assertEqual(*(run["total_cycles"] for run in runs))

    def test_slopes_of_channels_cost_what_one_slope_costs(self):
        runs = [self.case(f"{name}.onnx") for name in ("prelu", "leakyrelu_same_as_prelu")]
        self.assertEqual([run["macs"] for run in runs], 2 * [573_440])
        self.assertEqual(*(round(run["latency_ms"], 3) for run in runs))

    # --- MACs and sizes.

    def test_macs_and_outputs_are_those_of_the_shapes(self):
        up = CONV + 64 * 64 * 16 * 8
        self.expect_macs("stride_2_1.onnx", 16 * 32 * 16 * 27, (16, 16, 32))
        self.expect_macs("convtranspose.onnx", CONV + 32 * 32 * 16 * 8 * 4, (8, 64, 64))
        self.expect_macs("resize2x.onnx", up, (8, 64, 64))
        self.expect_macs("clip01.onnx", CONV)
        self.expect_macs("tanh_end.onnx", CONV)
        self.expect_macs("nhwc_output.onnx", 388_800)
        self.expect_macs("ssd_head.onnx", CONV + 32 * 32 * 24 * 144)
        self.expect_macs("focus_slice.onnx", 14 * 30 * 8 * 54)
        self.expect_macs("matmul_attention.onnx", 16 * 16 * 192 + 2 * 16 * 16 * 16)
        self.expect_macs("pad_reflect.onnx", CONV, (16, 32, 32))
        self.expect_macs("qlinearadd.onnx", CONV + 32 * 32 * 16 * 144, (16, 32, 32))
        self.expect_macs("noparams.onnx", CONV, (16, 32, 32))

    def test_batches_multiply_macs(self):
        self.expect_macs("batch4.onnx", 4 * CONV)
        self.expect_macs("freebatch.onnx", CONV)
        run = self.expect_macs("freebatch.onnx", 8 * CONV, None, "--input-shape", "8,3,32,32")
        self.assertEqual(run["batch"], 8)

    def test_shared_weights_count_once(self):
        self.assertEqual(self.case("shared_weights.onnx")["params"], 16 * 27 + 16 * 144)

    def test_several_inputs_are_read(self):
        run = self.expect_macs("two_inputs.onnx", 2 * CONV, (16, 32, 32))
        self.assertIn("input", [layer["op"] for layer in run["layers"]])

    def test_operators_are_layers(self):
        for name, op in (("lrn", "lrn"), ("instnorm", "group_norm"), ("pad_reflect", "pad"),
                         ("qlinearadd", "add"), ("matmul_attention", "matmul"),
                         ("matmul_attention", "softmax")):
            self.expect_op(f"{name}.onnx", op)

    # --- Topologies.

    def test_the_header_says_which_column_is_which(self):
        for name in ("gemm_header_mkn.csv", "gemm_header_mnk.csv", "gemm_nocomma.csv"):
            run = self.expect_macs(name, 64 * 1024 * 16)
            self.assertEqual(run["dram_read_bytes"], 64 * 1024 + 1024 * 16)
            self.assertEqual(run["dram_write_bytes"], 64 * 16)
        self.assertEqual(self.case("gemm_batch.csv")["macs"], 8 * 64 * 1024 * 16)
        self.assertEqual(self.case("mnk222.csv")["macs"], 8 + 64)

    def test_lines_that_are_no_layers_are_passed_over(self):
        layer = 54 * 54 * 32 * 9 * 16
        for name in ("comment", "section", "trailcomment", "name_comma"):
            self.expect_macs(f"csv_{name}.csv", layer)
        both = layer + 26 * 26 * 32 * 9 * 32
        for name in ("clean", "blankcommas"):
            self.expect_macs(f"csv_{name}.csv", both)

    def test_columns_behind_the_strides_are_read_by_their_names(self):
        strided = 28 * 28 * 32 * 9 * 16  # SCALE-Sim rounds the number of windows up
        self.expect_macs("csv_batch1_col.csv", strided)
        self.expect_macs("csv_batch1_stride2.csv", strided)
        self.expect_macs("csv_stride21.csv", 28 * 54 * 32 * 9 * 16)
        run = self.expect_macs("csv_batch4_stride1.csv", 4 * 54 * 54 * 32 * 9 * 16)
        self.assertEqual(run["batch"], 4)
        self.expect_macs("gemm_sparsity11.csv", 64 * 1024 * 16)
        self.expect_macs("csv_alex1.csv", 55 * 55 * 96 * 121 * 3)

    def test_what_is_not_modelled_is_named(self):
        for name, keyword in (("csv_sparsity24.csv", "2:4"), ("csv_float.csv", "integer")):
            with self.subTest(name):
                self.expect_error(3, keyword, "simulate", "--hw", "machine.yaml", "--net",
                                  CASES / name)

    # --- Files that are something else.

    def test_other_files_are_named(self):
        for name, keyword in (("lfs_pointer.onnx", "git lfs pull"), ("model.tflite", "TensorFlow Lite")):
            with self.subTest(name):
                self.expect_error(3, keyword, "convert", "--net", CASES / name)

    # --- Cutting and skipping.

    def test_a_model_is_read_up_to_a_node(self):
        for node_name in ("conv_a", "a"):
            run = self.case("lrn.onnx", "--until", node_name)
            self.assertEqual([layer["layer"] for layer in run["layers"]], ["conv_a"])
            self.assertEqual(run["macs"], CONV)
        run = self.case("shared_weights.onnx", "--from", "conv_b", "--until", "conv_b",
                        "--input-shape", "a=1,16,8,8")
        self.assertEqual(run["macs"], 8 * 8 * 16 * 144)
        self.expect_error(3, "did you mean 'conv_a'", "convert", "--net", CASES / "lrn.onnx",
                          "--until", "conv_z")

    def test_what_cannot_be_read_is_left_to_the_host_and_listed(self):
        unknown = model([1, 3, 32, 32], node("Conv", ["x", "w"], "a"), weights("w", 8, 3, 3, 3),
                        node("Frobnicate", ["a"], "f"), node("Relu", ["f"], "y"))
        net = self.write_bytes("unknown.onnx", unknown)
        self.expect_error(3, r"'f' \(Frobnicate\).*--skip-unsupported.*--until a", "simulate",
                          "--hw", "machine.yaml", "--net", net)
        run = self.run_json(net, "--skip-unsupported")
        self.assertIn("host", [layer["op"] for layer in run["layers"]])
        self.assertEqual(run["macs"], 30 * 30 * 8 * 27)
        self.assertEqual([w for w in run["warnings"] if "'f'" in w], run["warnings"])
        result = self.run_tilewake("convert", "--net", net, "--skip-unsupported")
        self.assertEqual(result.returncode, 0)
        self.assertIn("'f' (Frobnicate)", result.stderr)


if __name__ == "__main__":
    unittest.main()
