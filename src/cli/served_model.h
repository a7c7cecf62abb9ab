// SPDX-License-Identifier: Apache-2.0
#pragma once
// A checkpoint brought into memory for a server.

#include <memory>
#include <string>

#include "base/result.h"
#include "cli/serve_options.h"
#include "server/inference/loaded_model.h"

namespace paddock::cli {

// `given`: PATH or NAME=PATH. `models`: how many share the memory.
Result<std::unique_ptr<server::LoadedModel>> serve_model(const std::string& given, const ServeOptions& options,
                                                         size_t models);

}  // namespace paddock::cli
