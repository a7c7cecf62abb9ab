// SPDX-License-Identifier: Apache-2.0
#pragma once
// The program: command line to command to exit status.

namespace paddock::cli {

// 0: success, 1: failure, 2: wrong usage. Every error is one sentence on standard error.
int run_program(int argc, char** argv);

}  // namespace paddock::cli
