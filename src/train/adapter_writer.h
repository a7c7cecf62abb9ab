// SPDX-License-Identifier: Apache-2.0
#pragma once
// An adapter to a folder that PEFT loads, and Adapter::read: adapter_model.safetensors and adapter_config.json.

#include <filesystem>
#include <span>
#include <string>

#include "base/result.h"
#include "train/adapter.h"

namespace paddock::train {

// Writes the updates in `values` [adapter.floats()] as float32 in the layout of PEFT from 0.19 on, whichever layout the
// block has, with the folder made where there is none. Each file appears whole or not at all, the configuration last.
// `base_model` is the model that the adapter belongs to, for people and for PEFT's loaders; may be empty. Refuses
// updates of several ranks or strengths, which one configuration cannot say without patterns, and one of the embedding,
// which PEFT stores in another way.
Result<void> write_adapter(const Adapter& adapter, const ParameterList& parameters, std::span<const float> values,
                           const std::string& base_model, const std::filesystem::path& folder);

}  // namespace paddock::train
