# SPDX-License-Identifier: Apache-2.0
# The installed library: header, shared and static library, CMake package, pkg-config file.
include(CMakePackageConfigHelpers)

set(package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/quadcone")

install(FILES include/quadcone.h DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}")
install(TARGETS quadcone quadcone_static EXPORT quadcone)
install(EXPORT quadcone NAMESPACE quadcone:: DESTINATION "${package_dir}")

configure_package_config_file(cmake/quadcone-config.cmake.in quadcone-config.cmake
    INSTALL_DESTINATION "${package_dir}")
write_basic_package_version_file(quadcone-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES
    "${PROJECT_BINARY_DIR}/quadcone-config.cmake"
    "${PROJECT_BINARY_DIR}/quadcone-config-version.cmake"
    cmake/FindCAMD.cmake
    DESTINATION "${package_dir}")

# Paths relative to the file itself, so that an installed tree can be moved.
file(RELATIVE_PATH QC_PC_PREFIX "/${CMAKE_INSTALL_LIBDIR}/pkgconfig" "/")
configure_file(cmake/quadcone.pc.in quadcone.pc @ONLY)
install(FILES "${PROJECT_BINARY_DIR}/quadcone.pc"
    DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig")
