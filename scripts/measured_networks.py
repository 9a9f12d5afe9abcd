#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes published latency measurements as networks and a table for `tilewake fit`.

usage: scripts/measured_networks.py FILE.csv COLUMN --out DIR [--networks DIR] [--rows N]
                                    [--seed S] [--rest]

FILE.csv is one of these tables; lines that begin with # are comments:
  idx,arch,..._HxWxC_ms     NAS-Bench-201 cells; COLUMN names the device and the input shape
  idx,ops,..._ms            FBNet blocks, a list of 22 operator numbers
  device,network,ms,...     networks by name; COLUMN is a device, --networks holds their files
  layer,processing_latency_ms_batchN,...   convolutions of AlexNet; COLUMN names the latencies

Writes DIR/table.csv (network,latency_ms) and a file per network. With --rows, N rows drawn with
the seed; with --rest the others instead.
"""
import argparse
import csv
import pathlib
import random
import re
import sys

FBNET_OPS = ["k3_e1", "k3_e1_g2", "k3_e3", "k3_e6", "k5_e1", "k5_e1_g2", "k5_e3", "k5_e6", "skip"]
FBNET_STAGES = [(1, 16, 1), (4, 24, 1), (4, 32, 2), (4, 64, 2), (4, 112, 1), (4, 184, 2), (1, 352, 1)]
# Krizhevsky et al., NIPS 2012: input channels of all groups, size, weights, kernel, stride, padding, groups.
ALEXNET = {"conv1": (3, 227, 96, 11, 4, 0, 1), "conv2": (96, 27, 256, 5, 1, 2, 2),
           "conv3": (256, 13, 384, 3, 1, 1, 1), "conv4": (384, 13, 384, 3, 1, 1, 2),
           "conv5": (384, 13, 256, 3, 1, 1, 2)}


class NetworkText:
    """The YAML text of a network, layer by layer. An input is a layer's name, or `input`."""

    def __init__(self, name, height, width, channels):
        self.lines = ["# SPDX-License-Identifier: Apache-2.0", f"name: {name}",
                      f"input: {{channels: {channels}, height: {height}, width: {width}}}", "layers:"]
        self.block = None

    def layer(self, name, op, inputs, **keys):
        keys = {"name": name, "op": op, **({"block": self.block} if self.block else {}),
                "inputs": f"[{', '.join(inputs)}]", **keys}
        self.lines.append("  - {" + ", ".join(f"{k}: {v}" for k, v in keys.items()) + "}")
        return name

    def conv(self, name, source, channels, kernel, stride=1, **keys):
        return self.layer(name, "conv2d", [source], out_channels=channels, kernel=kernel,
                          stride=stride, **keys)

    def sum(self, name, sources):
        """Adds all sources. A network cannot add a map to itself: that is a pool of one tap."""
        total, rest = sources[0], sorted(sources[1:], key=lambda s: s == sources[0])
        for i, source in enumerate(rest):
            step = f"{name}.add{i}"
            if source == total:
                total = self.layer(step, "max_pool", [source], kernel=1)
            else:
                total = self.layer(step, "add", [total, source])
        return total

    def text(self):
        return "\n".join(self.lines) + "\n"


def cell_edges(arch):
    """(operator, from, to) of the edges on a path from the input to the output of the cell."""
    edges = []
    for node, group in enumerate(arch.strip("|").split("|+|"), start=1):
        for edge in group.split("|"):
            op, source = edge.split("~")
            if op != "none":
                edges.append((op, int(source), node))
    reached = {0}
    for node in (1, 2, 3):
        if any(to == node and source in reached for _, source, to in edges):
            reached.add(node)
    used = {3}
    for node in (2, 1, 0):
        if any(source == node and to in used for _, source, to in edges):
            used.add(node)
    return [e for e in edges if e[1] in reached and e[2] in used]


def nb201_network(name, arch, height, width, channels):
    edges = cell_edges(arch)
    if not edges:
        return None  # no path from input to output
    net = NetworkText(name, height, width, channels)

    def cell(block, source, width_of):
        net.block = block
        nodes = {0: source}
        for node in (1, 2, 3):
            terms = []
            for op, origin, to in edges:
                if to != node:
                    continue
                layer = f"{block}.e{origin}{to}"
                if op == "skip_connect":
                    terms.append(nodes[origin])
                elif op == "avg_pool_3x3":
                    terms.append(net.layer(layer, "avg_pool", [nodes[origin]], kernel=3))
                else:
                    kernel = {"nor_conv_3x3": 3, "nor_conv_1x1": 1}[op]
                    terms.append(net.conv(layer, nodes[origin], width_of, kernel))
            if terms:
                nodes[node] = net.sum(f"{block}.n{node}", terms)
        return nodes[3]

    last = net.conv("stem", "input", 16, 3)
    for stage, width_of in enumerate((16, 32, 64)):
        if stage > 0:
            net.block = f"reduce{stage}"
            main = net.conv(f"reduce{stage}.a", last, width_of, 3, stride=2)
            main = net.conv(f"reduce{stage}.b", main, width_of, 3)
            side = net.layer(f"reduce{stage}.pool", "avg_pool", [last], kernel=2, stride=2)
            side = net.conv(f"reduce{stage}.side", side, width_of, 1)
            last = net.sum(f"reduce{stage}", [main, side])
        for i in range(5):
            last = cell(f"s{stage}c{i}", last, width_of)
    net.block = None
    net.layer("pool", "global_avg_pool", [last])
    net.layer("classifier", "fully_connected", ["pool"], out_channels=10)
    return net.text()


def fbnet_network(name, ops, height, width, channels):
    net = NetworkText(name, height, width, channels)
    last, c_in, index = net.conv("stem", "input", 16, 3, activation="relu"), 16, 0
    for stage, (count, c_out, first_stride) in enumerate(FBNET_STAGES):
        for i in range(count):
            stride = first_stride if i == 0 else 1
            block = net.block = f"s{stage}b{i}"
            op = FBNET_OPS[int(ops[index])]
            index += 1
            if op == "skip":
                if stride != 1 or c_in != c_out:
                    last = net.conv(block, last, c_out, 1, stride=stride, activation="relu")
            else:
                kernel, ratio = (int(n) for n in re.match(r"k(\d)_e(\d)", op).groups())
                groups = {"groups": 2} if op.endswith("_g2") else {}
                inner = net.conv(f"{block}.expand", last, ratio * c_in, 1, activation="relu", **groups)
                if groups:
                    inner = net.layer(f"{block}.shuffle", "channel_shuffle", [inner], groups=2)
                inner = net.layer(f"{block}.depthwise", "depthwise_conv2d", [inner], kernel=kernel,
                                  stride=stride, activation="relu")
                inner = net.conv(f"{block}.project", inner, c_out, 1, **groups)
                last = net.sum(block, [inner, last]) if stride == 1 and c_in == c_out else inner
            c_in = c_out
    net.block = None
    net.conv("head", last, 1504, 1, activation="relu")
    net.layer("pool", "global_avg_pool", ["head"])
    net.layer("classifier", "fully_connected", ["pool"], out_channels=100)
    return net.text()


def alexnet_layer(layer):
    c_in, size, c_out, kernel, stride, padding, groups = ALEXNET[layer]
    net = NetworkText(f"alexnet_{layer}", size, size, c_in)
    net.conv(layer, "input", c_out, kernel, stride=stride, groups=groups,
             padding=f"[{', '.join([str(padding)] * 4)}]", activation="relu")
    return net.text()


def read(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(line for line in file if not line.startswith("#")))


def networks_of(rows, column, directory):
    """(name of the network, its YAML text or None, latency in ms, batch) of each row."""
    if "device" in rows[0]:
        for row in rows:
            if row["device"] != column:
                continue
            file = pathlib.Path(directory or ".") / f"{row['network']}.yaml"
            yield row["network"], file.read_text() if file.exists() else None, row["ms"], 1
        return
    if column not in rows[0]:
        sys.exit(f"no column {column}; there are {', '.join(rows[0])}")
    shape = re.search(r"_(\d+)x(\d+)x(\d+)_", column)
    height, width, channels = (int(n) for n in shape.groups()) if shape else (32, 32, 3)
    for row in rows:
        if not row[column]:
            continue
        if "layer" in row:
            batch = int(re.search(r"batch(\d+)", column).group(1))
            yield f"alexnet_{row['layer']}", alexnet_layer(row["layer"]), row[column], batch
        elif "arch" in row:
            name = f"nb201_{row['idx']}_{height}x{width}x{channels}"
            text = nb201_network(name, row["arch"], height, width, channels)
            if text is None:
                print(f"{name}: no path from input to output; left out", file=sys.stderr)
                continue
            yield name, text, row[column], 1
        else:
            name = f"fbnet_{row['idx']}"
            yield name, fbnet_network(name, row["ops"].split(), height, width, channels), row[column], 1


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file")
    parser.add_argument("column")
    parser.add_argument("--out", required=True)
    parser.add_argument("--networks")
    parser.add_argument("--rows", type=int)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rest", action="store_true")
    options = parser.parse_args()
    rows = list(networks_of(read(options.file), options.column, options.networks))
    if not rows:
        sys.exit(f"{options.file}: no rows of {options.column}")
    if options.rows is not None:
        drawn = set(random.Random(options.seed).sample(range(len(rows)), options.rows))
        rows = [row for i, row in enumerate(rows) if (i in drawn) != options.rest]
    out = pathlib.Path(options.out)
    out.mkdir(parents=True, exist_ok=True)
    has_batch = any(batch != 1 for *_, batch in rows)
    lines = [f"# {pathlib.Path(options.file).name}, {options.column}",
             "network,latency_ms" + (",batch" if has_batch else "")]
    for name, text, latency, batch in rows:
        if text is not None:
            (out / f"{name}.yaml").write_text(text)
            name = f"{name}.yaml"
        lines.append(f"{name},{latency}" + (f",{batch}" if has_batch else ""))
    (out / "table.csv").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
