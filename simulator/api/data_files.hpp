// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "simulator/api/inputs.hpp"

namespace tilewake {

/// Reads the file that a name or a path stands for, as read_machine does. Search spaces and recipes
/// are found in nas/spaces/ and nas/recipes/.
/// Throws InputError; for an unknown name it lists the known ones.
InputFile read_hardware_file(const std::string& name);
InputFile read_network_file(const std::string& name);
InputFile read_space_file(const std::string& name);
InputFile read_recipe_file(const std::string& name);

/// Reads a shipped file of another kind by its path in the source tree
/// ("nas/bench/nas_bench_macro.csv"), found in the same places. Throws InputError.
InputFile read_shipped_file(const std::string& relative_path);

/// The directory with styles, libraries and charts of `tilewake report`, beside the directories
/// above. The current directory is not searched: its files would run in the browser of whoever
/// opens the report. Throws InputError if there is none.
std::string report_page_directory();

enum class DataKind { kMachine, kNetwork, kSpace, kRecipe };

/// A shipped file and its bare name.
struct DataFile {
  std::string name;
  std::string path;
};

/// All files of a kind that have a bare name, sorted by name. They are not read.
std::vector<DataFile> data_files(DataKind kind);

}  // namespace tilewake
