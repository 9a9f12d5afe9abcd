// SPDX-License-Identifier: Apache-2.0
#include "nas/network/normalization.hpp"

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "nas/network/nhwc.hpp"
#include "nas/network/normalization_loops.hpp"
#include "nas/network/parallel.hpp"
#include "simulator/common/error.hpp"

namespace tilewake {
namespace {

using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// Source: the released training code of S3NAS; torch's momentum is 1 - TensorFlow's.
constexpr double kBatchNormMomentum = 1.0 - 0.99;
constexpr double kBatchNormEpsilon = 1e-3;

/// Floats of a piece of the feature map: 256 KiB stay in an L2 cache while they are read twice.
constexpr std::int64_t kFloatsPerPiece = 65536;

/// Maximum number of groups of pieces: enough for as many threads, few enough that the final sum
/// costs little.
constexpr std::int64_t kMaxGroups = 32;

/// A dense NHWC feature map, split into pieces of whole pixels, and adjacent pieces into groups.
/// Both are independent of the number of threads, and sums are added in their order.
class Pieces {
 public:
  explicit Pieces(const Tensor& x)
      : channels_(x.size(1)),
        rows_(x.numel() / channels_),
        rows_per_piece_(std::max<std::int64_t>(1, kFloatsPerPiece / channels_)),
        size_((rows_ + rows_per_piece_ - 1) / rows_per_piece_) {}

  std::int64_t channels() const { return channels_; }
  std::int64_t rows() const { return rows_; }
  std::int64_t num_groups() const { return std::min(size_, kMaxGroups); }
  std::int64_t rows_of(std::int64_t piece) const {
    return std::min(rows_per_piece_, rows_ - piece * rows_per_piece_);
  }
  std::int64_t first_float(std::int64_t piece) const { return piece * rows_per_piece_ * channels_; }

  /// Calls f(group, piece); pieces of a group are processed in order.
  template <typename F>
  void for_each(const F& f) const {
    at::parallel_for(0, num_groups(), 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t group = begin; group < end; ++group) {
        const std::int64_t last = size_ * (group + 1) / num_groups();
        for (std::int64_t i = size_ * group / num_groups(); i < last; ++i) f(group, i);
      }
    });
  }

 private:
  std::int64_t channels_;
  std::int64_t rows_;
  std::int64_t rows_per_piece_;
  std::int64_t size_;
};

/// Number of floats, mean, and sum of squared deviations, per channel. Source of the merge: Chan,
/// Golub and LeVeque, 1983.
struct Moments {
  explicit Moments(std::int64_t channels)
      : mean(static_cast<std::size_t>(channels)), squares(mean.size()) {}

  template <typename T>
  void add(double rows, const T* means, const T* squared) {
    const double share = rows / (num_rows + rows);
    for (std::size_t c = 0; c < mean.size(); ++c) {
      const double distance = static_cast<double>(means[c]) - mean[c];
      mean[c] += distance * share;
      squares[c] += static_cast<double>(squared[c]) + distance * distance * share * num_rows;
    }
    num_rows += rows;
  }

  double num_rows = 0.0;
  std::vector<double> mean;
  std::vector<double> squares;
};

Moments moments(const Pieces& pieces, const Tensor& x) {
  const std::int64_t channels = pieces.channels();
  std::vector<Moments> groups(static_cast<std::size_t>(pieces.num_groups()), Moments(channels));
  pieces.for_each([&](std::int64_t group, std::int64_t i) {
    std::vector<float> of_piece(static_cast<std::size_t>(2 * channels));
    float* const squares = of_piece.data() + channels;
    normalization::measure(x.data_ptr<float>() + pieces.first_float(i), pieces.rows_of(i), channels,
                           of_piece.data(), squares);
    groups[static_cast<std::size_t>(group)].add(static_cast<double>(pieces.rows_of(i)),
                                                of_piece.data(), squares);
  });
  Moments all(channels);
  for (const Moments& group : groups)
    all.add(group.num_rows, group.mean.data(), group.squares.data());
  return all;
}

Tensor to_tensor(const std::vector<double>& values) {
  return torch::tensor(values, torch::kDouble);
}

/// Per channel, dense, single precision: z = scale (x - mean) + shift.
struct Scaling {
  Tensor mean;
  Tensor scale;
  Tensor shift;

  normalization::Map map(const Pieces& pieces, std::int64_t piece, const Tensor& x) const {
    return {x.data_ptr<float>() + pieces.first_float(piece),
            pieces.rows_of(piece),
            pieces.channels(),
            mean.data_ptr<float>(),
            scale.data_ptr<float>(),
            shift.data_ptr<float>()};
  }
};

Tensor run_forward(const Tensor& x, const Scaling& scaling, Activation activation) {
  const Pieces pieces(x);
  Tensor y = empty_nhwc(x.sizes());
  pieces.for_each([&](std::int64_t /*group*/, std::int64_t i) {
    normalization::apply(scaling.map(pieces, i, x), activation,
                         y.data_ptr<float>() + pieces.first_float(i));
  });
  return y;
}

/// Per channel, sum of g, then sum of g (x - mean): 2 x C.
Tensor gradient_sums(const Pieces& pieces, const Tensor& x, const Scaling& scaling,
                     Activation activation, const Tensor& gradient) {
  const std::int64_t channels = pieces.channels();
  const Tensor groups = torch::zeros({pieces.num_groups(), 2 * channels}, torch::kDouble);
  pieces.for_each([&](std::int64_t group, std::int64_t i) {
    std::vector<float> of_piece(static_cast<std::size_t>(2 * channels));
    normalization::sum_gradient(scaling.map(pieces, i, x), activation,
                                gradient.data_ptr<float>() + pieces.first_float(i), of_piece.data(),
                                of_piece.data() + channels);
    double* to = groups.data_ptr<double>() + group * 2 * channels;
    for (const float sum : of_piece) *to++ += static_cast<double>(sum);
  });
  return groups.sum(0).view({2, channels});
}

class NormalizeAndActivate : public torch::autograd::Function<NormalizeAndActivate> {
 public:
  /// @param x                dense NHWC
  /// @param mean, deviation  per channel of this batch, in double precision
  static Tensor forward(AutogradContext* context, const Tensor& x, const Tensor& weight,
                        const Tensor& bias, const Tensor& mean, const Tensor& deviation,
                        std::int64_t activation) {
    const Scaling scaling = {mean.to(torch::kFloat), (weight / deviation).to(torch::kFloat),
                             bias.contiguous()};
    context->save_for_backward({x, scaling.mean, scaling.scale, scaling.shift, deviation});
    context->saved_data["activation"] = activation;
    return run_forward(x, scaling, static_cast<Activation>(activation));
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    TORCH_CHECK(!torch::GradMode::is_enabled(),
                "normalize_and_activate() is differentiable once: backward() with create_graph is "
                "not supported");
    const variable_list saved = context->get_saved_variables();
    const Tensor& x = saved[0];
    const Scaling scaling = {saved[1], saved[2], saved[3]};
    const Tensor& deviation = saved[4];
    const auto activation = static_cast<Activation>(context->saved_data["activation"].toInt());
    const Tensor gradient = dense_nhwc(gradients[0]);
    const Pieces pieces(x);
    const Tensor sums = gradient_sums(pieces, x, scaling, activation, gradient);
    const Tensor bias_gradient = sums[0];
    const Tensor weight_gradient = sums[1] / deviation;

    Tensor x_gradient;
    if (context->needs_input_grad(0)) {
      x_gradient = empty_nhwc(x.sizes());
      const auto num_rows = static_cast<double>(pieces.rows());
      const Tensor of_batch = scaling.scale / num_rows;
      const Tensor offset = (of_batch * bias_gradient).to(torch::kFloat);
      const Tensor slope = (of_batch * weight_gradient / deviation).to(torch::kFloat);
      pieces.for_each([&](std::int64_t /*group*/, std::int64_t i) {
        normalization::input_gradient(scaling.map(pieces, i, x), activation,
                                      gradient.data_ptr<float>() + pieces.first_float(i),
                                      offset.data_ptr<float>(), slope.data_ptr<float>(),
                                      x_gradient.data_ptr<float>() + pieces.first_float(i));
      });
    }
    return {x_gradient, weight_gradient.to(torch::kFloat), bias_gradient.to(torch::kFloat), {}, {},
            {}};
  }
};

/// Mean and deviation of a batch, dense NHWC; updates the running statistics.
std::pair<Tensor, Tensor> measured(torch::nn::BatchNorm2d& bn, const Tensor& x) {
  const torch::NoGradGuard no_grad;
  const Pieces pieces(x);
  const Moments batch = moments(pieces, x);
  const Tensor mean = to_tensor(batch.mean);
  const Tensor squares = to_tensor(batch.squares);
  const double momentum = bn->options.momentum().value();
  bn->num_batches_tracked += 1;
  bn->running_mean.lerp_(mean.to(torch::kFloat), momentum);
  bn->running_var.lerp_((squares / (batch.num_rows - 1.0)).to(torch::kFloat), momentum);
  return {mean, (squares / batch.num_rows + bn->options.eps()).sqrt()};
}

void check_arguments(const torch::nn::BatchNorm2d& bn, const Tensor& x, const Tensor& weight,
                     const Tensor& bias) {
  TORCH_CHECK(x.dim() == 4, "normalize_and_activate(): x must be N x C x H x W, not ", x.sizes());
  for (const Tensor& t : {weight, bias, bn->running_mean, bn->running_var}) {
    TORCH_CHECK(t.dim() == 1 && t.size(0) == x.size(1), "normalize_and_activate(): x has ",
                x.size(1), " channels, batch normalisation ", t.sizes());
  }
  TORCH_CHECK(!bn->is_training() || x.numel() == 0 || x.numel() / x.size(1) > 1,
              "normalize_and_activate(): training needs more than one value per channel");
}

/// In training, always; in evaluation only without gradients, because they would differ.
bool has_own_loops(torch::nn::BatchNorm2d& bn, const Tensor& x, const Tensor& weight,
                   const Tensor& bias, Activation activation) {
  const bool is_supported = normalization::is_known(activation) && is_cpu_float(x) &&
                            is_cpu_float(weight) && is_cpu_float(bias) &&
                            is_cpu_float(bn->running_mean);
  if (!is_supported || x.numel() == 0) return false;
  if (bn->is_training()) return true;
  return !torch::GradMode::is_enabled() ||
         !(x.requires_grad() || weight.requires_grad() || bias.requires_grad());
}

}  // namespace

torch::nn::BatchNorm2d batch_norm(int channels) {
  return torch::nn::BatchNorm2d(
      torch::nn::BatchNorm2dOptions(channels).momentum(kBatchNormMomentum).eps(kBatchNormEpsilon));
}

Tensor activate(const Tensor& x, Activation activation) {
  switch (activation) {
    case Activation::kNone:
      return x;
    case Activation::kRelu:
      return torch::relu(x);
    case Activation::kRelu6:
      return torch::relu6(x);
    case Activation::kHswish:
      return torch::hardswish(x);
    case Activation::kSwish:
      return torch::silu(x);
    case Activation::kSigmoid:
      return torch::sigmoid(x);
    case Activation::kHsigmoid:
      return torch::hardsigmoid(x);
    case Activation::kLeakyRelu:
      return torch::leaky_relu(x);
    default:
      break;  // not in kTrainedActivationNames
  }
  throw InputError(
      fmt::format("activation {} is not trained; choose another one", to_string(activation)));
}

Tensor normalize_by_library(torch::nn::BatchNorm2d& bn, const Tensor& x, const Tensor& weight,
                            const Tensor& bias, Activation activation) {
  const bool is_training = bn->is_training();
  if (is_training) bn->num_batches_tracked += 1;
  Tensor y = torch::batch_norm(x, weight, bias, bn->running_mean, bn->running_var, is_training,
                               bn->options.momentum().value(), bn->options.eps(),
                               /*cudnn_enabled=*/true);
  // The gradient of batch normalisation needs its input, not its output; that of ReLU needs its
  // output.
  if (activation == Activation::kRelu) return y.relu_();
  return activate(y, activation);
}

Tensor normalize_and_activate(torch::nn::BatchNorm2d& bn, const Tensor& x, const Tensor& weight,
                              const Tensor& bias, Activation activation) {
  check_arguments(bn, x, weight, bias);
  if (!has_own_loops(bn, x, weight, bias, activation))
    return normalize_by_library(bn, x, weight, bias, activation);
  const Tensor dense = dense_nhwc(x);
  if (!bn->is_training()) {
    const Scaling scaling = {bn->running_mean,
                             weight.detach() / (bn->running_var + bn->options.eps()).sqrt(),
                             bias.detach().contiguous()};
    return run_forward(dense, scaling, activation);
  }
  const auto [mean, deviation] = measured(bn, dense);
  return NormalizeAndActivate::apply(dense, weight, bias, mean, deviation,
                                     static_cast<std::int64_t>(activation));
}

Tensor normalize_and_activate(torch::nn::BatchNorm2d& bn, const Tensor& x, Activation activation) {
  return normalize_and_activate(bn, x, bn->weight, bn->bias, activation);
}

}  // namespace tilewake
