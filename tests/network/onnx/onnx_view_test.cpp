// SPDX-License-Identifier: Apache-2.0
#include "simulator/network/onnx/onnx_view.hpp"

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <vector>

#include <gtest/gtest.h>

#include "tests/support/random.hpp"

namespace tilewake {
namespace {

/// Where the elements of a tensor are in its map, in the order of the tensor.
std::vector<std::int64_t> positions(const OnnxView& view) {
  std::vector<std::int64_t> all = {0};
  for (const OnnxDim& dim : view) {
    for (const OnnxFactor& factor : dim) {
      std::vector<std::int64_t> next;
      for (const std::int64_t position : all) {
        for (std::int64_t i = 0; i < factor.size; ++i) next.push_back(position + i * factor.stride);
      }
      all = std::move(next);
    }
  }
  return all;
}

/// Dims of a tensor of the same elements, split and joined at random.
Dims random_dims(Random& random, std::int64_t count) {
  Dims dims;
  while (count > 1 && dims.size() < 6) {
    std::vector<std::int64_t> divisors;
    for (std::int64_t i = 1; i <= count; ++i) {
      if (count % i == 0) divisors.push_back(i);
    }
    dims.push_back(divisors[static_cast<std::size_t>(
        random.between(0, static_cast<std::int64_t>(divisors.size()) - 1))]);
    count /= dims.back();
  }
  dims.push_back(count);
  return dims;
}

TEST(OnnxView, ReshapesKeepTheOrderOfElementsAndTransposesThatOfDims) {
  Random random(1);
  int num_reshaped = 0;
  for (int i = 0; i < 2000; ++i) {
    const Shape map = {random.between(1, 12), random.between(1, 6), random.between(1, 6)};
    OnnxView view = view_of(map);
    for (int step = 0; step < 4; ++step) {
      const std::vector<std::int64_t> before = positions(view);
      const Dims dims = random_dims(random, map.num_elements());
      if (const auto next = reshaped(view, dims); next) {
        ++num_reshaped;
        EXPECT_EQ(dims_of(*next), dims);
        EXPECT_EQ(positions(*next), before);
        view = *next;
      }
      std::vector<std::size_t> order(view.size());
      std::iota(order.begin(), order.end(), std::size_t{0});
      std::reverse(order.begin(), order.end());
      const Dims turned = dims_of(permuted(view, order));
      view = permuted(view, order);
      EXPECT_TRUE(std::equal(turned.begin(), turned.end(), dims_of(view).begin()));
    }
    std::vector<std::int64_t> all = positions(view);
    std::sort(all.begin(), all.end());
    std::vector<std::int64_t> expected(all.size());
    std::iota(expected.begin(), expected.end(), 0);
    EXPECT_EQ(all, expected);  // every element once
  }
  EXPECT_GT(num_reshaped, 1000);
}

TEST(OnnxView, AReorderedMapHasTheElementsOfTheOrder) {
  Random random(2);
  for (int i = 0; i < 500; ++i) {
    const Shape map = {random.between(1, 8), random.between(1, 8), random.between(1, 8)};
    const OnnxView view = view_of(map);
    OnnxDim order = stored_order(view);
    std::reverse(order.begin(), order.end());
    const OnnxView after = reordered(view, order);
    EXPECT_EQ(dims_of(after), dims_of(view));
    // Where element e of the tensor was, the new map has what `order` lists there.
    const std::vector<std::int64_t> old_of = positions({order});
    const std::vector<std::int64_t> from = positions(view);
    const std::vector<std::int64_t> to = positions(after);
    for (std::size_t e = 0; e < from.size(); ++e) {
      EXPECT_EQ(old_of[static_cast<std::size_t>(to[e])], from[e]);
    }
  }
}

TEST(OnnxView, DimsThatAreSplitAlikeHaveTheirElementsWhereTheyWere) {
  OnnxDim a = {{12, 1}};
  OnnxDim b = {{3, 4}, {4, 12}};
  const auto from_a = positions({a});
  const auto from_b = positions({b});
  ASSERT_TRUE(split_alike(a, b));
  EXPECT_EQ(positions({a}), from_a);
  EXPECT_EQ(positions({b}), from_b);
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t i = 0; i < a.size(); ++i) EXPECT_EQ(a[i].size, b[i].size);
  OnnxDim two = {{2, 3}, {3, 1}};
  OnnxDim three = {{3, 2}, {2, 1}};
  EXPECT_FALSE(split_alike(two, three));
}

}  // namespace
}  // namespace tilewake
