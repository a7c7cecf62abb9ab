// SPDX-License-Identifier: Apache-2.0
#pragma once
// The model's list of parameters, by the names that training has for it.

#include "llama4/parameters.h"

namespace paddock::train {

using llama4::kNoParameter;
using llama4::LayerParameters;
using llama4::MlpParameters;
using llama4::Parameter;
using llama4::ParameterList;

}  // namespace paddock::train
