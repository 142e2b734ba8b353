# SPDX-License-Identifier: Apache-2.0
# All numerics are one source, src/lane/lane_all.c, compiled once per instruction set. The objects end
# up in QC_LANE_OBJECTS, and QC_LANE_ISAS names them; src/lane/select.c chooses one when it runs.
include(CheckCSourceCompiles)

set(QC_LANE_OBJECTS)
set(QC_LANE_ISAS)

function(add_lane_isa isa)
    add_library(lane_${isa} OBJECT src/lane/lane_all.c)
    target_compile_definitions(lane_${isa} PRIVATE LANE_ISA=${isa})
    target_compile_options(lane_${isa} PRIVATE ${ARGN})
    target_link_libraries(lane_${isa} PRIVATE quadcone_flags)
    set(QC_LANE_OBJECTS ${QC_LANE_OBJECTS} $<TARGET_OBJECTS:lane_${isa}> PARENT_SCOPE)
    set(QC_LANE_ISAS ${QC_LANE_ISAS} ${isa} PARENT_SCOPE)
endfunction()

check_c_source_compiles("
#ifndef __x86_64__
#error other
#endif
int main(void) { return 0; }" QC_IS_X86_64)

add_lane_isa(scalar)
add_lane_isa(base) # SSE2 on x86-64, NEON on arm64
if(QC_IS_X86_64)
    target_compile_definitions(quadcone_flags INTERFACE QC_HAVE_AVX2)
    set(avx2 -mavx2 -mfma)
    set(avx512 -mavx512f -mavx512dq -mavx512vl -mavx512bw -mavx2 -mfma -mprefer-vector-width=512)
    foreach(isa avx2 avx512)
        add_lane_isa(${isa} ${${isa}})
        add_lane_isa(row_${isa} ${${isa}}) # one problem at a time, along its rows
    endforeach()
endif()
