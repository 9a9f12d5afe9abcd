// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cctype>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "simulator/common/error.hpp"
#include "tests/support/random.hpp"
#include "tests/support/sanitizer.hpp"

namespace tilewake {

/// Damages a YAML text like people and broken tools. Deterministic for a seed.
class YamlMutator {
 public:
  YamlMutator(std::string text, std::uint64_t seed) : original_(std::move(text)), random_(seed) {}

  /// The text with one to three random damages.
  std::string next() {
    std::string text = original_;
    for (std::int64_t i = random_.between(1, 3); i > 0; --i) damage(text);
    return text;
  }

 private:
  void damage(std::string& text) {
    if (text.empty()) return;
    switch (random_.below(10)) {
      case 0:  // flip a bit
        text[random_.below(text.size())] ^= static_cast<char>(1 << random_.below(8));
        return;
      case 1:  // any byte anywhere
        text.insert(random_.below(text.size() + 1), 1, static_cast<char>(random_.below(256)));
        return;
      case 2:
        text.erase(random_.below(text.size()), 1 + random_.below(20));
        return;
      case 3:
        text.resize(random_.below(text.size()));
        return;
      case 4:
      case 5:
        return move_lines(text);
      case 6:
      case 7:
        return replace_token(
            text, [](char c) { return c >= '0' && c <= '9'; }, kNumbers);
      case 8:
        return replace_word(text);
      default:
        text.insert(random_.below(text.size() + 1), random_.pick(kSyntax));
        return;
    }
  }

  void move_lines(std::string& text) {
    std::vector<std::string> lines = lines_of(text);
    const std::size_t a = random_.below(lines.size());
    const std::size_t b = random_.below(lines.size());
    switch (random_.below(3)) {
      case 0:
        std::swap(lines[a], lines[b]);
        break;
      case 1:
        lines.insert(lines.begin() + static_cast<std::ptrdiff_t>(a), lines[b]);
        break;
      default:
        lines.erase(lines.begin() + static_cast<std::ptrdiff_t>(a));
    }
    text.clear();
    for (const std::string& line : lines) text += line;
  }

  static std::vector<std::string> lines_of(const std::string& text) {
    std::vector<std::string> lines = {""};
    for (const char c : text) {
      if (!lines.back().empty() && lines.back().back() == '\n') lines.emplace_back();
      lines.back() += c;
    }
    return lines;
  }

  /// Replaces a run of characters of one class by one of `replacements`.
  void replace_token(std::string& text, const std::function<bool(char)>& belongs,
                     const std::vector<std::string>& replacements) {
    const auto [begin, end] = token_in(text, belongs);
    text.replace(begin, end - begin, random_.pick(replacements));
  }

  /// Puts one word of the file in the place of another: names for names, ops for keys.
  void replace_word(std::string& text) {
    const auto belongs = [](char c) {
      return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '.';
    };
    const auto [from, from_end] = token_in(text, belongs);
    const std::string word = text.substr(from, from_end - from);
    const auto [begin, end] = token_in(text, belongs);
    text.replace(begin, end - begin, word);
  }

  std::pair<std::size_t, std::size_t> token_in(const std::string& text,
                                               const std::function<bool(char)>& belongs) {
    const std::size_t start = random_.below(text.size());
    const auto found =
        std::find_if(text.begin() + static_cast<std::ptrdiff_t>(start), text.end(), belongs);
    const auto end = std::find_if_not(found, text.end(), belongs);
    return {static_cast<std::size_t>(found - text.begin()),
            static_cast<std::size_t>(end - text.begin())};
  }

  inline static const std::vector<std::string> kNumbers = {"0",
                                                           "-1",
                                                           "1",
                                                           "2",
                                                           "3.5",
                                                           "1e3",
                                                           "1e400",
                                                           "nan",
                                                           ".nan",
                                                           ".inf",
                                                           "-.inf",
                                                           "inf",
                                                           "0x10",
                                                           "010",
                                                           "1_000",
                                                           "+5",
                                                           "--5",
                                                           "''",
                                                           "\"3\"",
                                                           "~",
                                                           "true",
                                                           "[1, 2]",
                                                           "{a: 1}",
                                                           "1048576",
                                                           "1048577",
                                                           "2147483648",
                                                           "4294967296",
                                                           "9223372036854775807",
                                                           "9223372036854775808",
                                                           "-9223372036854775808",
                                                           "99999999999999999999999999",
                                                           "1e-400",
                                                           "0.0",
                                                           "-0"};
  inline static const std::vector<std::string> kSyntax = {"[",
                                                          "]",
                                                          "{",
                                                          "}",
                                                          ":",
                                                          ": ",
                                                          ",",
                                                          "- ",
                                                          "? ",
                                                          "#",
                                                          " #",
                                                          "&a ",
                                                          "*a",
                                                          "<<: *a",
                                                          "<<: {}",
                                                          "!!int ",
                                                          "!x ",
                                                          "'",
                                                          "\"",
                                                          "|",
                                                          ">\n",
                                                          "\n---\n",
                                                          "\n...\n",
                                                          "%YAML 1.1\n",
                                                          "\t",
                                                          "\r",
                                                          "\n",
                                                          "\n\n  ",
                                                          "\x04",
                                                          std::string(1, '\0'),
                                                          "\xef\xbb\xbf",
                                                          "\xff\xfe",
                                                          "\xc3\xa9",
                                                          "null",
                                                          "~",
                                                          std::string(100, '['),
                                                          std::string(2000, '['),
                                                          std::string(100, '{'),
                                                          std::string(5000, 'x'),
                                                          "{a: {a: {a: {a: ",
                                                          "[[[[[[[[]]]]]]]]",
                                                          "a: &a [x]\nb: [*a, *a]\n",
                                                          "name: name\n"};

  std::string original_;
  Random random_;
};

/// Whether `error` is one line, "mutant.yaml:LINE: WHAT". Without std::regex, which would take most
/// of the time of a test with sanitizers.
inline bool is_located(const std::string& error) {
  static const std::string kFile = "mutant.yaml:";
  if (error.rfind(kFile, 0) != 0 || error.find('\n') != std::string::npos) return false;
  const std::size_t end = error.find_first_not_of("0123456789", kFile.size());
  if (end == std::string::npos || end == kFile.size() || error[kFile.size()] == '0') return false;
  return error.compare(end, 2, ": ") == 0 && error.size() > end + 2;
}

/// Reads `num_mutants` damaged versions of `text` with `parse(text, file_name)`. Each must either
/// be accepted or be refused with an InputError that names the file and a line; anything else
/// (another exception, a crash, an error without a place) fails the test and prints the mutant.
inline void expect_mutants_parse_or_explain(
    const std::string& text, std::uint64_t seed, int num_mutants,
    const std::function<void(const std::string&, const std::string&)>& parse) {
  YamlMutator mutator(text, seed);
  for (int i = 0; i < num_cases(num_mutants); ++i) {
    const std::string mutant = mutator.next();
    try {
      parse(mutant, "mutant.yaml");
    } catch (const InputError& e) {
      EXPECT_TRUE(is_located(e.what())) << e.what() << "\nmutant " << i << ":\n" << mutant;
    } catch (const std::exception& e) {
      ADD_FAILURE() << "not an InputError: " << e.what() << "\nmutant " << i << ":\n" << mutant;
    }
    if (::testing::Test::HasFailure()) return;
  }
}

}  // namespace tilewake
