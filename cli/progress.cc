// SPDX-License-Identifier: MIT
#include "cli/progress.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

namespace rcrt::cli {
namespace {

constexpr auto kBetweenDraws = std::chrono::milliseconds(90);
constexpr double kRateSeconds = 0.5;  // a rate is taken over at least so long

std::pair<unsigned, unsigned> error_terminal_size() {
  winsize size{};
  if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return {24, 80};
  return {size.ws_row, size.ws_col};
}

bool is_over(const std::string& state) { return state == "done" || state == "present" || state == "mounted"; }

}  // namespace

ProgressMode default_progress() {
  const char* terminal = getenv("TERM");
  const bool dumb = terminal == nullptr || *terminal == '\0' || strcmp(terminal, "dumb") == 0;
  return isatty(STDERR_FILENO) && !dumb ? ProgressMode::bars : ProgressMode::plain;
}

void add_progress_flag(po::options_description& description) {
  description.add_options()                                                                    //
      ("progress", word("FORM"), "auto, bars, plain, none, or json: every event, one a line")  //
      ("quiet,q", toggle(), "print nothing but the result");
}

Result<ProgressMode> progress_mode(const CommandLine& line) {
  const std::string form = line.text("progress");
  if (form == "json") return ProgressMode::json;
  if (line.flag("quiet") || form == "none") return ProgressMode::none;
  if (form.empty() || form == "auto") return default_progress();
  if (form == "plain") return ProgressMode::plain;
  if (form == "bars") return ProgressMode::bars;
  return error("invalid --progress", form, "auto, bars, plain, none or json", EINVAL);
}

Plugin::ProgressSink ProgressView::sink() {
  if (mode_ == ProgressMode::none) return {};
  return [this](const Json& event) { take(event); };
}

void ProgressView::take(const Json& event) {
  if (mode_ == ProgressMode::json) {
    printf("%s\n", event.dump(-1, ' ', false, Json::error_handler_t::replace).c_str());
    fflush(stdout);
    return;
  }
  const std::string kind = event.value("event", "");
  if (kind == "text") say(event.value("text", ""));
  if (kind == "blob") take_blob(event);
  if (mode_ == ProgressMode::bars && Clock::now() - last_draw_ >= kBetweenDraws) draw();
}

void ProgressView::take_blob(const Json& event) {
  const std::string digest = event.value("digest", ""), state = event.value("state", "");
  const auto [it, is_new] = by_digest_.emplace(digest, rows_.size());
  if (is_new) rows_.push_back({{digest, "", 0, 0, 0}, Clock::now(), 0});
  Row& row = rows_[it->second];
  const std::string before = row.blob.state;
  row.blob.state = state;
  row.blob.current = event.value("current", uint64_t{0});
  row.blob.total = event.value("total", uint64_t{0});
  if (state != before) {
    row.since = Clock::now();
    row.rate_from = row.blob.current;
    row.blob.rate = 0;
    if (mode_ == ProgressMode::plain && state != "queued" && state != "unpacking") say(plain_line(row.blob));
  }
  const double seconds = std::chrono::duration<double>(Clock::now() - row.since).count();
  if (seconds >= kRateSeconds && row.blob.current >= row.rate_from) {
    const double now = static_cast<double>(row.blob.current - row.rate_from) / seconds;
    row.blob.rate = row.blob.rate == 0 ? now : 0.7 * row.blob.rate + 0.3 * now;
    row.since = Clock::now();
    row.rate_from = row.blob.current;
  }
}

void ProgressView::say(const std::string& line) {
  erase();
  std::string clean = line;
  std::ranges::replace_if(clean, [](unsigned char c) { return c < 0x20 || c == 0x7f; }, ' ');
  fprintf(stderr, "%s\n", clean.c_str());
}

void ProgressView::erase() {
  if (drawn_ > 0) fprintf(stderr, "\x1b[%uA\x1b[J", drawn_);
  drawn_ = 0;
}

// What fits: those that are under way before those that are over.
void ProgressView::draw() {
  last_draw_ = Clock::now();
  const auto [height, width] = error_terminal_size();
  const size_t room = height > 2 ? height - 1 : 1;
  size_t over_to_skip = rows_.size() > room ? rows_.size() - room : 0;
  size_t shown = 0;
  std::string text;
  for (const Row& row : rows_) {
    if (over_to_skip > 0 && is_over(row.blob.state)) {
      --over_to_skip;
      continue;
    }
    if (shown == room) break;
    text += bar_line(row.blob, width) + "\x1b[K\n";
    ++shown;
  }
  erase();
  fputs(text.c_str(), stderr);
  fflush(stderr);
  drawn_ = static_cast<unsigned>(shown);
}

void ProgressView::finish() {
  if (mode_ == ProgressMode::bars && !rows_.empty()) draw();
  rows_.clear();
  by_digest_.clear();
  drawn_ = 0;
}

}  // namespace rcrt::cli
