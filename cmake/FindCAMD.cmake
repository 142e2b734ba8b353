# SPDX-License-Identifier: Apache-2.0
# Finds SuiteSparse's CAMD, which orders sparse matrices, as the target CAMD::CAMD.
include(FindPackageHandleStandardArgs)

find_path(CAMD_INCLUDE_DIR camd.h PATH_SUFFIXES suitesparse)
find_library(CAMD_LIBRARY camd)
find_library(CAMD_CONFIG_LIBRARY suitesparseconfig)
find_package_handle_standard_args(CAMD REQUIRED_VARS
    CAMD_LIBRARY CAMD_CONFIG_LIBRARY CAMD_INCLUDE_DIR)
mark_as_advanced(CAMD_LIBRARY CAMD_CONFIG_LIBRARY CAMD_INCLUDE_DIR)

if(CAMD_FOUND AND NOT TARGET CAMD::CAMD)
    add_library(CAMD::CAMD INTERFACE IMPORTED)
    set_target_properties(CAMD::CAMD PROPERTIES
        INTERFACE_INCLUDE_DIRECTORIES "${CAMD_INCLUDE_DIR}"
        INTERFACE_LINK_LIBRARIES "${CAMD_LIBRARY};${CAMD_CONFIG_LIBRARY}")
endif()
