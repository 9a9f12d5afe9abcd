// SPDX-License-Identifier: Apache-2.0
#include "simulator/common/file_format.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "simulator/common/error.hpp"

namespace tilewake {
namespace {

using namespace std::string_view_literals;

char small(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool begins_small(std::string_view text, std::string_view start) {
  return text.size() >= start.size() && std::equal(start.begin(), start.end(), text.begin(),
                                                   [](char a, char b) { return a == small(b); });
}

struct Magic {
  std::string_view bytes;
  std::string_view what;
};

constexpr std::string_view kExport =
    "is a PyTorch or Python pickle file, which holds weights and code: export the model with "
    "torch.onnx.export to a .onnx file";

constexpr std::string_view kSavedModel =
    "is a TensorFlow graph (SavedModel, .pb): convert it to .tflite, or with tf2onnx to .onnx";

/// Bytes at the beginning.
constexpr auto kMagics = std::to_array<Magic>({
    {"version https://git-lfs.github.com/spec/"sv,
     "is a Git LFS pointer, not the file itself: run 'git lfs pull'"},
    {"\x89HDF\r\n\x1a\n"sv,
     "is an HDF5 file, as Keras saves (.h5): convert the model to .tflite, or with tf2onnx to "
     ".onnx"},
    {"\x08\x01\x12"sv, kSavedModel},
    {"\x1f\x8b"sv, "is compressed with gzip: unpack it first"},
    {"BZh"sv, "is compressed with bzip2: unpack it first"},
    {"\xfd"
     "7zXZ"sv,
     "is compressed with xz: unpack it first"},
    {"\x28\xb5\x2f\xfd"sv, "is compressed with zstd: unpack it first"},
    {"7z\xbc\xaf"sv, "is a 7z archive: unpack it first"},
    {"\x89PNG"sv, "is a PNG image"},
    {"\xff\xd8\xff"sv, "is a JPEG image"},
    {"%PDF"sv, "is a PDF document"},
    {"\x7f"
     "ELF"sv,
     "is a program"},
    {"\x93NUMPY"sv, "is a NumPy array: export the model with its layers, to .onnx or .tflite"},
    {"\xff\xfe"sv, "is UTF-16 text: save it as UTF-8"},
    {"\xfe\xff"sv, "is UTF-16 text: save it as UTF-8"},
    {"GGUF"sv, "is a GGUF file of weights: export the model to .onnx"},
});

/// An archive, told by the names of its first files.
std::string_view archive_kind(std::string_view bytes) {
  const auto has = [&](std::string_view name) {
    return bytes.find(name) != std::string_view::npos;
  };
  if (has("data.pkl")) return kExport;
  if (has("model.weights.h5") || has("config.json")) {
    return "is a Keras model (.keras): convert it to .tflite, or with tf2onnx to .onnx";
  }
  return "is a zip archive: unpack it first (MediaPipe's .task files hold .tflite models)";
}

bool is_html(std::string_view text) {
  const std::size_t start = text.find_first_not_of(" \t\r\n\xef\xbb\xbf");
  if (start == std::string_view::npos) return false;
  text.remove_prefix(start);
  return begins_small(text, "<!doctype html") || begins_small(text, "<html");
}

bool is_xml(std::string_view text) {
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  return text.starts_with("<?xml");
}

/// Where "ustar" is in a tar archive.
constexpr std::size_t kTarMagicAt = 257;

/// A header in JSON, after its length in eight bytes.
bool is_safetensors(std::string_view bytes) {
  constexpr std::size_t kLengthBytes = 8;
  return bytes.size() > kLengthBytes + 1 && bytes.substr(kLengthBytes).starts_with("{\"") &&
         bytes.substr(4, 4) == "\0\0\0\0"sv;
}

/// The first fields of an ONNX model: its IR version, then a producer, domain or graph.
bool is_onnx(std::string_view bytes) {
  return bytes.size() > 2 && bytes[0] == '\x08' && bytes[1] > 2 && bytes[1] < 32 &&
         "\x12\x1a\x22\x3a\x42"sv.find(bytes[2]) != std::string_view::npos;
}

bool is_json(std::string_view text) {
  const std::size_t start = text.find_first_not_of(" \t\r\n");
  return start != std::string_view::npos && text[start] == '{' &&
         text.substr(start + 1).find_first_not_of(" \t\r\n") != std::string_view::npos &&
         text[text.find_first_not_of(" \t\r\n", start + 1)] == '"';
}

/// Empty if nothing else than `expected` is recognised.
std::string_view foreign_format(std::string_view bytes, std::string_view path,
                                FileFormat expected) {
  for (const auto& [magic, what] : kMagics) {
    if (bytes.starts_with(magic)) return what;
  }
  if (bytes.starts_with("PK\x03\x04"sv)) return archive_kind(bytes);
  if (bytes.size() > 2 && bytes[0] == '\x80' && bytes[1] >= 2 && bytes[1] <= 5) {
    return kExport;
  }
  if (is_html(bytes)) {
    return "is a web page (HTML), as a download link gives: download the file itself";
  }
  if (is_safetensors(bytes)) {
    return "is a safetensors file, which holds weights only: export the model to .onnx";
  }
  if (bytes.size() >= 8 && bytes.substr(4, 4) == "ORTM") {
    return "is a model of ONNX Runtime (.ort): give the .onnx file that it was made of";
  }
  if (is_xml(bytes)) {
    return "is XML, as an OpenVINO model (.xml): convert the original model to .onnx";
  }
  if (bytes.size() > kTarMagicAt && bytes.substr(kTarMagicAt).starts_with("ustar")) {
    return "is a tar archive: unpack it first";
  }
  const bool is_tflite = bytes.size() >= 8 && bytes.substr(4, 4) == "TFL3";
  if (is_tflite && expected != FileFormat::kTflite) {
    return "is a TensorFlow Lite model: its name must end in .tflite";
  }
  if (is_onnx(bytes) && expected != FileFormat::kOnnx) {
    return "is an ONNX model: its name must end in .onnx";
  }
  if (expected != FileFormat::kText && is_json(bytes)) {
    return "is JSON text: give the model file itself, .onnx or .tflite";
  }
  if (expected == FileFormat::kText && bytes.find('\0') != std::string_view::npos) {
    return "is a binary file of an unknown format: networks are .yaml, .csv, .onnx or .tflite, "
           "machines .yaml";
  }
  if (has_ending(path, ".pb")) return kSavedModel;
  return {};
}

}  // namespace

bool has_ending(std::string_view path, std::string_view ending) {
  return path.size() >= ending.size() &&
         begins_small(path.substr(path.size() - ending.size()), ending);
}

FileFormat network_format(std::string_view path) {
  if (has_ending(path, ".onnx")) return FileFormat::kOnnx;
  return has_ending(path, ".tflite") ? FileFormat::kTflite : FileFormat::kText;
}

void refuse_foreign_format(std::string_view first_bytes, std::string_view path,
                           FileFormat expected) {
  const std::string_view what = foreign_format(first_bytes.substr(0, kFormatBytes), path, expected);
  if (!what.empty()) throw InputError(fmt::format("{}: {}", path, what));
}

}  // namespace tilewake
