// SPDX-License-Identifier: MIT
// What a long call says of how it gets on, shown to a person or a program.
#pragma once

#include <chrono>
#include <map>
#include <string>
#include <vector>

#include "cli/options.h"
#include "cli/progress_bar.h"
#include "core/plugin_host.h"

namespace rcrt::cli {

enum class ProgressMode {
  none,
  plain,  // a line on standard error for what begins and ends
  bars,   // a bar a layer, drawn again and again; for terminals
  json,   // every event, one a line, on standard output
};

// bars when standard error is a terminal that can draw them, else plain.
ProgressMode default_progress();
// --progress and --quiet.
void add_progress_flag(po::options_description& description);
Result<ProgressMode> progress_mode(const CommandLine& line);

class ProgressView {
 public:
  explicit ProgressView(ProgressMode mode) : mode_(mode) {}
  ~ProgressView() { finish(); }
  ProgressView(const ProgressView&) = delete;
  ProgressView& operator=(const ProgressView&) = delete;

  // Empty when nothing is to be shown. Lives as long as this does.
  Plugin::ProgressSink sink();
  // Draws the last state; what is printed afterwards stands below.
  void finish();

 private:
  using Clock = std::chrono::steady_clock;
  struct Row {
    BlobView blob;
    Clock::time_point since;  // of rate_from
    uint64_t rate_from = 0;
  };

  void take(const Json& event);
  void take_blob(const Json& event);
  void say(const std::string& line);
  void draw();
  void erase();

  const ProgressMode mode_;
  std::vector<Row> rows_;
  std::map<std::string, size_t> by_digest_;
  unsigned drawn_ = 0;  // lines on the terminal that are ours
  Clock::time_point last_draw_;
};

}  // namespace rcrt::cli
