# SPDX-License-Identifier: Apache-2.0
"""Networks: CNNs from YAML (networks/README.md), ONNX, SCALE-Sim topologies, or PyTorch."""
import inspect
import io

from . import _sources, _tilewake
from ._tilewake import Network

__all__ = ["Network", "from_torch", "read"]


def read(source, *, input_shape=None, batch=None, input_shapes=None, until=None, from_=None,
         skip_unsupported=False):
    """Reads a network.

    source: one of
      - a shipped name ("resnet50") or a path, a str or os.PathLike, whose ending is the format:
        .yaml, .onnx, .tflite, .csv (a topology of SCALE-Sim); names are found as those of machines
      - YAML text: a str with a newline, or that begins with "{"
      - a dict with the structure of such a file
      - bytes: an ONNX or TensorFlow Lite model
      - a Network
    input_shape: of an ONNX or TensorFlow Lite model that leaves sizes free:
      (images, channels, height, width)
    batch: images of one inference, in place of the network's own number
    input_shapes: the same of several inputs, a dict of names and sizes
    until: of such a model, the name of a node or value, or several: what they give is the output
    from_: names of nodes: the feature maps that they read are inputs
    skip_unsupported: leave nodes that cannot be read to the host, with a warning

    Raises InputError "file:line: key: what", IoError if a file cannot be read.
    """
    network = _read(source, _sources.model_options(input_shape, input_shapes, until, from_,
                                                   skip_unsupported))
    if batch is None:
        return network
    return _tilewake.with_batch(network, _sources.integer("batch", batch, 1, 1 << 16))


def _read(source, options):
    if isinstance(source, Network):
        if not options.is_default:
            raise _tilewake.UsageError("input_shape, input_shapes, until, from_, skip_unsupported: "
                                       "the network is read already")
        return source
    if isinstance(source, dict):
        return _tilewake.read_network_text(_sources.text_of_dict(source, "dict"), "<dict>", options)
    if isinstance(source, (bytes, bytearray, memoryview)):
        model = bytes(source)
        name = "<bytes>.tflite" if model[4:8] == b"TFL3" else "<bytes>.onnx"
        return _tilewake.read_network_text(model, name, options)
    if _sources.is_text(source):
        return _tilewake.read_network_text(source, "<text>", options)
    return _tilewake.read_network(_sources.path_bytes(source), options)


def from_torch(module, input_shape):
    """Reads a torch.nn.Module, which torch.onnx exports to memory.

    input_shape: (images, channels, height, width) of its only input

    Raises ImportError without PyTorch, InputError if the model has an operator that Tilewake does
    not read, and what torch.onnx.export raises.
    """
    try:
        import torch
    except ImportError as error:
        raise ImportError("tilewake.networks.from_torch needs PyTorch (import torch failed: "
                          f"{error})") from error
    shape = _sources.shape(input_shape)
    parameter = next(module.parameters(), None)
    device = parameter.device if parameter is not None else None
    model = io.BytesIO()
    # The newest opset that the exporter of TorchScript writes in all its versions.
    options = {"opset_version": 17}
    if "dynamo" in inspect.signature(torch.onnx.export).parameters:
        options["dynamo"] = False
    torch.onnx.export(module, (torch.zeros(*shape, device=device),), model, **options)
    return _tilewake.read_network_text(model.getvalue(), f"{type(module).__name__}.onnx",
                                       _tilewake.ModelOptions())
