// SPDX-License-Identifier: MIT
// Tests whose rcrt has fault points: see base/fault.h.
#pragma once

#include <string>
#include <vector>

#include "tests/e2e/stage.h"

namespace rcrt::test {

// `Base` is StageTest, or made of it.
template <typename Base>
class WithFaults : public Base {
 protected:
  static void SetUpTestSuite() {
    Base::tar = "packaging/dist_faults.tar";
    Base::SetUpTestSuite();
  }
  static void TearDownTestSuite() {
    Base::TearDownTestSuite();
    Base::tar = "packaging/dist.tar";
  }
  // Runs rcrt with "RCRT_FAULT_AT=3", or another variable.
  static Output run_with(const std::string& variable, const std::vector<std::string>& args) {
    Base::stage->environment.push_back(variable);
    Output output = Base::run(args);
    Base::stage->environment.pop_back();
    return output;
  }
};

}  // namespace rcrt::test
