// SPDX-License-Identifier: Apache-2.0
#include "simulator/common/plain_yaml.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "simulator/common/error.hpp"
#include "tests/support/random.hpp"
#include "tests/support/sanitizer.hpp"
#include "tests/support/source_files.hpp"
#include "tests/support/yaml_mutator.hpp"

namespace tilewake {
namespace {

/// The document that parse_yaml() returns without plain YAML; nothing if it refuses the text.
std::optional<YamlNode> read_by_yaml_cpp(const std::string& text) {
  try {
    return parse_any_yaml(text, "f.yaml");
  } catch (const InputError&) {
    return std::nullopt;
  }
}

bool is_plain_and_equal(const std::string& text) {
  const std::optional<YamlNode> plain = parse_plain_yaml(text);
  return plain && plain == read_by_yaml_cpp(text);
}

/// What plain YAML reads is what yaml-cpp reads.
bool agrees(const std::string& text) {
  const std::optional<YamlNode> plain = parse_plain_yaml(text);
  return !plain || plain == read_by_yaml_cpp(text);
}

std::vector<std::string> texts_in(const std::string& directory) {
  std::vector<std::string> texts;
  for (const auto& file : yaml_files_in(directory)) texts.push_back(read_file(file));
  return texts;
}

TEST(PlainYamlTest, ReadsWhatYamlCppReads) {
  for (const std::string text :
       {"a: 1\nb: -2.5e-3\nc: text with words\nd: \"quoted, [text]\"\ne: 'too'\nf: null\n",
        "a:\n  b:\n    c: 1\n  d: 2\ne:\n- 1\n- x: 2\n  y: 3\n-\n  z: 4\n-   w: 5\n    v: 6\n",
        "a: {b: [1, 2,3 ], \"c d\": {}, e: []}\n  # comment\nf: [ {g: \"\"} ]\n",
        "\n# comment\na: 1 \n\n\nb:   # comment\n\n    - 1\n    - [2, x]\n\nc: 3",
        "a: x/y\nb: 1.5.2\nc: +3\nd: -1\ne: a-b\nf: a - b\ng: 50 % (x) = 1/2 * 3\n"})
    EXPECT_TRUE(is_plain_and_equal(text)) << text;
}

TEST(PlainYamlTest, ReadsMachinesAndNetworks) {
  for (const char* directory : {"hw_configs", "networks"})
    for (const std::string& text : texts_in(directory))
      EXPECT_TRUE(is_plain_and_equal(text)) << text;
}

TEST(PlainYamlTest, LeavesTheRestToYamlCpp) {
  for (const std::string text : {"",
                                 "# comment\n",
                                 "- 1\n",
                                 "text\n",
                                 "a:\n",
                                 "a: 1\nb:\n",
                                 "a: 1\na: 2\n",
                                 "a: 1\n  b: 2\n",
                                 "a: x\n  y\n",
                                 "a: [1,\n  2]\n",
                                 "a: [1, 2\n",
                                 "a: 'x\n",
                                 "a: \"\\n\"\n",
                                 "a: 'it''s'\n",
                                 "a: &x 1\n",
                                 "a: *x\n",
                                 "a: !t 1\n",
                                 "a: |\n  x\n",
                                 "a: >\n  x\n",
                                 "a: ~\n",
                                 "<<: {}\n",
                                 "? a\n: 1\n",
                                 "a:1\n",
                                 "a: b: c\n",
                                 "a : 1\n",
                                 "a: [b: 1]\n",
                                 "a: {b}\n",
                                 "a: {b: }\n",
                                 "a: {b: 1,}\n",
                                 "a: 1\n---\nb: 2\n",
                                 "a: 1\n...\n",
                                 "%YAML 1.2\na: 1\n",
                                 "\ta: 1\n",
                                 "a:\t1\n",
                                 "a: 1\r\n",
                                 "a: \xc3\xa9\n",
                                 "\xef\xbb\xbf"
                                 "a: 1\n",
                                 " a: 1\n",
                                 "a: - 1\n",
                                 "a:\n- - 1\n",
                                 "a:\n  b: 1\n c: 2\n",
                                 "a:\n - 1\n- 2\n",
                                 "null: 1\n",
                                 "a: x  y\n",
                                 "a: \"b\" # \"c\n",
                                 "a: 1 , 2\n",
                                 "a: [1 [2]]\n",
                                 "a: [1] 2\n",
                                 "a: \"b\": c\n",
                                 "a: -\n",
                                 "a: .\n",
                                 "a: --1\n",
                                 "a: 1:2\n",
                                 "a: [1:2]\n",
                                 "a: {b:1}\n",
                                 "a: b ]\n"})
    EXPECT_FALSE(parse_plain_yaml(text)) << text;
}

TEST(PlainYamlTest, NestingAndNumberOfValuesAreBounded) {
  const auto nested = [](std::size_t depth) {
    return "a: " + std::string(depth - 1, '[') + std::string(depth - 1, ']');
  };
  EXPECT_TRUE(parse_plain_yaml(nested(kMaxYamlDepth)));
  EXPECT_FALSE(parse_plain_yaml(nested(kMaxYamlDepth + 1)));
  std::string text = "a: [0";
  for (int i = 0; i <= kMaxYamlNodes; ++i) text += ",0";
  EXPECT_FALSE(parse_plain_yaml(text + "]"));
}

TEST(PlainYamlTest, DamagedFilesAreReadAsByYamlCppOrNotAtAll) {
  std::vector<std::string> texts = {
      "name: x\nlist: [1, 2, {a: b}]\nblock:\n  - one\n  - \"two\"\n  - k: v\n    l: 'q'\nn: "
      "null\n"};
  for (const char* directory : {"hw_configs", "networks"})
    for (std::string& text : texts_in(directory))
      if (text.size() < 6000) texts.push_back(std::move(text));
  std::uint64_t seed = 1;
  for (const std::string& text : texts) {
    YamlMutator mutator(text, seed++);
    for (int i = 0; i < num_cases(100); ++i) {
      const std::string mutant = mutator.next();
      ASSERT_TRUE(agrees(mutant)) << mutant;
    }
  }
}

TEST(PlainYamlTest, RandomTokensAreReadAsByYamlCppOrNotAtAll) {
  const std::vector<std::string> tokens = {
      "a",    "b",      "c: ", "d:",    "\n",     "\n  ",   "\n    ", "- ", "-",
      "[",    "]",      "{",   "}",     ",",      ", ",     " ",      "  ", "# x",
      " #y",  "'q r'",  "\"s", "\"t\"", "1",      "-2.5",   "null",   ": ", ":",
      "e: f", "\n- ",   ".",   "--",    "g-h",    "\ni: 1", "\nj:",   "%",  "(k = l)",
      "*",    "\n k: ", "~",   "\n\n",  "[1, 2]", "{m: n}"};
  Random random(1);
  int num_plain = 0;
  for (int i = 0; i < num_cases(100'000); ++i) {
    std::string text = random.below(2) == 0 ? "r:" : "s: ";
    for (std::size_t n = random.below(12); n > 0; --n) text += random.pick(tokens);
    ASSERT_TRUE(agrees(text)) << text;
    num_plain += parse_plain_yaml(text) ? 1 : 0;
  }
  EXPECT_GT(num_plain, num_cases(1000));
}

}  // namespace
}  // namespace tilewake
