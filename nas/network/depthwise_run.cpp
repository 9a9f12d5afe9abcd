// SPDX-License-Identifier: Apache-2.0
#include "nas/network/depthwise_run.hpp"

#include <algorithm>
#include <cstdint>

#include "nas/network/nhwc.hpp"
#include "nas/network/parallel.hpp"

namespace tilewake::depthwise {
namespace {

/// Sizes of one call, and pixel addresses of dense NHWC tensors.
struct Shape {
  std::int64_t images = 0;
  std::int64_t channels = 0;
  int height = 0;
  int width = 0;
  int out_height = 0;
  int out_width = 0;
  int stride = 1;

  std::int64_t in_floats() const { return channels * height * width; }  // per image
  std::int64_t out_floats() const { return channels * out_height * out_width; }
};

Shape shape_of(const torch::Tensor& input, int stride) {
  Shape s;
  s.images = input.size(0);
  s.channels = input.size(1);
  s.height = static_cast<int>(input.size(2));
  s.width = static_cast<int>(input.size(3));
  s.out_height = (s.height + stride - 1) / stride;
  s.out_width = (s.width + stride - 1) / stride;
  s.stride = stride;
  return s;
}

torch::Tensor empty_nhwc(const Shape& s, int height, int width) {
  return tilewake::empty_nhwc({s.images, s.channels, height, width});
}

/// Adjacent channels of one branch that are computed together.
struct Block {
  const Kernels* kernels = nullptr;
  int branch = 0;
  std::int64_t first_of_branch = 0;  // channel of the branch
  std::int64_t first = 0;            // the same channel, in the tensor
  int taps = 0;                      // side of the kernel
  int window = 0;                    // the same without outer rings of zeros
  std::int64_t at = 0;  // offset of its taps x taps x lanes floats in the weights of all blocks

  std::int64_t num_floats() const {
    return static_cast<std::int64_t>(taps) * taps * kernels->lanes;
  }
};

/// The blocks of a call, and their weights: the lanes of a kernel tap are adjacent.
class Blocks {
 public:
  Blocks(const KernelSet& set, torch::TensorList weights);

  std::int64_t size() const { return static_cast<std::int64_t>(blocks_.size()); }
  const Block& operator[](std::int64_t i) const { return blocks_[static_cast<std::size_t>(i)]; }
  std::int64_t num_floats() const { return num_floats_; }

  /// From dense C x k x k.
  float weight(const Block& block, int row, int column, int lane) const {
    const float* data = weights_[static_cast<std::size_t>(block.branch)].data_ptr<float>();
    return data[((block.first_of_branch + lane) * block.taps + row) * block.taps + column];
  }

 private:
  int window_of(const Block& block) const;
  bool ring_is_zero(const Block& block, int window) const;

  std::vector<Block> blocks_;
  std::vector<torch::Tensor> weights_;
  std::int64_t num_floats_ = 0;
};

Blocks::Blocks(const KernelSet& set, torch::TensorList weights) {
  std::int64_t first = 0;
  for (const torch::Tensor& weight : weights) {
    Block block;
    block.branch = static_cast<int>(weights_.size());
    block.taps = static_cast<int>(weight.size(2));
    weights_.push_back(weight.contiguous());
    const std::int64_t channels = weight.size(0);
    for (std::int64_t done = 0; done < channels; done += block.kernels->lanes) {
      block.kernels =
          &set.for_channels(static_cast<int>(std::min<std::int64_t>(channels - done, 16)));
      block.first_of_branch = done;
      block.first = first + done;
      block.window = window_of(block);
      block.at = num_floats_;
      blocks_.push_back(block);
      num_floats_ += (block.num_floats() + 15) / 16 * 16;  // whole cache lines
    }
    first += channels;
  }
}

int Blocks::window_of(const Block& block) const {
  int window = block.taps;
  while (window > 1 && ring_is_zero(block, window)) window -= 2;
  return window;
}

bool Blocks::ring_is_zero(const Block& block, int window) const {
  const int begin = (block.taps - window) / 2;
  const int last = begin + window - 1;
  for (int lane = 0; lane < block.kernels->lanes; ++lane) {
    for (int i = begin; i <= last; ++i) {
      if (weight(block, begin, i, lane) != 0.0F || weight(block, last, i, lane) != 0.0F ||
          weight(block, i, begin, lane) != 0.0F || weight(block, i, last, lane) != 0.0F) {
        return false;
      }
    }
  }
  return true;
}

torch::Tensor scratch(std::int64_t num_floats) { return torch::empty({num_floats}); }

// Forward.

/// The windows of the blocks' kernels, unchanged.
torch::Tensor forward_weights(const Blocks& blocks) {
  torch::Tensor packed = scratch(blocks.num_floats());
  for (std::int64_t b = 0; b < blocks.size(); ++b) {
    const Block& block = blocks[b];
    const int begin = (block.taps - block.window) / 2;
    float* to = packed.data_ptr<float>() + block.at;
    for (int row = begin; row < begin + block.window; ++row) {
      for (int column = begin; column < begin + block.window; ++column) {
        for (int lane = 0; lane < block.kernels->lanes; ++lane) {
          *to++ = blocks.weight(block, row, column, lane);
        }
      }
    }
  }
  return packed;
}

Packing input_packing(const Shape& s, const Block& block, int radius, const float* image,
                      float* to) {
  Packing packing;
  packing.from = image + block.first;
  packing.height = s.height;
  packing.width = s.width;
  packing.pixel_pitch = s.channels;
  packing.zeros_left = packing.zeros_right = radius;
  packing.to = to;
  return packing;
}

void forward_plane(const Shape& s, const Block& block, const float* image, const float* weights,
                   float* plane, float* out_image) {
  const int radius = block.window / 2;
  const Packing packing = input_packing(s, block, radius, image, plane);
  block.kernels->pack(packing);

  Correlation c;
  c.in = plane;
  c.in_height = s.height;
  c.in_pitch = static_cast<std::int64_t>(packing.padded_width()) * block.kernels->lanes;
  c.first_row = -radius;
  c.step = s.stride;
  c.weights = weights + block.at;
  c.tap_rows = c.tap_columns = block.window;
  c.out = out_image + block.first;
  c.out_height = s.out_height;
  c.out_width = s.out_width;
  c.out_row_pitch = s.channels * s.out_width;
  c.out_pixel_pitch = s.channels;
  block.kernels->correlate(c);
}

/// Maximum number of floats of a packed input.
std::int64_t input_plane_floats(const Shape& s, const Blocks& blocks) {
  std::int64_t most = 0;
  for (std::int64_t b = 0; b < blocks.size(); ++b) {
    const std::int64_t padded_width = s.width + blocks[b].taps - 1;
    most = std::max(most, s.height * padded_width * blocks[b].kernels->lanes);
  }
  return most;
}

// Gradient of the input. Input pixel i of a side gets gradient from outputs o with i + radius =
// stride o + tap. The pixels with the same residue of (i + radius) / stride form a phase; its
// gradient is a correlation of step 1 of the outputs' gradient with every stride-th tap, in reverse
// order.

/// One side (rows or columns) of a phase.
struct Phase {
  int residue = 0;
  int taps = 0;       // residue, residue + stride .. below the window; may be 0
  int first_out = 0;  // input pixel
  int num_out = 0;
  int first_in = 0;  // output pixel read by the first tap of the first input pixel; may be < 0
};

Phase phase_of(int residue, int window, int stride, int size) {
  const int radius = window / 2;
  Phase p;
  p.residue = residue;
  p.taps = residue < window ? (window - residue + stride - 1) / stride : 0;
  p.first_out = ((residue - radius) % stride + stride) % stride;
  p.num_out = p.first_out < size ? (size - 1 - p.first_out) / stride + 1 : 0;
  p.first_in = (p.first_out + radius) / stride - (p.taps - 1);
  return p;
}

/// How the gradient of a block is computed, for all images.
struct GradientPlan {
  std::vector<Phase> rows;
  std::vector<Phase> columns;
  int zeros_left = 0;
  int zeros_right = 0;
};

GradientPlan gradient_plan(const Shape& s, const Block& block) {
  GradientPlan plan;
  for (int residue = 0; residue < s.stride; ++residue) {
    plan.rows.push_back(phase_of(residue, block.window, s.stride, s.height));
    const Phase column = phase_of(residue, block.window, s.stride, s.width);
    plan.columns.push_back(column);
    if (column.taps == 0 || column.num_out == 0) continue;
    const int last_in = column.first_in + column.num_out - 1 + column.taps - 1;
    plan.zeros_left = std::max(plan.zeros_left, -column.first_in);
    plan.zeros_right = std::max(plan.zeros_right, last_in - (s.out_width - 1));
  }
  return plan;
}

/// Phase by phase, in the order of input_gradient().
torch::Tensor gradient_weights(const Blocks& blocks, const std::vector<GradientPlan>& plans,
                               int stride) {
  torch::Tensor packed = scratch(blocks.num_floats());
  for (std::int64_t b = 0; b < blocks.size(); ++b) {
    const Block& block = blocks[b];
    const GradientPlan& plan = plans[static_cast<std::size_t>(b)];
    const int begin = (block.taps - block.window) / 2;
    float* to = packed.data_ptr<float>() + block.at;
    for (const Phase& rows : plan.rows) {
      for (const Phase& columns : plan.columns) {
        for (int i = rows.taps - 1; i >= 0; --i) {
          for (int j = columns.taps - 1; j >= 0; --j) {
            for (int lane = 0; lane < block.kernels->lanes; ++lane) {
              *to++ = blocks.weight(block, begin + rows.residue + stride * i,
                                    begin + columns.residue + stride * j, lane);
            }
          }
        }
      }
    }
  }
  return packed;
}

/// Buffers of a thread.
struct Scratch {
  torch::Tensor input;
  torch::Tensor gradient;
};

class Backward {
 public:
  Backward(const KernelSet& set, const torch::Tensor& gradient, const torch::Tensor& input,
           torch::TensorList weights, int stride, bool of_input, bool of_weights);
  Gradients run();

 private:
  void add_images(std::int64_t chunk, std::int64_t begin_block, std::int64_t end_block,
                  const Scratch& planes);
  void add_plane(std::int64_t image, std::int64_t b, float* sums, const Scratch& planes);
  void input_gradient(const Block& block, const GradientPlan& plan, const float* gradient,
                      std::int64_t pitch, float* out_image) const;
  void weight_gradient(const Block& block, const float* input, const float* gradient,
                       std::int64_t pitch, float* sums) const;
  std::int64_t gradient_plane_floats() const;
  std::vector<torch::Tensor> weight_gradients() const;

  Shape shape_;
  Blocks blocks_;
  std::vector<GradientPlan> plans_;
  torch::Tensor gradient_;
  torch::Tensor input_;
  torch::Tensor packed_weights_;
  std::vector<torch::Tensor> like_;
  std::int64_t num_chunks_;
  torch::Tensor input_gradient_;  // undefined if not requested
  torch::Tensor sums_;            // chunks x blocks' floats; undefined if not requested
};

/// Number of partial sums over images: enough for as many threads together with the blocks, few
/// enough that the final sum costs little.
constexpr std::int64_t kMaxChunks = 16;

Backward::Backward(const KernelSet& set, const torch::Tensor& gradient, const torch::Tensor& input,
                   torch::TensorList weights, int stride, bool of_input, bool of_weights)
    : shape_(shape_of(input, stride)),
      blocks_(set, weights),
      gradient_(dense_nhwc(gradient)),
      input_(dense_nhwc(input)),
      like_(weights.vec()),
      num_chunks_(std::min(shape_.images, kMaxChunks)) {
  for (std::int64_t b = 0; b < blocks_.size(); ++b) {
    plans_.push_back(gradient_plan(shape_, blocks_[b]));
  }
  if (of_input) {
    packed_weights_ = gradient_weights(blocks_, plans_, stride);
    input_gradient_ = empty_nhwc(shape_, shape_.height, shape_.width);
  }
  if (of_weights) sums_ = torch::zeros({num_chunks_, blocks_.num_floats()});
}

std::int64_t Backward::gradient_plane_floats() const {
  std::int64_t most = 0;
  for (std::int64_t b = 0; b < blocks_.size(); ++b) {
    const GradientPlan& plan = plans_[static_cast<std::size_t>(b)];
    const std::int64_t width = plan.zeros_left + shape_.out_width + plan.zeros_right;
    most = std::max(most, shape_.out_height * width * blocks_[b].kernels->lanes);
  }
  return most;
}

void Backward::weight_gradient(const Block& block, const float* input, const float* gradient,
                               std::int64_t pitch, float* sums) const {
  WeightGradient g;
  g.in = input;
  g.in_height = shape_.height;
  g.in_pitch = static_cast<std::int64_t>(shape_.width + block.taps - 1) * block.kernels->lanes;
  g.first_row = -(block.taps / 2);
  g.step = shape_.stride;
  g.gradient = gradient;
  g.gradient_pitch = pitch;
  g.out_height = shape_.out_height;
  g.out_width = shape_.out_width;
  g.taps = block.taps;
  g.sums = sums + block.at;
  block.kernels->add_weight_gradient(g);
}

/// @param gradient  packed, at output (0, 0)
void Backward::input_gradient(const Block& block, const GradientPlan& plan, const float* gradient,
                              std::int64_t pitch, float* out_image) const {
  const std::int64_t lanes = block.kernels->lanes;
  const float* weights = packed_weights_.data_ptr<float>() + block.at;
  for (const Phase& rows : plan.rows) {
    for (const Phase& columns : plan.columns) {
      const std::int64_t num_taps = static_cast<std::int64_t>(rows.taps) * columns.taps;
      Correlation c;
      c.in = num_taps > 0 ? gradient + columns.first_in * lanes : gradient;
      c.in_height = shape_.out_height;
      c.in_pitch = pitch;
      c.first_row = rows.first_in;
      c.weights = weights;
      c.tap_rows = num_taps > 0 ? rows.taps : 0;
      c.tap_columns = columns.taps;
      c.out = out_image + block.first +
              (static_cast<std::int64_t>(rows.first_out) * shape_.width + columns.first_out) *
                  shape_.channels;
      c.out_height = rows.num_out;
      c.out_width = columns.num_out;
      c.out_row_pitch = shape_.stride * shape_.width * shape_.channels;
      c.out_pixel_pitch = shape_.stride * shape_.channels;
      block.kernels->correlate(c);
      weights += num_taps * lanes;
    }
  }
}

void Backward::add_plane(std::int64_t image, std::int64_t b, float* sums, const Scratch& planes) {
  const Block& block = blocks_[b];
  const GradientPlan& plan = plans_[static_cast<std::size_t>(b)];
  Packing packing;
  packing.from = gradient_.data_ptr<float>() + image * shape_.out_floats() + block.first;
  packing.height = shape_.out_height;
  packing.width = shape_.out_width;
  packing.pixel_pitch = shape_.channels;
  packing.zeros_left = plan.zeros_left;
  packing.zeros_right = plan.zeros_right;
  packing.to = planes.gradient.data_ptr<float>();
  block.kernels->pack(packing);
  const std::int64_t lanes = block.kernels->lanes;
  const std::int64_t pitch = packing.padded_width() * lanes;
  const float* gradient = packing.to + packing.zeros_left * lanes;

  if (input_gradient_.defined()) {
    input_gradient(block, plan, gradient, pitch,
                   input_gradient_.data_ptr<float>() + image * shape_.in_floats());
  }
  if (sums != nullptr) {
    const float* from = input_.data_ptr<float>() + image * shape_.in_floats();
    float* to = planes.input.data_ptr<float>();
    block.kernels->pack(input_packing(shape_, block, block.taps / 2, from, to));
    weight_gradient(block, to, gradient, pitch, sums);
  }
}

void Backward::add_images(std::int64_t chunk, std::int64_t begin_block, std::int64_t end_block,
                          const Scratch& planes) {
  float* sums = sums_.defined() ? sums_.data_ptr<float>() + chunk * blocks_.num_floats() : nullptr;
  const std::int64_t end = shape_.images * (chunk + 1) / num_chunks_;
  for (std::int64_t image = shape_.images * chunk / num_chunks_; image < end; ++image) {
    for (std::int64_t b = begin_block; b < end_block; ++b) add_plane(image, b, sums, planes);
  }
}

/// Sums up the chunks and restores the layout of the weights.
std::vector<torch::Tensor> Backward::weight_gradients() const {
  const torch::Tensor total = sums_.sum(0);
  std::vector<torch::Tensor> gradients;
  for (const torch::Tensor& weight : like_) {
    gradients.push_back(torch::empty(weight.sizes()));
  }
  for (std::int64_t b = 0; b < blocks_.size(); ++b) {
    const Block& block = blocks_[b];
    const int lanes = block.kernels->lanes;
    const int num_taps = block.taps * block.taps;
    const float* from = total.data_ptr<float>() + block.at;
    float* to = gradients[static_cast<std::size_t>(block.branch)].data_ptr<float>() +
                block.first_of_branch * num_taps;
    for (int tap = 0; tap < num_taps; ++tap) {
      for (int lane = 0; lane < lanes; ++lane) to[lane * num_taps + tap] = from[tap * lanes + lane];
    }
  }
  return gradients;
}

Gradients Backward::run() {
  const std::int64_t num_blocks = blocks_.size();
  const std::int64_t input_floats = sums_.defined() ? input_plane_floats(shape_, blocks_) : 0;
  const std::int64_t gradient_floats = gradient_plane_floats();
  const auto work = [&](std::int64_t begin, std::int64_t end) {
    const Scratch planes{scratch(input_floats), scratch(gradient_floats)};
    while (begin < end) {  // a task is one block of a chunk's images; blocks are innermost
      const std::int64_t chunk = begin / num_blocks;
      const std::int64_t end_block = std::min(num_blocks, end - chunk * num_blocks);
      add_images(chunk, begin - chunk * num_blocks, end_block, planes);
      begin = chunk * num_blocks + end_block;
    }
  };
  at::parallel_for(0, num_chunks_ * num_blocks, 1, work);
  Gradients gradients;
  gradients.input = input_gradient_;
  if (sums_.defined()) gradients.weights = weight_gradients();
  return gradients;
}

}  // namespace

torch::Tensor forward(const KernelSet& set, const torch::Tensor& input, torch::TensorList weights,
                      int stride) {
  const torch::Tensor dense = dense_nhwc(input);
  const Shape s = shape_of(dense, stride);
  const Blocks blocks(set, weights);
  const torch::Tensor packed_weights = forward_weights(blocks);
  torch::Tensor output = empty_nhwc(s, s.out_height, s.out_width);
  const float* in = dense.data_ptr<float>();
  const float* packed = packed_weights.data_ptr<float>();
  float* out = output.data_ptr<float>();
  const std::int64_t plane_floats = input_plane_floats(s, blocks);
  at::parallel_for(0, s.images * blocks.size(), 1, [&](std::int64_t begin, std::int64_t end) {
    const torch::Tensor plane = scratch(plane_floats);
    for (std::int64_t task = begin; task < end; ++task) {  // blocks are innermost
      const std::int64_t image = task / blocks.size();
      forward_plane(s, blocks[task % blocks.size()], in + image * s.in_floats(), packed,
                    plane.data_ptr<float>(), out + image * s.out_floats());
    }
  });
  return output;
}

Gradients backward(const KernelSet& set, const torch::Tensor& gradient, const torch::Tensor& input,
                   torch::TensorList weights, int stride, bool of_input, bool of_weights) {
  return Backward(set, gradient, input, weights, stride, of_input, of_weights).run();
}

}  // namespace tilewake::depthwise
