// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "tests/support/random.hpp"
#include "tests/support/tflite_file.hpp"

namespace tilewake {
namespace {

using Code = TfliteFile::Code;
using Type = TfliteFile::Type;
using Fused = tfl::FusedActivation;

/// How many mutants; $TILEWAKE_FUZZ_RUNS for a long run.
int num_tflite_mutants() {
  const char* runs = std::getenv("TILEWAKE_FUZZ_RUNS");
  return runs != nullptr ? std::atoi(runs) : 5000;
}

/// Models with every operator that is read.
std::vector<std::string> tflite_corpus() {
  std::vector<std::string> corpus;
  TfliteFile layers({1, 9, 8, 4});
  layers.add(Code::PAD,
             {"x", layers.values("pads", std::vector<std::int32_t>{0, 0, 1, 0, 1, 1, 0, 0}, {4, 2},
                                 tfl::ElementType::INT32)},
             "padded", {1, 10, 10, 4});
  layers.conv("padded", "stem", {1, 5, 5, 8}, {8, 3, 3, 4}, {tfl::Padding::SAME, 2, Fused::RELU6});
  layers.depthwise("stem", "dw", {1, 5, 5, 8}, 3, {tfl::Padding::SAME, 1, Fused::RELU, 2});
  layers.arithmetic(Code::MUL, {"dw", layers.weights("gamma", {8})}, "scaled", {1, 5, 5, 8});
  layers.add(Code::HARD_SWISH, {"scaled"}, "hs", {1, 5, 5, 8});
  layers.arithmetic(Code::ADD, {"hs", "stem"}, "sum", {1, 5, 5, 8});
  layers.add(Code::CONCATENATION, {"sum", "dw"}, "join", {1, 5, 5, 16}, Type::CONCATENATION,
             tfl::CreateConcatenation(layers.builder, 3));
  layers.pool(Code::MAX_POOL_2D, "join", "pool", {1, 3, 3, 16}, 2, {tfl::Padding::SAME, 2});
  layers.add(Code::MEAN, {"pool", layers.integers("axes", {1, 2})}, "mean", {1, 16}, Type::REDUCER,
             tfl::CreateReducer(layers.builder, false));
  layers.dense("mean", "fc", 16, 10);
  layers.add(Code::SOFTMAX, {"fc"}, "softmax", {1, 10});
  corpus.push_back(layers.bytes());

  TfliteFile shapes({-1, 8, 8, 4});
  shapes.weights("half", {8, 1, 1, 4}, tfl::ElementType::FLOAT16);
  shapes.add(Code::DEQUANTIZE, {"half"}, "w", {8, 1, 1, 4});
  shapes.add(Code::CONV_2D, {"x", "w"}, "c", {-1, 8, 8, 8}, Type::CONV_2D,
             tfl::CreateConv2D(shapes.builder, tfl::Padding::SAME, 1, 1));
  shapes.add(Code::RESHAPE, {"c", shapes.integers("apart", {1, 8, 8, 2, 4})}, "groups",
             {1, 8, 8, 2, 4});
  shapes.add(Code::TRANSPOSE, {"groups", shapes.integers("order", {0, 1, 2, 4, 3})}, "swapped",
             {1, 8, 8, 4, 2});
  shapes.add(Code::RESHAPE, {"swapped", shapes.integers("together", {1, 8, 8, 8})}, "shuffled",
             {1, 8, 8, 8});
  shapes.add_many(Code::SPLIT, {shapes.integers("axis", {3}), "shuffled"},
                  {{"a", {1, 8, 8, 4}}, {"b", {1, 8, 8, 4}}});
  shapes.add(Code::LOGISTIC, {"b"}, "gate", {1, 8, 8, 4});
  shapes.arithmetic(Code::MUL, {"a", "gate"}, "gated", {1, 8, 8, 4});
  shapes.add(Code::SHAPE, {"gated"}, "sizes", {4});
  shapes.add(Code::STRIDED_SLICE,
             {"sizes", shapes.integers("begin", {0}), shapes.integers("end", {1}),
              shapes.integers("step", {1})},
             "batch", {}, Type::STRIDED_SLICE,
             tfl::CreateStridedSlice(shapes.builder, 0, 0, 0, 0, 1));
  shapes.add(
      Code::PACK,
      {"batch", shapes.values("rest", std::vector<std::int32_t>{-1}, {}, tfl::ElementType::INT32)},
      "shape", {2}, Type::PACK, tfl::CreatePack(shapes.builder, 2, 0));
  shapes.add(Code::RESHAPE, {"gated", "shape"}, "flat", {-1, 256});
  shapes.dense("flat", "fc", 256, 10);
  corpus.push_back(shapes.bytes());

  TfliteFile boxes({1, 8, 8, 4});
  boxes.conv("x", "a", {1, 8, 8, 12}, {12, 3, 3, 4});
  boxes.add(Code::STRIDED_SLICE,
            {"a", boxes.integers("begin", {0, 0, 0, 2}), boxes.integers("end", {0, 0, 0, 6}),
             boxes.integers("step", {1, 1, 1, 1})},
            "part", {1, 8, 8, 4}, Type::STRIDED_SLICE,
            tfl::CreateStridedSlice(boxes.builder, 7, 7));
  boxes.add(Code::RESHAPE, {"part", boxes.integers("to", {1, -1, 4})}, "list", {1, 64, 4});
  boxes.custom_name = "TFLite_Detection_PostProcess";
  boxes.add(Code::CUSTOM, {"list"}, "found", {1, 10, 4});
  corpus.push_back(boxes.bytes());
  return corpus;
}

class TfliteMutator {
 public:
  explicit TfliteMutator(std::uint64_t seed) : random_(seed) {}

  std::string next() {
    std::string bytes = random_.pick(corpus_);
    for (std::int64_t i = random_.between(1, 4); i > 0; --i) damage(bytes);
    return bytes;
  }

 private:
  /// Offsets, sizes and indices are four bytes each, so most damage is done to one of them.
  void damage(std::string& bytes) {
    if (bytes.size() < 8) return;
    const std::size_t at = random_.below(bytes.size() - 4);
    const std::size_t word = at / 4 * 4;
    switch (random_.below(8)) {
      case 0:
        bytes[at] ^= static_cast<char>(1 << random_.below(8));
        return;
      case 1:
        bytes[at] = static_cast<char>(random_.below(256));
        return;
      case 2:
        bytes.resize(at);
        return;
      case 3:
        bytes.erase(word, 4 * (1 + random_.below(4)));
        return;
      case 4:
        bytes.insert(word, bytes.substr(random_.below(bytes.size()) / 4 * 4, 4));
        return;
      case 5:  // two words of one file or of another
        std::memcpy(bytes.data() + word, random_.pick(corpus_).data() + 4 * random_.below(100), 4);
        return;
      case 6: {  // a little more or less
        std::uint32_t value = 0;
        std::memcpy(&value, bytes.data() + word, 4);
        value += static_cast<std::uint32_t>(random_.between(-8, 8));
        std::memcpy(bytes.data() + word, &value, 4);
        return;
      }
      default: {
        const auto value = random_.pick(kWords);
        std::memcpy(bytes.data() + word, &value, 4);
      }
    }
  }

  inline static const std::vector<std::int32_t> kWords = {
      0,         1,         2,  3,  4, 5, 7, 8, 16, 17, 32, 1024, 1025, 1 << 20, (1 << 20) + 1,
      INT32_MAX, INT32_MIN, -1, -2, -4};

  std::vector<std::string> corpus_ = tflite_corpus();
  Random random_;
};

TEST(TfliteMutation, GivesANetworkOrOneLineThatBeginsWithTheFile) {
  TfliteMutator mutator(1);
  int num_read = 0;
  for (int i = 0; i < num_tflite_mutants(); ++i) {
    const std::string bytes = mutator.next();
    try {
      const Network network = read_tflite(bytes, "m.tflite").network;
      ++num_read;
      EXPECT_FALSE(network.layers.empty());
      EXPECT_GE(network.num_macs(), 0);
    } catch (const InputError& e) {
      const std::string what = e.what();
      EXPECT_TRUE(what.starts_with("m.tflite: ")) << what;
      EXPECT_TRUE(std::all_of(what.begin(), what.end(), [](char c) {
        return c >= ' ' && c <= '~';
      })) << what;
    } catch (const std::exception& e) {
      ADD_FAILURE() << "mutant " << i << ": " << e.what();
    }
  }
  EXPECT_GT(num_read, num_tflite_mutants() / 100);
}

}  // namespace
}  // namespace tilewake
