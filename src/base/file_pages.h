// SPDX-License-Identifier: Apache-2.0
#pragma once
// Parts of mapped files as whole pages, and two ways to have these in memory for certain: copied, or locked.

#include <cstddef>
#include <functional>
#include <span>
#include <vector>

#include "base/mapped_file.h"
#include "base/result.h"

namespace paddock {

// Called now and then by the thread that waits.
using LoadProgress = std::function<void(size_t done, size_t total)>;  // bytes

// The pages that hold the parts, in the order of the parts. Pages that several parts touch come with the first;
// neighbours become one. The last page of a file ends with the file.
std::vector<FilePart> whole_pages(std::span<const FilePart> parts);

size_t total_size(std::span<const FilePart> parts);

// Puts memory of the process with the same content in place of the mapped pages, at the same addresses; in huge pages
// where the system gives them. After an error the pages must not be read.
Result<void> copy_pages(std::span<const FilePart> pages, const LoadProgress& progress);

// Reads the pages and forbids the system to give them up. An error when it forbids that, or cannot read them.
Result<void> lock_pages(std::span<const FilePart> pages, const LoadProgress& progress);

}  // namespace paddock
