// SPDX-License-Identifier: Apache-2.0
#include "simulator/cli/journal_file.hpp"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <optional>
#include <unistd.h>
#include <utility>

#include <fmt/format.h>

#include "simulator/cli/standard_streams.hpp"
#include "simulator/common/atomic_file.hpp"
#include "simulator/common/error.hpp"
#include "simulator/common/json_document.hpp"
#include "simulator/common/regular_file.hpp"
#include "simulator/common/version.hpp"
#include "simulator/trace/json_string.hpp"

namespace tilewake {
namespace {

using Json = nlohmann::ordered_json;

// 100,000 points, the maximum of a sweep, take 100 MB.
constexpr std::size_t kMaxJournalBytes = std::size_t{1} << 28;
constexpr JsonLimits kLineLimits = {std::size_t{1} << 20, 50'000, 4};

std::string text_of_json(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

/// The object in a line, without its member "check"; none if "check" is not the hash of the others.
std::optional<Json> checked(const std::string& line, const std::string& path) {
  Json json;
  try {
    json = parse_ordered_json(line, path, kLineLimits);
  } catch (const InputError&) {
    return std::nullopt;
  }
  if (!json.is_object() || !json.contains("check")) return std::nullopt;
  const Json check = json["check"];
  json.erase("check");
  if (check != hash_text(fnv1a64(text_of_json(json)))) return std::nullopt;
  return json;
}

}  // namespace

JournalFile::JournalFile(std::string path, std::string build)
    : path_(std::move(path)), build_(std::move(build)) {}

JournalFile::~JournalFile() {
  if (file_ >= 0) ::close(file_);
}

int JournalFile::read(const std::function<bool(const Json& line)>& use) const {
  const std::string text = read_text_file(path_, kMaxJournalBytes);
  const auto is_usable = [&](const std::string& line) {
    const std::optional<Json> json = checked(line, path_);
    if (!json) return false;
    try {
      return json->at("build") == build_ && use(*json);
    } catch (const Json::exception&) {
      return false;
    } catch (const InputError&) {
      return false;
    }
  };
  int num_unusable = 0;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = text.find('\n', begin);
    // A process that was killed while writing leaves an incomplete line.
    const bool is_whole = end != std::string::npos;
    if (!is_whole || !is_usable(text.substr(begin, end - begin))) ++num_unusable;
    begin = is_whole ? end + 1 : text.size();
  }
  return num_unusable;
}

std::string JournalFile::line_of(const Json& json) const {
  Json line;
  line["build"] = build_;
  line.update(json);
  line["check"] = hash_text(fnv1a64(text_of_json(line)));
  return text_of_json(line) + "\n";
}

void JournalFile::add(const Json& json, const std::function<std::string()>& begin) {
  if (file_ < 0) {
    // Drops unusable lines: a line appended to an incomplete one could not be read.
    make_directory_of(path_);
    write_file_atomically(path_, begin());
    file_ = ::open(path_.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC);
    if (file_ < 0) throw IoError(fmt::format("{}: {}", path_, std::strerror(errno)));
  }
  const int error = write_all(file_, line_of(json));
  if (error != 0) {
    throw IoError(fmt::format("{}: cannot write file: {}", path_, std::strerror(error)));
  }
}

}  // namespace tilewake
