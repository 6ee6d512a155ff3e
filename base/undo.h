// SPDX-License-Identifier: MIT
// Undo: inverse steps, run last first unless committed. Steps are idempotent and
// do not fail loudly; a step that cannot do its work says so in the log itself.
#pragma once

#include <functional>
#include <utility>
#include <vector>

namespace rcrt {

class Undo {
 public:
  Undo() = default;
  Undo(const Undo&) = delete;
  Undo& operator=(const Undo&) = delete;
  ~Undo() { run(); }

  void add(std::function<void()> step) { steps_.push_back(std::move(step)); }
  void commit() { steps_.clear(); }
  void run() {
    while (!steps_.empty()) {
      auto step = std::move(steps_.back());
      steps_.pop_back();
      step();
    }
  }

 private:
  std::vector<std::function<void()>> steps_;
};

}  // namespace rcrt
