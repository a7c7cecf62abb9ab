// SPDX-License-Identifier: Apache-2.0
#include "kernels/avx512/lanes.h"
#include "kernels/vector/attend_loops.h"

namespace paddock::kernels::avx512 {

const AttendKernels kAttendKernels = {"AVX-512", AttendLoops<Lanes>::add_positions, AttendLoops<Lanes>::merge,
                                      AttendLoops<Lanes>::finish, AttendLoops<Lanes>::encode_row};

}  // namespace paddock::kernels::avx512
