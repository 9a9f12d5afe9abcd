// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <limits>
#include <map>
#include <onnx/onnx_pb.h>
#include <stdexcept>
#include <string>
#include <vector>

namespace tilewake {

/// Runs an ONNX model by plain loops, as the operators' specification (opset 13) defines them and
/// knowing nothing of the network that it was made of. Only operators that the writer uses; what is
/// not understood is thrown as std::runtime_error.
class OnnxInterpreter {
 public:
  struct Tensor {
    std::vector<std::int64_t> dims;
    std::vector<double> values;
  };

  explicit OnnxInterpreter(const std::string& bytes) {
    if (!model_.ParseFromString(bytes)) throw std::runtime_error("no model");
    for (const onnx::TensorProto& tensor : model_.graph().initializer()) {
      Tensor& value = values_[tensor.name()];
      value.dims.assign(tensor.dims().begin(), tensor.dims().end());
      value.values = tensor.data_type() == onnx::TensorProto::INT64
                         ? numbers_in<std::int64_t>(tensor.raw_data())
                         : numbers_in<float>(tensor.raw_data());
    }
  }

  Tensor run(const Tensor& image) { return run("image", image, "logits"); }

  Tensor run(const std::string& input, const Tensor& image, const std::string& output) {
    values_[input] = image;
    for (const onnx::NodeProto& node : model_.graph().node()) {
      values_[node.output(0)] = result_of(node);
    }
    return values_.at(output);
  }

 private:
  template <typename T>
  static std::vector<double> numbers_in(const std::string& raw) {
    std::vector<T> numbers(raw.size() / sizeof(T));
    std::memcpy(numbers.data(), raw.data(), numbers.size() * sizeof(T));
    return {numbers.begin(), numbers.end()};
  }

  using Unary = std::function<double(double)>;

  const Tensor& input(const onnx::NodeProto& node, int i) const {
    return values_.at(node.input(i));
  }
  static double float_of(const onnx::NodeProto& node, const std::string& name, double fallback) {
    for (const auto& attribute : node.attribute()) {
      if (attribute.name() == name) return attribute.f();
    }
    return fallback;
  }
  static std::int64_t int_of(const onnx::NodeProto& node, const std::string& name,
                             std::int64_t fallback) {
    for (const auto& attribute : node.attribute()) {
      if (attribute.name() == name) return attribute.i();
    }
    return fallback;
  }
  static std::vector<std::int64_t> ints_of(const onnx::NodeProto& node, const std::string& name,
                                           std::vector<std::int64_t> fallback) {
    for (const auto& attribute : node.attribute()) {
      if (attribute.name() == name) return {attribute.ints().begin(), attribute.ints().end()};
    }
    return fallback;
  }

  Tensor result_of(const onnx::NodeProto& node) const {
    const std::string& type = node.op_type();
    if (type == "Conv") return conv(node);
    if (type == "Gemm") return gemm(node);
    if (type == "MaxPool" || type == "AveragePool") return pool(node);
    if (type == "GlobalAveragePool") return global_average_pool(node);
    if (type == "Add") return broadcast(node, [](double a, double b) { return a + b; });
    if (type == "Mul") return broadcast(node, [](double a, double b) { return a * b; });
    if (type == "Sub") return broadcast(node, [](double a, double b) { return a - b; });
    if (type == "Div") return broadcast(node, [](double a, double b) { return a / b; });
    if (type == "Cast") return input(node, 0);  // between types that hold these values
    if (type == "Softmax" || type == "ArgMax") return of_rows(node);
    if (type == "Concat") return concat(node);
    if (type == "Flatten") return flatten(node);
    if (type == "Reshape") return reshape(node);
    if (type == "Transpose") return transpose(node);
    if (type == "Slice") return slice(node);
    Tensor result = input(node, 0);
    const Unary f = unary(node);
    for (double& x : result.values) x = f(x);
    return result;
  }

  Unary unary(const onnx::NodeProto& node) const {
    const std::string& type = node.op_type();
    if (type == "Relu") return [](double x) { return x > 0.0 ? x : 0.0; };
    if (type == "Sigmoid") return [](double x) { return 1.0 / (1.0 + std::exp(-x)); };
    if (type == "LeakyRelu") {
      const double alpha = float_of(node, "alpha", 0.01);
      return [alpha](double x) { return x < 0.0 ? alpha * x : x; };
    }
    if (type == "HardSigmoid") {
      const double alpha = float_of(node, "alpha", 0.2);
      const double beta = float_of(node, "beta", 0.5);
      return [alpha, beta](double x) { return std::max(0.0, std::min(1.0, alpha * x + beta)); };
    }
    if (type == "Clip") {
      const double min = input(node, 1).values.at(0);
      const double max = input(node, 2).values.at(0);
      return [min, max](double x) { return std::min(std::max(x, min), max); };
    }
    throw std::runtime_error("unknown operator " + type);
  }

  /// Window of a convolution or pool; the specification's names.
  struct Window {
    std::vector<std::int64_t> kernel, strides, dilations, pads;

    explicit Window(const onnx::NodeProto& node)
        : kernel(ints_of(node, "kernel_shape", {})),
          strides(ints_of(node, "strides", {1, 1})),
          dilations(ints_of(node, "dilations", {1, 1})),
          pads(ints_of(node, "pads", {0, 0, 0, 0})) {}

    std::int64_t size(std::size_t axis, std::int64_t in) const {
      return (in + pads[axis] + pads[axis + 2] - ((kernel[axis] - 1) * dilations[axis] + 1)) /
                 strides[axis] +
             1;
    }

    /// Calls f(tap, row, column) for the taps that lie on an input of these dims.
    template <typename F>
    void for_taps(const std::vector<std::int64_t>& dims, std::int64_t oh, std::int64_t ow,
                  F f) const {
      for (std::int64_t kh = 0; kh < kernel[0]; ++kh) {
        for (std::int64_t kw = 0; kw < kernel[1]; ++kw) {
          const std::int64_t row = oh * strides[0] - pads[0] + kh * dilations[0];
          const std::int64_t column = ow * strides[1] - pads[1] + kw * dilations[1];
          if (row >= 0 && row < dims[2] && column >= 0 && column < dims[3]) {
            f(kh * kernel[1] + kw, row, column);
          }
        }
      }
    }
  };

  /// A tensor of these dims; f(n, c, h, w) gives its values.
  template <typename F>
  static Tensor tensor_of(const std::vector<std::int64_t>& dims, F f) {
    Tensor t{dims, {}};
    for (std::int64_t n = 0; n < dims[0]; ++n) {
      for (std::int64_t c = 0; c < dims[1]; ++c) {
        for (std::int64_t h = 0; h < dims[2]; ++h) {
          for (std::int64_t w = 0; w < dims[3]; ++w) t.values.push_back(f(n, c, h, w));
        }
      }
    }
    return t;
  }
  static double at(const Tensor& t, std::int64_t n, std::int64_t c, std::int64_t h,
                   std::int64_t w) {
    return t.values.at(
        static_cast<std::size_t>(((n * t.dims[1] + c) * t.dims[2] + h) * t.dims[3] + w));
  }

  Tensor conv(const onnx::NodeProto& node) const {
    const Tensor& x = input(node, 0);
    const Tensor& weight = input(node, 1);
    const Window window(node);
    const std::int64_t outputs_per_group = weight.dims[0] / int_of(node, "group", 1);
    return tensor_of(
        {x.dims[0], weight.dims[0], window.size(0, x.dims[2]), window.size(1, x.dims[3])},
        [&](std::int64_t n, std::int64_t c, std::int64_t h, std::int64_t w) {
          double sum =
              node.input_size() > 2 ? input(node, 2).values.at(static_cast<std::size_t>(c)) : 0.0;
          for (std::int64_t ic = 0; ic < weight.dims[1]; ++ic) {
            const std::int64_t channel = c / outputs_per_group * weight.dims[1] + ic;
            window.for_taps(x.dims, h, w,
                            [&](std::int64_t tap, std::int64_t row, std::int64_t column) {
                              sum += at(x, n, channel, row, column) *
                                     at(weight, c, ic, tap / weight.dims[3], tap % weight.dims[3]);
                            });
          }
          return sum;
        });
  }

  Tensor gemm(const onnx::NodeProto& node) const {
    const Tensor& a = input(node, 0);
    const Tensor& b = input(node, 1);
    if (int_of(node, "transB", 0) != 1) throw std::runtime_error("Gemm that is not transposed");
    Tensor result{{a.dims[0], b.dims[0]}, {}};
    const auto depth = static_cast<std::size_t>(a.dims[1]);
    for (std::size_t n = 0; n < static_cast<std::size_t>(a.dims[0]); ++n) {
      for (std::size_t m = 0; m < static_cast<std::size_t>(b.dims[0]); ++m) {
        double sum = node.input_size() > 2 ? input(node, 2).values.at(m) : 0.0;
        for (std::size_t k = 0; k < depth; ++k) {
          sum += a.values.at(n * depth + k) * b.values.at(m * depth + k);
        }
        result.values.push_back(sum);
      }
    }
    return result;
  }

  Tensor pool(const onnx::NodeProto& node) const {
    const Tensor& x = input(node, 0);
    const Window window(node);
    const bool is_max = node.op_type() == "MaxPool";
    const bool counts_padding = int_of(node, "count_include_pad", 0) == 1;
    return tensor_of({x.dims[0], x.dims[1], window.size(0, x.dims[2]), window.size(1, x.dims[3])},
                     [&](std::int64_t n, std::int64_t c, std::int64_t h, std::int64_t w) {
                       double max = -std::numeric_limits<double>::infinity();
                       double sum = 0.0;
                       std::int64_t count = 0;
                       window.for_taps(x.dims, h, w,
                                       [&](std::int64_t, std::int64_t row, std::int64_t column) {
                                         max = std::max(max, at(x, n, c, row, column));
                                         sum += at(x, n, c, row, column);
                                         ++count;
                                       });
                       if (counts_padding) count = window.kernel[0] * window.kernel[1];
                       return is_max ? max : sum / static_cast<double>(count);
                     });
  }

  Tensor global_average_pool(const onnx::NodeProto& node) const {
    const Tensor& x = input(node, 0);
    const std::int64_t size = x.dims[2] * x.dims[3];
    return tensor_of({x.dims[0], x.dims[1], 1, 1},
                     [&](std::int64_t n, std::int64_t c, std::int64_t, std::int64_t) {
                       double sum = 0.0;
                       for (std::int64_t i = 0; i < size; ++i) {
                         sum += at(x, n, c, i / x.dims[3], i % x.dims[3]);
                       }
                       return sum / static_cast<double>(size);
                     });
  }

  template <typename F>
  Tensor broadcast(const onnx::NodeProto& node, F f) const {
    const Tensor& a = input(node, 0);
    Tensor b = input(node, 1);
    if (b.dims.empty()) b.dims.assign(a.dims.size(), 1);
    if (a.dims == b.dims) {  // of any number of dimensions
      Tensor result = a;
      for (std::size_t i = 0; i < a.values.size(); ++i) {
        result.values[i] = f(a.values[i], b.values.at(i));
      }
      return result;
    }
    std::vector<std::int64_t> dims;
    for (std::size_t i = 0; i < 4; ++i) dims.push_back(std::max(a.dims.at(i), b.dims.at(i)));
    const auto operand = [](const Tensor& t, const std::vector<std::int64_t>& place) {
      std::vector<std::int64_t> p = place;
      for (std::size_t i = 0; i < 4; ++i) p[i] = t.dims[i] == 1 ? 0 : p[i];
      return at(t, p[0], p[1], p[2], p[3]);
    };
    return tensor_of(dims, [&](std::int64_t n, std::int64_t c, std::int64_t h, std::int64_t w) {
      return f(operand(a, {n, c, h, w}), operand(b, {n, c, h, w}));
    });
  }

  /// Softmax or ArgMax of each row of a matrix.
  Tensor of_rows(const onnx::NodeProto& node) const {
    const Tensor& x = input(node, 0);
    if (x.dims.size() != 2 || int_of(node, "axis", -1) != 1)
      throw std::runtime_error("not over the rows of a matrix");
    const bool is_softmax = node.op_type() == "Softmax";
    if (!is_softmax && int_of(node, "keepdims", 1) != 0) throw std::runtime_error("keeps dims");
    Tensor result{is_softmax ? x.dims : std::vector<std::int64_t>{x.dims[0]}, {}};
    for (auto row = x.values.begin(); row != x.values.end(); row += x.dims[1]) {
      const auto best = std::max_element(row, row + x.dims[1]);
      if (!is_softmax) {
        result.values.push_back(static_cast<double>(best - row));
        continue;
      }
      double sum = 0.0;
      for (auto value = row; value != row + x.dims[1]; ++value) sum += std::exp(*value - *best);
      for (auto value = row; value != row + x.dims[1]; ++value)
        result.values.push_back(std::exp(*value - *best) / sum);
    }
    return result;
  }

  Tensor concat(const onnx::NodeProto& node) const {
    if (int_of(node, "axis", -1) != 1) throw std::runtime_error("Concat along another axis");
    std::vector<std::int64_t> dims = input(node, 0).dims;
    dims[1] = 0;
    for (int i = 0; i < node.input_size(); ++i) dims[1] += input(node, i).dims[1];
    return tensor_of(dims, [&](std::int64_t n, std::int64_t c, std::int64_t h, std::int64_t w) {
      int i = 0;
      for (; c >= input(node, i).dims[1]; ++i) c -= input(node, i).dims[1];
      return at(input(node, i), n, c, h, w);
    });
  }

  /// Dimensions are given, or, where they are 0, kept.
  Tensor reshape(const onnx::NodeProto& node) const {
    const Tensor& x = input(node, 0);
    Tensor result{{}, x.values};
    const std::vector<double>& dims = input(node, 1).values;
    for (std::size_t i = 0; i < dims.size(); ++i)
      result.dims.push_back(dims[i] == 0.0 ? x.dims.at(i) : static_cast<std::int64_t>(dims[i]));
    return result;
  }

  Tensor transpose(const onnx::NodeProto& node) const {
    const Tensor& x = input(node, 0);
    const std::vector<std::int64_t> perm = ints_of(node, "perm", {});
    Tensor result;
    for (const std::int64_t axis : perm)
      result.dims.push_back(x.dims.at(static_cast<std::size_t>(axis)));
    std::vector<std::int64_t> place(perm.size(), 0);  // in the result
    for (std::size_t i = 0; i < x.values.size(); ++i) {
      std::vector<std::int64_t> from(perm.size());
      for (std::size_t k = 0; k < perm.size(); ++k)
        from[static_cast<std::size_t>(perm[k])] = place[k];
      std::int64_t at = 0;
      for (std::size_t k = 0; k < perm.size(); ++k) at = at * x.dims[k] + from[k];
      result.values.push_back(x.values.at(static_cast<std::size_t>(at)));
      for (std::size_t k = perm.size(); k-- > 0 && ++place[k] == result.dims[k];) place[k] = 0;
    }
    return result;
  }

  Tensor slice(const onnx::NodeProto& node) const {
    if (input(node, 3).values != std::vector<double>{1.0})
      throw std::runtime_error("Slice of other axes than channels");
    const Tensor& x = input(node, 0);
    const auto begin = static_cast<std::int64_t>(input(node, 1).values.at(0));
    const auto end = static_cast<std::int64_t>(input(node, 2).values.at(0));
    return tensor_of({x.dims[0], end - begin, x.dims[2], x.dims[3]},
                     [&](std::int64_t n, std::int64_t c, std::int64_t h, std::int64_t w) {
                       return at(x, n, begin + c, h, w);
                     });
  }

  Tensor flatten(const onnx::NodeProto& node) const {
    if (int_of(node, "axis", 1) != 1) throw std::runtime_error("Flatten at another axis");
    Tensor result = input(node, 0);
    const std::int64_t images = result.dims[0];
    result.dims = {images, static_cast<std::int64_t>(result.values.size()) / images};
    return result;
  }

  onnx::ModelProto model_;
  std::map<std::string, Tensor> values_;
};

}  // namespace tilewake
