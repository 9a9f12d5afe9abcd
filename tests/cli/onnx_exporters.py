# SPDX-License-Identifier: Apache-2.0
"""Writes networks as ONNX with other people's programs; onnx_exporters_test.py runs it.

usage: onnx_exporters.py packages
       onnx_exporters.py torch NETWORK.yaml OUT.onnx OPSET {folded|separate}
       onnx_exporters.py torchvision MODEL SIZE OUT.onnx OPSET
       onnx_exporters.py onnx MODEL.onnx OUT.onnx OPSET
       onnx_exporters.py models {hand|torchvision} DIRECTORY
           writes all models of onnx_models.py, and models.json: MACs and elements of outputs

NETWORK.yaml has plain layers only, as `tilewake convert` writes them.
"""
import importlib.util
import json
import sys
import warnings


def build(text):
    """A torch module of a network file: every convolution with a bias is batch-normalised."""
    import torch
    import torch.nn.functional as F
    import yaml
    from torch import nn

    activations = {"none": nn.Identity, "relu": nn.ReLU, "relu6": nn.ReLU6, "swish": nn.SiLU,
                   "hswish": nn.Hardswish, "sigmoid": nn.Sigmoid, "hsigmoid": nn.Hardsigmoid,
                   "leaky_relu": nn.LeakyReLU}

    class Window(nn.Module):
        """A layer with a window; what Conv2d cannot say of the padding is put around before."""

        def __init__(self, entry, in_channels):
            super().__init__()
            kernel = entry["kernel"] if isinstance(entry["kernel"], list) else [entry["kernel"]] * 2
            stride = entry["stride"]
            top, left, bottom, right = entry["padding"]
            # Rows that no window reaches may be there or not.
            is_even = 0 <= top - bottom < stride and 0 <= left - right < stride
            self.zeros = (0, 0, 0, 0) if is_even else (left, right, top, bottom)
            padding = (top, left) if is_even else 0
            dilation = entry.get("dilation", 1)
            op = entry["op"]
            if op == "max_pool":
                self.layer = nn.MaxPool2d(kernel, stride, padding, dilation)
            elif op == "avg_pool":
                self.layer = nn.AvgPool2d(kernel, stride, padding)
            else:
                out_channels = entry.get("out_channels", in_channels)
                groups = in_channels if op == "depthwise_conv2d" else entry.get("groups", 1)
                bias = entry.get("bias", True)
                self.layer = nn.Sequential(
                    nn.Conv2d(in_channels, out_channels, kernel, stride, padding, dilation, groups,
                              bias=False),
                    *([nn.BatchNorm2d(out_channels)] if bias else []))

        def forward(self, x):
            return self.layer(F.pad(x, self.zeros) if any(self.zeros) else x)

    class Layers(nn.Module):
        def __init__(self, network):
            super().__init__()
            self.entries = network["layers"]
            self.nodes = nn.ModuleList()
            size = network["input"]
            shapes = {"input": torch.zeros(1, size["channels"], size["height"], size["width"])}
            for entry in self.entries:
                x = shapes[entry["inputs"][0]]
                op = entry["op"]
                if op == "fully_connected":
                    node = nn.Linear(x[0].numel(), entry["out_channels"], entry.get("bias", True))
                elif op == "global_avg_pool":
                    node = nn.AdaptiveAvgPool2d(1)
                elif op in ("add", "mul", "concat", "channel_split", "channel_shuffle"):
                    node = nn.Identity()
                else:
                    node = Window(entry, x.shape[1])
                self.nodes.append(nn.Sequential(node, activations[entry.get("activation", "none")]()))
                self.nodes[-1].eval()
                with torch.no_grad():
                    shapes[entry["name"]] = self.run(entry, self.nodes[-1], shapes)

        @staticmethod
        def run(entry, node, values):
            inputs = [values[name] for name in entry["inputs"]]
            if entry["op"] == "add":
                return node(inputs[0] + inputs[1])
            if entry["op"] == "mul":
                return node(inputs[0] * inputs[1])
            if entry["op"] == "concat":
                return node(torch.cat(inputs, 1))
            if entry["op"] == "channel_split":
                first = entry.get("first_channel", 0)
                return node(inputs[0][:, first:first + entry["out_channels"]])
            if entry["op"] == "channel_shuffle":
                n, channels, height, width = map(int, inputs[0].shape)
                groups = entry["groups"]
                grouped = inputs[0].view(n, groups, channels // groups, height, width)
                return node(grouped.transpose(1, 2).reshape(n, channels, height, width))
            if entry["op"] == "fully_connected":
                return node(torch.flatten(inputs[0], 1))
            return node(inputs[0])

        def forward(self, x):
            values = {"input": x}
            for entry, node in zip(self.entries, self.nodes):
                values[entry["name"]] = self.run(entry, node, values)
            return values[self.entries[-1]["name"]]

    network = yaml.safe_load(text)
    size = network["input"]
    return Layers(network), (1, size["channels"], size["height"], size["width"])


def export(model, size, path, opset, separate=False):
    import torch
    model.eval()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        # PRESERVE leaves the batch normalisation of a model in its eval() as nodes.
        mode = torch.onnx.TrainingMode.PRESERVE if separate else torch.onnx.TrainingMode.EVAL
        torch.onnx.export(model, torch.zeros(size), path, opset_version=opset, training=mode,
                          do_constant_folding=not separate, input_names=["image"],
                          dynamic_axes={"image": {0: "batch"}})


def rewrite(path, out, opset):
    """Through python3-onnx: checked, shapes inferred, another opset, weights in Constant nodes."""
    import onnx
    from onnx import helper, shape_inference, version_converter
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    model = shape_inference.infer_shapes(version_converter.convert_version(model, opset))
    constants = [helper.make_node("Constant", [], [tensor.name], value=tensor)
                 for tensor in model.graph.initializer]
    nodes = list(model.graph.node)
    del model.graph.node[:], model.graph.initializer[:]
    model.graph.node.extend(constants + nodes)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, out)


def export_models(source, directory):
    """Opsets in turn; LayerNormalization is one node from 17 on, InstanceNormalization in all."""
    import torch
    import onnx_models
    models = onnx_models.MODELS if source == "hand" else onnx_models.torchvision_models()
    expected = {}
    for i, (name, make) in enumerate(models.items()):
        torch.manual_seed(i)
        model, inputs = make()
        model.eval()
        macs, outputs = onnx_models.count(model, inputs)
        opset = (17, 11, 14)[i % 3]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.onnx.export(model, inputs, f"{directory}/{name}.onnx", opset_version=opset)
        expected[name] = {"macs": macs, "outputs": outputs, "opset": opset}
    with open(f"{directory}/models.json", "w", encoding="ascii") as file:
        json.dump(expected, file)


def main():
    task, arguments = sys.argv[1], sys.argv[2:]
    if task == "packages":
        names = ("torch", "torchvision", "onnx", "yaml")
        print(*(name for name in names if importlib.util.find_spec(name)))
    elif task == "torch":
        model, size = build(open(arguments[0], encoding="ascii").read())
        export(model, size, arguments[1], int(arguments[2]), arguments[3] == "separate")
    elif task == "torchvision":
        import torchvision
        options = {"init_weights": False} if arguments[0] == "inception_v3" else {}
        model = getattr(torchvision.models, arguments[0])(weights=None, **options)
        export(model, (1, 3, int(arguments[1]), int(arguments[1])), arguments[2], int(arguments[3]))
    elif task == "models":
        export_models(*arguments)
    elif task == "onnx":
        rewrite(arguments[0], arguments[1], int(arguments[2]))


if __name__ == "__main__":
    main()
