// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "simulator/network/onnx/onnx_values.hpp"

namespace tilewake {

/// Where the images of a batch are in the values of a graph. Nodes are read for one image; this
/// finds those that act across images, which one image cannot stand for.
///
/// A value has its images in one dim, perhaps as a part of it. Where that is not so, or not known,
/// nodes are not checked.
class OnnxBatch {
 public:
  explicit OnnxBatch(std::int64_t batch) : batch_(batch) {}

  /// An input whose images are along `axis`.
  void define_input(std::string_view name, std::size_t axis) { places_[name] = Spot{axis, 1}; }
  /// Call before `node` is read. Throws InputError that says why the node acts across images.
  void follow(OnnxValues& values, const OnnxNode& node);

 private:
  /// Of the images: dim `axis` is `outer` x images x a rest.
  struct Spot {
    std::size_t axis = 0;
    std::int64_t outer = 1;
    friend bool operator==(const Spot&, const Spot&) = default;
  };
  using Place = std::optional<Spot>;  // none: not known

  bool has_images(std::string_view name) const { return places_.contains(name); }
  Place place(const OnnxNode& node, std::size_t input) const;
  Place place_after(OnnxValues& values, const OnnxNode& node);
  Place place_after_join(OnnxValues& values, const OnnxNode& node) const;
  Place place_after_product(OnnxValues& values, const OnnxNode& node) const;
  Place place_after_vector(const OnnxNode& node, std::size_t rank_a, std::size_t rank_b) const;
  Place place_after_reduction(OnnxValues& values, const OnnxNode& node, Spot at) const;
  Place place_after_reshape(OnnxValues& values, const OnnxNode& node, Spot at) const;
  static Place place_of_one(const Dims& target, std::int64_t before);
  Place place_after_pieces(OnnxValues& values, const OnnxNode& node, Spot at) const;
  Place place_after_moved_axes(OnnxValues& values, const OnnxNode& node, Spot at) const;

  std::int64_t batch_;
  std::unordered_map<std::string_view, Place> places_;       // others have no images
  std::unordered_set<std::string_view> sizes_of_one_image_;  // computed from dims of values
};

}  // namespace tilewake
