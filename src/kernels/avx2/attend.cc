// SPDX-License-Identifier: Apache-2.0
#include "kernels/avx2/lanes.h"
#include "kernels/vector/attend_loops.h"

namespace paddock::kernels::avx2 {

const AttendKernels kAttendKernels = {"AVX2", AttendLoops<Lanes>::add_positions, AttendLoops<Lanes>::merge,
                                      AttendLoops<Lanes>::finish, AttendLoops<Lanes>::encode_row};

}  // namespace paddock::kernels::avx2
