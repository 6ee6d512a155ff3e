// SPDX-License-Identifier: MIT
// The parts of build_plan(), one a file. They throw plan_json::Bad.
#pragma once

#include "base/path.h"
#include "core/plan_builder.h"
#include "core/plan_json.h"

namespace rcrt::plan_parts {

void read_process(const plan_json::Node& process, PlanDraft& draft);  // plan_process.cc
void read_mounts(const plan_json::Node& mounts, PlanDraft& draft);    // plan_mounts.cc
void read_scheduler(const plan_json::Node& node, PlanDraft& draft);   // plan_scheduling.cc
void read_io_priority(const plan_json::Node& node, PlanDraft& draft);
void read_affinity(const plan_json::Node& node, PlanDraft& draft);
void read_memory_policy(const plan_json::Node& node, PlanDraft& draft);
void read_linux(const plan_json::Node& config, PlanDraft& draft);  // plan_linux.cc
void read_namespaces(const plan_json::Node& namespaces, PlanDraft& draft);
std::vector<std::string> read_paths(const plan_json::Node& paths);  // clean, relative to the root
void read_sysctls(const plan_json::Node& sysctls, PlanDraft& draft);
// The lines of a uid_map or gid_map.
std::string read_mappings(const plan_json::Node& mappings);
void read_devices(const plan_json::Node& devices, PlanDraft& draft);  // plan_devices.cc

}  // namespace rcrt::plan_parts
