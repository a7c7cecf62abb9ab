// SPDX-License-Identifier: Apache-2.0
#pragma once
// A mapped page that cannot be read when it is needed - the file was cut short, the disk fails - would end the process
// by a signal, without a word.

#include <span>

#include "base/mapped_file.h"

namespace paddock::cli {

// From now on the program ends with status 1 and a sentence that names the file when one of these pages cannot be read.
// Called once; the files must live as long as the process computes.
void tell_of_lost_pages(std::span<const FilePart> pages);

}  // namespace paddock::cli
