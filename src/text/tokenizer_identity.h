// SPDX-License-Identifier: Apache-2.0
#pragma once
// Whether two tokenizers number the same tokens.

#include "base/digest.h"
#include "text/tokenizer.h"

namespace paddock::text {

// Of what each id stands for, and which are special: whatever file the tokenizer came from. How text is cut is not in
// it.
Digest identity_of(const Tokenizer& tokenizer);

}  // namespace paddock::text
