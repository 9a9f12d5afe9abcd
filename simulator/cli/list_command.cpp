// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "simulator/api/data_files.hpp"
#include "simulator/api/inputs.hpp"
#include "simulator/cli/command.hpp"
#include "simulator/cli/formats.hpp"
#include "simulator/cli/log.hpp"
#include "simulator/cli/options.hpp"
#include "simulator/cli/standard_streams.hpp"
#include "simulator/cli/units.hpp"
#include "simulator/common/error.hpp"
#include "simulator/common/one_line.hpp"
#include "simulator/common/text_table.hpp"
#include "simulator/common/yaml_reader.hpp"
#include "simulator/trace/json_string.hpp"

namespace tilewake {
namespace {

using Alignment = TextTable::Alignment;

/// A figure of a file, as a cell of the table and as a value in JSON.
struct Figure {
  std::string_view json_key;
  std::string cell;
  std::string json;
};

struct ListedFile {
  DataFile file;
  std::string description;
  std::vector<Figure> figures;
};

/// The comment that a file begins with, without the line of the licence, up to the first colon or
/// the end of the first sentence.
std::string description_in(std::string_view text) {
  std::string comment;
  while (text.starts_with('#')) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(1, end - 1);
    text.remove_prefix(std::min(end + 1, text.size()));
    line.remove_prefix(std::min(line.find_first_not_of(" #"), line.size()));
    if (line.empty() || line.starts_with("SPDX-")) continue;
    if (!comment.empty()) comment += ' ';
    comment += line;
  }
  comment = comment.substr(0, std::min(comment.find(": "), comment.find(". ")));
  if (comment.ends_with('.')) comment.pop_back();
  return one_line(comment);
}

/// Throws InputError if the file cannot be read.
ListedFile read_listed_machine(const DataFile& file) {
  const Machine machine = read_machine(file.path);
  const HardwareConfig& config = machine.config;
  const std::string core(kCoreKinds[config.core.index()]);
  const double peak = static_cast<double>(config.peak_macs_per_cycle()) * config.clock_mhz * 1e-6;
  return {file,
          description_in(machine.file.text),
          {{"core", core, json_string(core)},
           {"peak_tmacs_per_second", with_decimals(peak), fmt::format("{}", peak)}}};
}

ListedFile read_listed_network(const DataFile& file) {
  const Workload workload = read_workload(file.path);
  const Network& network = workload.network();
  const std::string layers = fmt::format("{}", network.layers.size());
  const std::string batch = fmt::format("{}", network.batch);
  const std::int64_t macs = network.num_macs();
  const std::int64_t params = network.num_params();
  return {file,
          description_in(workload.file.text),
          {{"layers", layers, layers},
           {"batch", batch, batch},
           {"macs", with_decimals(static_cast<double>(macs) / 1e9), fmt::format("{}", macs)},
           {"params", with_prefix(params), fmt::format("{}", params)}}};
}

/// Only what all kinds of search space have; the search checks the rest of the file.
ListedFile read_listed_space(const DataFile& file) {
  const InputFile input = read_space_file(file.path);
  constexpr std::int64_t kMax = std::numeric_limits<std::int32_t>::max();
  YamlReader yaml = YamlReader::from_text(input.text, input.path);
  // What follows the data set is "auto".
  Figure shape = {"input", "auto", json_string("auto")};
  Figure classes = {"num_classes", "auto", json_string("auto")};
  if (!yaml.is_text("input", "auto")) {
    YamlReader section = yaml.section("input");
    const std::int64_t channels = section.integer("channels", 1, kMax);
    const std::int64_t height = section.integer("height", 1, kMax);
    const std::int64_t width = section.integer("width", 1, kMax);
    shape.cell = fmt::format("{}x{}x{}", channels, height, width);
    shape.json = fmt::format("[{}, {}, {}]", channels, height, width);
  }
  if (!yaml.is_text("num_classes", "auto")) {
    classes.cell = fmt::format("{}", yaml.integer("num_classes", 1, kMax));
    classes.json = classes.cell;
  }
  return {file, description_in(input.text), {shape, classes}};
}

ListedFile read_listed_recipe(const DataFile& file) {
  const InputFile input = read_recipe_file(file.path);
  YamlReader::from_text(input.text, input.path);  // throws if it is not YAML
  return {file, description_in(input.text), {}};
}

struct ListedKind {
  DataKind kind;
  ListedFile (*read)(const DataFile& file);
  /// Titles of the columns between the name and the description.
  std::vector<TextTable::Column> figures;
};

// To list another kind of file: one line here.
const std::array<std::pair<std::string_view, ListedKind>, 4>& listed_kinds() {
  static const std::array<std::pair<std::string_view, ListedKind>, 4> kinds = {{
      {"machines",
       {DataKind::kMachine, read_listed_machine, {{"core", Alignment::kLeft}, {"peak TMAC/s"}}}},
      {"networks",
       {DataKind::kNetwork, read_listed_network, {{"layers"}, {"batch"}, {"GMACs"}, {"params"}}}},
      {"spaces", {DataKind::kSpace, read_listed_space, {{"input", Alignment::kLeft}, {"classes"}}}},
      {"recipes", {DataKind::kRecipe, read_listed_recipe, {}}},
  }};
  return kinds;
}

/// The files of a kind, each read. What cannot be read is left out, with a warning.
std::vector<ListedFile> read_files(std::string_view name, const ListedKind& kind) {
  const std::vector<DataFile> files = data_files(kind.kind);
  if (files.empty()) {
    log().warn("no {} found; set TILEWAKE_DATA_DIR to the directory above theirs", name);
  }
  std::vector<ListedFile> listed;
  for (const DataFile& file : files) {
    try {
      listed.push_back(kind.read(file));
    } catch (const InputError& e) {
      log().warn("{}", e.what());
    }
  }
  return listed;
}

/// The lines of a description in what the other columns of the table leave of `max_columns` (0: any
/// number).
std::vector<std::string> description_lines(const std::string& description,
                                           const std::vector<std::size_t>& widths,
                                           std::size_t max_columns) {
  constexpr std::size_t kGap = 2;
  constexpr std::size_t kLeast = 20;
  if (max_columns == 0) return {description};
  std::size_t used = 0;
  for (const std::size_t width : widths) used += width + kGap;
  std::istringstream text(
      wrapped(description, "", std::max(max_columns - std::min(used, max_columns), kLeast)));
  std::vector<std::string> lines;
  for (std::string line; std::getline(text, line);) lines.push_back(std::move(line));
  if (lines.empty()) lines.emplace_back();
  return lines;
}

std::string kind_table(std::string_view name, const ListedKind& kind) {
  std::vector<TextTable::Column> columns = {{std::string(name), Alignment::kLeft}};
  columns.insert(columns.end(), kind.figures.begin(), kind.figures.end());
  std::vector<std::size_t> widths;  // of the columns before the description
  for (const TextTable::Column& column : columns) widths.push_back(column.title.size());
  columns.push_back({"description", Alignment::kLeft});
  const std::vector<ListedFile> files = read_files(name, kind);
  std::vector<std::vector<std::string>> rows;
  for (const ListedFile& listed : files) {
    std::vector<std::string> row = {shortened(one_line(listed.file.name))};
    for (const Figure& figure : listed.figures) row.push_back(figure.cell);
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
    rows.push_back(std::move(row));
  }
  TextTable table(std::move(columns));
  for (std::size_t i = 0; i < files.size(); ++i) {
    std::vector<std::string> row = std::move(rows[i]);
    for (std::string& line : description_lines(files[i].description, widths, text_columns())) {
      row.resize(widths.size());
      row.push_back(std::move(line));
      table.add_row(std::move(row));
      row.clear();  // the names and figures are in the first line only
    }
  }
  return table.to_string(use_color(), text_columns());
}

std::string kind_json(std::string_view name, const ListedKind& kind) {
  std::string text;
  for (const ListedFile& listed : read_files(name, kind)) {
    text += fmt::format("{}\n    {{\"name\": {}, \"path\": {}, ", text.empty() ? "" : ",",
                        json_string(listed.file.name), json_string(listed.file.path));
    for (const Figure& figure : listed.figures) {
      text += fmt::format("\"{}\": {}, ", figure.json_key, figure.json);
    }
    text += fmt::format("\"description\": {}}}", json_string(listed.description));
  }
  return fmt::format("  \"{}\": [{}{}]", name, text, text.empty() ? "" : "\n  ");
}

using Kinds = std::vector<std::pair<std::string_view, ListedKind>>;

std::string list_table(const Kinds& kinds) {
  std::string text;
  for (const auto& [name, kind] : kinds) {
    if (!text.empty()) text += '\n';
    text += kind_table(name, kind);
  }
  return text;
}

std::string list_json(const Kinds& kinds) {
  std::string text;
  for (const auto& [name, kind] : kinds) {
    text += (text.empty() ? "" : ",\n") + kind_json(name, kind);
  }
  return "{\n" + text + "\n}\n";
}

/// One name a line, for scripts; no file is read.
std::string list_names(const Kinds& kinds) {
  std::string text;
  for (const auto& [name, kind] : kinds) {
    for (const DataFile& file : data_files(kind.kind)) text += one_line(file.name) + "\n";
  }
  return text;
}

using ListFormatter = std::string (*)(const Kinds& kinds);

// To add a format: one line here.
constexpr std::array<std::pair<std::string_view, ListFormatter>, 3> kListFormats = {{
    {"table", list_table},
    {"json", list_json},
    {"names", list_names},
}};

/// The kinds of those names, in the order of listed_kinds(); all of them if there are no names.
Kinds chosen_kinds(const std::vector<std::string>& names) {
  for (const std::string& name : names) value_of_word("list: a kind", listed_kinds(), name);
  Kinds kinds;
  for (const auto& entry : listed_kinds()) {
    if (names.empty() || std::find(names.begin(), names.end(), entry.first) != names.end()) {
      kinds.push_back(entry);
    }
  }
  return kinds;
}

}  // namespace

ExitCode list_command(const Arguments& arguments) {
  std::vector<std::string> names;
  std::string format = "table";
  bool quiet = false;
  Options options(
      "list", "list [machines] [networks] [spaces] [recipes] [--format table|json|names] [-q]",
      "Lists the files that have a bare name, as in `--hw midap`. Without a kind, lists all\n"
      "of them. The description is the first comment of the file. A file that cannot be\n"
      "read causes a warning.");
  options.words(names);
  options.optional("format", format, "FORMAT", "what is printed: " + format_names(kListFormats));
  options.flag("quiet,q", quiet, "suppress warnings");
  if (!options.parse(arguments)) return ExitCode::kOk;
  set_log_level(/*verbose=*/false, quiet);
  const ListFormatter formatter = formatter_of(kListFormats, format);
  write_result(formatter(chosen_kinds(names)));
  return ExitCode::kOk;
}

}  // namespace tilewake
