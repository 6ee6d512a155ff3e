// SPDX-License-Identifier: MIT
// Any bytes as config.json: an error or a plan whose offsets stay inside the block.
#include <stdlib.h>

#include "core/plan_builder.h"
#include "launch/plan.h"

namespace {

void check(const rcrt::plan::Plan* plan, rcrt::plan::Table table, size_t item) {
  if (table.count > 0 && (table.offset < sizeof *plan || table.offset + table.count * item > plan->size))
    abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  rcrt::Json config = rcrt::Json::parse(data, data + size, nullptr, false);
  if (config.is_discarded()) return 0;
  auto draft = rcrt::build_plan(config);
  if (!draft) {
    if (draft.error().what.empty()) abort();
    return 0;
  }
  std::string block = rcrt::write_plan(*draft, {});
  auto* plan = reinterpret_cast<const rcrt::plan::Plan*>(block.data());
  if (plan->size != block.size()) abort();
  check(plan, plan->args, sizeof(rcrt::plan::Str));
  check(plan, plan->mounts, sizeof(rcrt::plan::Mount));
  check(plan, plan->devices, sizeof(rcrt::plan::Device));
  check(plan, plan->sysctls, sizeof(rcrt::plan::Sysctl));
  check(plan, plan->memory_nodes, sizeof(uint64_t));
  return 0;
}
