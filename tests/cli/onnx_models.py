# SPDX-License-Identifier: Apache-2.0
"""Small models of many families, written with PyTorch; onnx_exporters.py exports them.

MODELS maps a name to a function that returns a module and its inputs. `count` runs a module and
counts the MACs of its convolutions and matrix products, independently of any export.
"""
import math

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode


class MacCounter(TorchDispatchMode):
    """MACs of all convolutions and matrix products that PyTorch runs."""

    def __init__(self):
        super().__init__()
        self.macs = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        name = func.overloadpacket.__name__
        if name == "convolution":
            positions = args[0].numel() if args[6] else result.numel()  # transposed: of the input
            self.macs += positions * args[1][0].numel()
        elif name in ("addmm", "baddbmm"):
            self.macs += args[1].numel() * args[2].shape[-1]
        elif name in ("mm", "bmm"):
            self.macs += args[0].numel() * args[1].shape[-1]
        return result


def flattened(outputs):
    if isinstance(outputs, torch.Tensor):
        return [outputs]
    return [tensor for output in outputs for tensor in flattened(output)]


def count(model, inputs):
    """MACs, and the number of elements of each output."""
    counter = MacCounter()
    with counter:
        outputs = model(*inputs)
    return counter.macs, [tensor.numel() for tensor in flattened(outputs)]


def image(size, channels=3):
    return (torch.zeros(1, channels, size, size),)


def tokens(length):
    return torch.zeros(1, length, dtype=torch.long)


def conv_norm(inputs, outputs, kernel=3, stride=1, activation=nn.ReLU, **options):
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False, **options),
        nn.BatchNorm2d(outputs), activation())


class Residual(nn.Module):
    def __init__(self, *layers):
        super().__init__()
        self.layers = nn.Sequential(*layers)

    def forward(self, x):
        return x + self.layers(x)


class Classifier(nn.Module):
    """Layers, the mean over all pixels, a linear layer."""

    def __init__(self, channels, *layers):
        super().__init__()
        self.layers = nn.Sequential(*layers)
        self.head = nn.Linear(channels, 10)

    def forward(self, x):
        return self.head(self.layers(x).mean([2, 3]))


class UNet(nn.Module):
    def __init__(self, make_up, width=8):
        super().__init__()
        widths = [width, 2 * width, 4 * width]

        def double(inputs, outputs):
            return nn.Sequential(conv_norm(inputs, outputs), conv_norm(outputs, outputs))

        self.down = nn.ModuleList(double(i, o) for i, o in zip([3] + widths, widths))
        self.up = nn.ModuleList(make_up(2 * w, w) for w in reversed(widths[:-1]))
        self.merge = nn.ModuleList(double(2 * w, w) for w in reversed(widths[:-1]))
        self.head = nn.Conv2d(width, 2, 1)

    def forward(self, x):
        features = []
        for i, down in enumerate(self.down):
            x = down(F.max_pool2d(x, 2) if i else x)
            features.append(x)
        for up, merge, skip in zip(self.up, self.merge, reversed(features[:-1])):
            x = up(x)
            rows, columns = skip.shape[2] - x.shape[2], skip.shape[3] - x.shape[3]
            x = F.pad(x, [columns // 2, columns - columns // 2, rows // 2, rows - rows // 2])
            x = merge(torch.cat([skip, x], 1))
        return self.head(x)


class Yolo(nn.Module):
    """Split blocks, a pyramid of pools, a neck that goes up, decoded boxes of bins."""

    def __init__(self, size, classes=4, bins=8):
        super().__init__()

        def conv(inputs, outputs, kernel=1, stride=1):
            return conv_norm(inputs, outputs, kernel, stride, nn.SiLU)

        self.bins = bins
        self.stem, self.reduce = conv(3, 16, 3, 2), conv(16, 16)
        self.block, self.join = Residual(conv(8, 8, 3), conv(8, 8, 3)), conv(24, 16)
        self.down, self.squeeze, self.expand = conv(16, 32, 3, 2), conv(32, 16), conv(64, 32)
        self.up = nn.Upsample(scale_factor=2, mode="nearest")
        self.merge = conv(48, 16)
        self.boxes = nn.ModuleList([nn.Conv2d(c, 4 * bins, 1) for c in (16, 32)])
        self.classes = nn.ModuleList([nn.Conv2d(c, classes, 1) for c in (16, 32)])
        self.distance = nn.Conv2d(bins, 1, 1, bias=False)
        with torch.no_grad():
            maps = self.features(torch.zeros(1, 3, size, size))
        pixels = [output.shape[2:].numel() for output in maps]
        self.register_buffer("anchors", torch.zeros(1, 2, sum(pixels)))

    def features(self, x):
        x = self.stem(x)
        left, right = self.reduce(x).chunk(2, 1)
        high = self.join(torch.cat([left, right, self.block(right)], 1))
        pools = [self.squeeze(self.down(high))]
        for _ in range(3):
            pools.append(F.max_pool2d(pools[-1], 5, 1, 2))
        low = self.expand(torch.cat(pools, 1))
        return self.merge(torch.cat([self.up(low), high], 1)), low

    def forward(self, x):
        features = self.features(x)
        boxes = torch.cat([head(f).flatten(2) for head, f in zip(self.boxes, features)], 2)
        classes = torch.cat([head(f).flatten(2) for head, f in zip(self.classes, features)], 2)
        bins = boxes.view(1, 4, self.bins, -1).transpose(1, 2).softmax(1)
        near, far = self.distance(bins).view(1, 4, -1).chunk(2, 1)
        return torch.cat([self.anchors - near, self.anchors + far, classes.sigmoid()], 1)


class Attention(nn.Module):
    def __init__(self, size, heads):
        super().__init__()
        self.heads = heads
        self.qkv, self.project = nn.Linear(size, 3 * size), nn.Linear(size, size)

    def forward(self, x, mask=None):
        batch, length, size = x.shape
        parts = self.qkv(x).reshape(batch, length, 3, self.heads, size // self.heads)
        q, k, v = parts.permute(2, 0, 3, 1, 4).unbind(0)
        scores = q @ k.transpose(-2, -1) / math.sqrt(size // self.heads)
        if mask is not None:
            scores = scores + mask
        x = (scores.softmax(-1) @ v).transpose(1, 2).reshape(batch, length, size)
        return self.project(x)


def transformer_block(size, heads):
    perceptron = [nn.Linear(size, 4 * size), nn.GELU(), nn.Linear(4 * size, size)]
    return nn.Sequential(Residual(nn.LayerNorm(size), Attention(size, heads)),
                         Residual(nn.LayerNorm(size), *perceptron))


class VisionTransformer(nn.Module):
    def __init__(self, image_size=48, patch=16, size=24, heads=3):
        super().__init__()
        self.patches = nn.Conv2d(3, size, patch, patch)
        self.token = nn.Parameter(torch.zeros(1, 1, size))
        self.positions = nn.Parameter(torch.zeros(1, (image_size // patch) ** 2 + 1, size))
        self.blocks = nn.Sequential(transformer_block(size, heads), transformer_block(size, heads))
        self.norm, self.head = nn.LayerNorm(size), nn.Linear(size, 10)

    def forward(self, x):
        x = self.patches(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(x.shape[0], -1, -1), x], 1) + self.positions
        return self.head(self.norm(self.blocks(x))[:, 0])


class TextEncoder(nn.Module):
    """Numbers of tokens and a mask; post-norm blocks and a pooled state, as in BERT."""

    def __init__(self, size=32, heads=2, words=100, length=20):
        super().__init__()
        self.words, self.positions = nn.Embedding(words, size), nn.Embedding(length, size)
        self.attention = Attention(size, heads)
        self.norms = nn.ModuleList(nn.LayerNorm(size) for _ in range(3))
        self.up, self.down = nn.Linear(size, 64), nn.Linear(64, size)
        self.pool = nn.Linear(size, size)

    def forward(self, ids, mask):
        mask = (1.0 - mask[:, None, None, :].to(torch.float32)) * -10000.0
        x = self.norms[0](self.words(ids) + self.positions(torch.arange(ids.shape[1])[None]))
        x = self.norms[1](x + self.attention(x, mask))
        x = self.norms[2](x + self.down(F.gelu(self.up(x))))
        return x, torch.tanh(self.pool(x[:, 0]))


class Mixer(nn.Module):
    """Perceptrons over tokens and over channels in turn."""

    def __init__(self, size=16, length=9):
        super().__init__()
        self.patches = nn.Conv2d(3, size, 16, 16)
        self.norms = nn.ModuleList(nn.LayerNorm(size) for _ in range(2))
        self.over_tokens = nn.Sequential(nn.Linear(length, 12), nn.GELU(), nn.Linear(12, length))
        self.over_channels = nn.Sequential(nn.Linear(size, 32), nn.GELU(), nn.Linear(32, size))
        self.head = nn.Linear(size, 10)

    def forward(self, x):
        x = self.patches(x).flatten(2).transpose(1, 2)
        x = x + self.over_tokens(self.norms[0](x).transpose(1, 2)).transpose(1, 2)
        x = x + self.over_channels(self.norms[1](x))
        return self.head(x.mean(1))


class SpeechNet(nn.Module):
    """Samples to classes by one-dimensional convolutions, some dilated and causal."""

    def __init__(self):
        super().__init__()
        self.front = nn.Sequential(nn.Conv1d(1, 16, 80, 16), nn.BatchNorm1d(16), nn.ReLU(),
                                   nn.MaxPool1d(4))
        self.causal = nn.ModuleList(nn.Conv1d(16, 16, 3, padding=2 * d, dilation=d)
                                    for d in (1, 2))
        self.head = nn.Linear(16, 5)

    def forward(self, x):
        x = self.front(x)
        for layer in self.causal:
            x = x + F.relu(layer(x)[:, :, :-layer.padding[0]])
        return F.log_softmax(self.head(x.mean(2)), 1)


class Separator(nn.Module):
    """Encoder, masks, decoder of one dimension, as in Conv-TasNet."""

    def __init__(self, size=16):
        super().__init__()
        self.size = size
        self.encode = nn.Conv1d(1, size, 16, 8, bias=False)
        self.mask = nn.Sequential(nn.GroupNorm(1, size), nn.Conv1d(size, 24, 1), nn.PReLU(),
                                  nn.Conv1d(24, 24, 3, padding=1, groups=24), nn.PReLU(),
                                  nn.Conv1d(24, 2 * size, 1), nn.Sigmoid())
        self.decode = nn.ConvTranspose1d(size, 1, 16, 8, bias=False)

    def forward(self, x):
        x = F.relu(self.encode(x))
        first, second = self.mask(x).chunk(2, 1)
        return self.decode(x * first), self.decode(x * second)


class Conformer(nn.Module):
    """Strided convolutions over a spectrogram, then attention and a gated convolution."""

    def __init__(self, size=16):
        super().__init__()
        self.front = nn.Sequential(nn.Conv2d(1, size, 3, 2), nn.ReLU(),
                                   nn.Conv2d(size, size, 3, 2), nn.ReLU())
        self.linear = nn.Linear(size * 4, size)
        self.attention = Residual(nn.LayerNorm(size), Attention(size, 2))
        self.norm, self.gates = nn.LayerNorm(size), nn.Conv1d(size, 2 * size, 1)
        self.depthwise = nn.Conv1d(size, size, 7, padding=3, groups=size)
        self.batch_norm, self.head = nn.BatchNorm1d(size), nn.Linear(size, 8)

    def forward(self, x):
        x = self.front(x)
        batch, channels, length, bands = x.shape
        x = self.linear(x.transpose(1, 2).reshape(batch, length, channels * bands))
        x = self.attention(x)
        y = F.glu(self.gates(self.norm(x).transpose(1, 2)), 1)
        x = x + F.silu(self.batch_norm(self.depthwise(y))).transpose(1, 2)
        return self.head(x)


class StyleTransfer(nn.Module):
    def __init__(self):
        super().__init__()

        def conv(inputs, outputs, kernel, stride=1):
            return [nn.ReflectionPad2d(kernel // 2), nn.Conv2d(inputs, outputs, kernel, stride),
                    nn.InstanceNorm2d(outputs, affine=True), nn.ReLU()]

        self.layers = nn.Sequential(
            *conv(3, 8, 9), *conv(8, 16, 3, 2), Residual(*conv(16, 16, 3)),
            nn.Upsample(scale_factor=2), *conv(16, 8, 3), nn.ReflectionPad2d(4), nn.Conv2d(8, 3, 9))

    def forward(self, x):
        return self.layers(x)


class ChannelAttention(nn.Module):
    """A one-dimensional convolution over channels (ECA), then CBAM's of pixels."""

    def __init__(self):
        super().__init__()
        self.channels = nn.Conv1d(1, 1, 3, padding=1, bias=False)
        self.pixels = nn.Conv2d(2, 1, 7, padding=3)

    def forward(self, x):
        y = self.channels(F.adaptive_avg_pool2d(x, 1).squeeze(-1).transpose(-1, -2))
        x = x * torch.sigmoid(y.transpose(-1, -2).unsqueeze(-1))
        y = torch.cat([x.mean(1, keepdim=True), x.max(1, keepdim=True)[0]], 1)
        return x * torch.sigmoid(self.pixels(y))


class SelectiveKernels(nn.Module):
    def __init__(self, size=16):
        super().__init__()
        self.branches = nn.ModuleList(
            nn.Conv2d(size, size, 3, padding=d, dilation=d, groups=4) for d in (1, 2))
        self.squeeze = nn.Conv2d(size, 8, 1)
        self.gates = nn.ModuleList(nn.Conv2d(8, size, 1) for _ in range(2))

    def forward(self, x):
        maps = [branch(x) for branch in self.branches]
        squeezed = F.relu(self.squeeze(F.adaptive_avg_pool2d(maps[0] + maps[1], 1)))
        weights = torch.stack([gate(squeezed) for gate in self.gates], 1).softmax(1)
        return (torch.stack(maps, 1) * weights).sum(1)


class LayerNorm2d(nn.Module):
    """Written by hand, as in many restoration networks."""

    def __init__(self, size):
        super().__init__()
        self.factor, self.shift = nn.Parameter(torch.ones(size)), nn.Parameter(torch.zeros(size))

    def forward(self, x):
        mean = x.mean(1, keepdim=True)
        variance = (x - mean).pow(2).mean(1, keepdim=True)
        x = (x - mean) / (variance + 1e-6).sqrt()
        return self.factor.view(1, -1, 1, 1) * x + self.shift.view(1, -1, 1, 1)


class SimpleGate(nn.Module):
    def forward(self, x):
        first, second = x.chunk(2, 1)
        return first * second


class Reader(nn.Module):
    """Text of an image: strides of rows only, a class for each column."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(conv_norm(1, 16), nn.MaxPool2d(2), conv_norm(16, 32),
                                    nn.MaxPool2d((2, 2), (2, 1), (0, 1)), nn.Conv2d(32, 32, 4),
                                    nn.ReLU())
        self.head = nn.Linear(32, 11)

    def forward(self, x):
        return F.log_softmax(self.head(self.layers(x).squeeze(2).permute(2, 0, 1)), 2)


class Siamese(nn.Module):
    def __init__(self):
        super().__init__()
        self.branch, self.head = Classifier(8, conv_norm(3, 8, 3, 2)), nn.Linear(10, 1)

    def forward(self, first, second):
        return torch.sigmoid(self.head(torch.abs(self.branch(first) - self.branch(second))))


class Correlation(nn.Module):
    """All pixels of one map times all of another, as in optical flow."""

    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(3, 16, 7, 2, 3), nn.InstanceNorm2d(16), nn.ReLU(),
                                      nn.Conv2d(16, 16, 3, 2, 1))

    def forward(self, first, second):
        first, second = self.features(first), self.features(second)
        batch, channels, height, width = first.shape
        first, second = first.flatten(2).transpose(1, 2), second.flatten(2)
        return (first @ second / math.sqrt(channels)).view(batch, height * width, height, width)


class ResizedPositions(nn.Module):
    """Positions that are learned for one grid and resized to that of the image."""

    def __init__(self, size=24, heads=3):
        super().__init__()
        self.patches = nn.Conv2d(3, size, 8, 8)
        self.positions = nn.Parameter(torch.zeros(1, size, 4, 4))
        self.blocks, self.head = transformer_block(size, heads), nn.Linear(size, 10)

    def forward(self, x):
        x = self.patches(x)
        x = x + F.interpolate(self.positions, size=x.shape[2:], mode="bicubic", align_corners=False)
        return self.head(self.blocks(x.flatten(2).transpose(1, 2)).mean(1))


class TimeFirst(nn.Module):
    """Steps before the batch, as nn.TransformerEncoder reads them by default."""

    def __init__(self, size=24):
        super().__init__()
        layer = nn.TransformerEncoderLayer(size, 3, 48, 0.0)
        self.layers, self.head = nn.TransformerEncoder(layer, 2), nn.Linear(size, 5)

    def forward(self, x):
        return self.head(self.layers(x))


class RelativeBias(nn.Module):
    """A bias for each distance of tokens, in buckets of logarithmic width, as in T5."""

    def __init__(self, size=24, heads=3, words=50):
        super().__init__()
        self.heads = heads
        self.words, self.bias = nn.Embedding(words, size), nn.Embedding(32, heads)
        self.qkv, self.project = nn.Linear(size, 3 * size, bias=False), nn.Linear(size, size)

    def forward(self, ids):
        x = self.words(ids)
        batch, length, size = x.shape
        places = torch.arange(length)
        distance = places[None] - places[:, None]
        buckets = (distance > 0).long() * 16
        distance = distance.abs()
        far = 8 + (torch.log(distance.float() / 8) / math.log(16) * 8).long()
        buckets = buckets + torch.where(distance < 8, distance, far.clamp(max=15))
        bias = self.bias(buckets).permute(2, 0, 1)[None]
        q, k, v = (part.view(batch, length, self.heads, -1).transpose(1, 2)
                   for part in self.qkv(x).chunk(3, 2))
        x = (q @ k.transpose(2, 3) + bias).softmax(-1) @ v
        return self.project(x.transpose(1, 2).reshape(batch, length, size))


class Denoiser(nn.Module):
    """The number of a step, one integer, becomes a vector that shifts a map."""

    def __init__(self, size=16):
        super().__init__()
        self.size = size
        self.step = nn.Sequential(nn.Linear(size, 32), nn.SiLU(), nn.Linear(32, size))
        self.front, self.norm = nn.Conv2d(3, size, 3, padding=1), nn.GroupNorm(4, size)
        self.body, self.back = nn.Conv2d(size, size, 3, padding=1), nn.Conv2d(size, 3, 3, padding=1)

    def forward(self, x, step):
        half = self.size // 2
        angle = step[:, None].float() * torch.exp(-torch.arange(half) * math.log(10000) / half)
        vector = self.step(torch.cat([angle.cos(), angle.sin()], 1))
        x = self.front(x)
        return self.back(x + self.body(F.silu(self.norm(x)) + vector[:, :, None, None]))


class TwoViews(nn.Module):
    """Two branches of the same weights and norms; no convolution takes these in."""

    def __init__(self, size=8):
        super().__init__()
        self.near, self.norm = nn.Conv2d(3, size, 3, 2, 1), nn.LayerNorm(size)
        self.head = nn.Linear(size, 4)

    def view(self, x):
        return self.head(self.norm(F.relu(self.near(x)).mean((2, 3))))

    def forward(self, first, second):
        return (self.view(first) - self.view(second)).abs()


def bilinear_up(inputs, outputs):
    return nn.Sequential(nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True),
                         nn.Conv2d(inputs, outputs, 1))


def super_resolution():
    return nn.Sequential(nn.Conv2d(1, 16, 5, padding=2), nn.Tanh(), nn.Conv2d(16, 16, 3, padding=1),
                         nn.PReLU(16), nn.Conv2d(16, 9, 3, padding=1), nn.PixelShuffle(3))


def generator():
    layers = []
    for inputs, outputs, stride, padding in ((20, 32, 1, 0), (32, 16, 2, 1), (16, 8, 2, 1)):
        layers += [nn.ConvTranspose2d(inputs, outputs, 4, stride, padding, bias=False),
                   nn.BatchNorm2d(outputs), nn.ReLU()]
    return nn.Sequential(*layers, nn.ConvTranspose2d(8, 3, 3, 2, 1, 1), nn.Tanh())


def restoration():
    body = [LayerNorm2d(8), nn.Conv2d(8, 16, 1), nn.Conv2d(16, 16, 3, padding=1, groups=16),
            SimpleGate(), nn.Conv2d(8, 8, 1)]
    return Residual(nn.Conv2d(3, 8, 3, padding=1), Residual(*body), nn.Conv2d(8, 3, 3, padding=1))


def torchvision_models():
    import torchvision.models as models
    from torchvision.models.convnext import CNBlockConfig, ConvNeXt
    lraspp = models.segmentation.lraspp_mobilenet_v3_large

    class Segmentation(nn.Module):
        def __init__(self):
            super().__init__()
            self.model = lraspp(weights=None, weights_backbone=None)

        def forward(self, x):
            return self.model(x)["out"]

    return {
        "tv_lraspp": lambda: (Segmentation(), image(96)),
        "tv_vit": lambda: (models.VisionTransformer(32, 8, 2, 2, 32, 64), image(32)),
        "tv_swin": lambda: (models.SwinTransformer([4, 4], 24, [2, 2], [2, 4], [4, 4]), image(64)),
        "tv_convnext": lambda: (ConvNeXt([CNBlockConfig(24, 48, 2), CNBlockConfig(48, None, 1)]),
                                image(32)),
    }


MODELS = {
    "unet_transposed": lambda: (UNet(lambda i, o: nn.ConvTranspose2d(i, o, 2, 2)), image(32)),
    "unet_bilinear": lambda: (UNet(bilinear_up), image(34)),
    "yolo": lambda: (Yolo(32), image(32)),
    "vision_transformer": lambda: (VisionTransformer(), image(48)),
    "text_encoder": lambda: (TextEncoder(), (tokens(20), tokens(20))),
    "mixer": lambda: (Mixer(), image(48)),
    "speech": lambda: (SpeechNet(), (torch.zeros(1, 1, 2000),)),
    "separator": lambda: (Separator(), (torch.zeros(1, 1, 200),)),
    "conformer": lambda: (Conformer(), (torch.zeros(1, 1, 40, 19),)),
    "style_transfer": lambda: (StyleTransfer(), image(32)),
    "super_resolution": lambda: (super_resolution(), image(16, 1)),
    "generator": lambda: (generator(), (torch.zeros(1, 20, 1, 1),)),
    "restoration": lambda: (restoration(), image(16)),
    "channel_attention": lambda: (Classifier(16, conv_norm(3, 16), ChannelAttention()), image(32)),
    "selective_kernels": lambda: (Classifier(16, conv_norm(3, 16), SelectiveKernels()), image(32)),
    "group_norm": lambda: (Classifier(16, nn.Conv2d(3, 16, 3), Residual(
        nn.GroupNorm(4, 16), nn.SiLU(), nn.Conv2d(16, 16, 3, padding=1))), image(16)),
    "reader": lambda: (Reader(), (torch.zeros(1, 1, 16, 40),)),
    "siamese": lambda: (Siamese(), image(16) + image(16)),
    "correlation": lambda: (Correlation(), image(32) + image(32)),
    "resized_positions": lambda: (ResizedPositions(), image(48)),
    "time_first": lambda: (TimeFirst(), (torch.zeros(20, 1, 24),)),
    "relative_bias": lambda: (RelativeBias(), (tokens(12),)),
    "denoiser": lambda: (Denoiser(), image(8) + (torch.ones(1, dtype=torch.long),)),
    "two_views": lambda: (TwoViews(), image(16) + image(16)),
}
