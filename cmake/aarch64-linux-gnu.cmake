# SPDX-License-Identifier: Apache-2.0
# Cross-compiles for 64-bit Arm, and runs the tests under an emulator:
#     cmake -S . -B build/aarch64 -DCMAKE_TOOLCHAIN_FILE=cmake/aarch64-linux-gnu.cmake \
#         -DQC_ARM_ROOT=/where/arm/libraries/are
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)
set(CMAKE_LIBRARY_ARCHITECTURE aarch64-linux-gnu)

set(QC_ARM_ROOT "" CACHE PATH "Root of a file system with CAMD and cmocka for arm64")
list(APPEND CMAKE_TRY_COMPILE_PLATFORM_VARIABLES QC_ARM_ROOT)
set(CMAKE_FIND_ROOT_PATH /usr/aarch64-linux-gnu ${QC_ARM_ROOT})
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)

set(CMAKE_CROSSCOMPILING_EMULATOR
    qemu-aarch64 -L /usr/aarch64-linux-gnu
    -E LD_LIBRARY_PATH=${QC_ARM_ROOT}/usr/lib/aarch64-linux-gnu)
