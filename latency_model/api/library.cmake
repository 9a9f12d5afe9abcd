# SPDX-License-Identifier: Apache-2.0
# The library for other programs: the modules of the simulator and of the latency model as one shared
# object, its public headers, and a package that find_package(tilewake CONFIG) finds. A program that
# links it needs none of the libraries that it is made of, and the installed tree can move.
include(CMakePackageConfigHelpers)
include(GNUInstallDirs)

set(modules common network hardware mapping engine trace energy api latency_model latency_model_api)
foreach(module ${modules})
  set_target_properties(tilewake_${module} PROPERTIES POSITION_INDEPENDENT_CODE ON)
  # Calls within the library stay as fast as in an executable.
  target_compile_options(tilewake_${module} PRIVATE -fno-semantic-interposition)
endforeach()
list(TRANSFORM modules REPLACE "(.+)" "$<TARGET_OBJECTS:tilewake_\\1>" OUTPUT_VARIABLE objects)

add_library(tilewake_library SHARED ${objects})
add_library(tilewake::tilewake ALIAS tilewake_library)
set_target_properties(tilewake_library PROPERTIES OUTPUT_NAME tilewake EXPORT_NAME tilewake LINKER_LANGUAGE CXX
                      VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR})
target_compile_features(tilewake_library INTERFACE cxx_std_20)
target_include_directories(tilewake_library INTERFACE $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}>
                           $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>
                           $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}/tilewake>)
target_link_libraries(tilewake_library PRIVATE $<BUILD_INTERFACE:yaml-cpp> $<BUILD_INTERFACE:fmt::fmt>
                                       $<BUILD_INTERFACE:ONNX::onnx_proto> $<BUILD_INTERFACE:protobuf::libprotobuf>
                                       $<BUILD_INTERFACE:tilewake_systemc>
                                       $<BUILD_INTERFACE:tilewake_settings>)

# tilewake.hpp, installed as <tilewake/tilewake.hpp>, and what it includes; tests/cli/install_test.py checks that none is missing.
set(public_headers
    latency_model/api/calibrate.hpp
    latency_model/api/predict.hpp
    latency_model/calibration.hpp
    latency_model/calibration_set.hpp
    latency_model/dataset.hpp
    latency_model/energy_model.hpp
    latency_model/evaluation.hpp
    latency_model/features/feature_extractor.hpp
    latency_model/features/feature_set.hpp
    latency_model/latency_model.hpp
    latency_model/model_yaml.hpp
    simulator/api/inputs.hpp
    simulator/api/simulation.hpp
    simulator/api/shard.hpp
    simulator/api/sweep.hpp
    simulator/api/sweep_plan.hpp
    simulator/common/error.hpp
    simulator/common/version.hpp
    simulator/common/yaml_override.hpp
    simulator/energy/energy_table.hpp
    simulator/energy/memory_footprint.hpp
    simulator/engine/events.hpp
    simulator/hardware/activation_operations.hpp
    simulator/hardware/banked_dram_config.hpp
    simulator/hardware/device_config.hpp
    simulator/hardware/dram_config.hpp
    simulator/hardware/element_type.hpp
    simulator/hardware/energy_config.hpp
    simulator/hardware/hardware_config.hpp
    simulator/hardware/hardware_yaml.hpp
    simulator/hardware/midap_config.hpp
    simulator/hardware/systolic_config.hpp
    simulator/hardware/tile_memory.hpp
    simulator/hardware/vector_config.hpp
    simulator/mapping/step_budget.hpp
    simulator/network/layer.hpp
    simulator/network/model_options.hpp
    simulator/network/network.hpp
    simulator/trace/summary.hpp
    simulator/trace/timeline.hpp
    simulator/trace/trace_csv.hpp
    simulator/trace/trace_row.hpp)
foreach(header ${public_headers})
  cmake_path(GET header PARENT_PATH directory)
  install(FILES ${header} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/tilewake/${directory} COMPONENT library)
endforeach()
install(FILES latency_model/api/tilewake.hpp DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/tilewake COMPONENT library)

set(package_directory ${CMAKE_INSTALL_LIBDIR}/cmake/tilewake)
install(TARGETS tilewake_library EXPORT tilewake-targets LIBRARY COMPONENT library)
install(EXPORT tilewake-targets NAMESPACE tilewake:: DESTINATION ${package_directory} COMPONENT library)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/tilewake-config-version.cmake
                                 COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/tilewake-config-version.cmake latency_model/api/tilewake-config.cmake
        DESTINATION ${package_directory} COMPONENT library)
