// SPDX-License-Identifier: MIT
#include "cli/progress_bar.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "cli/format.h"

namespace rcrt::cli {
namespace {

constexpr size_t kDigits = 12;
constexpr unsigned kLongestBar = 40;

std::string short_digest(const std::string& digest) {
  const size_t colon = digest.find(':');
  return digest.substr(colon == std::string::npos ? 0 : colon + 1, kDigits);
}

const char* words_for(const std::string& state) {
  if (state == "queued") return "waits for its turn";
  if (state == "present") return "already there";
  if (state == "waiting") return "is being fetched by another process";
  if (state == "retrying") return "connection lost, trying again";
  if (state == "mounted") return "taken over from another repository";
  if (state == "done") return "done";
  return "";
}

bool moves(const std::string& state) {
  return state == "downloading" || state == "unpacking" || state == "uploading" || state == "retrying" ||
         state == "saving";
}

}  // namespace

std::string time_left(double seconds) {
  char text[32];
  const auto whole = static_cast<unsigned long>(std::lround(std::min(seconds, 359999.0)));
  if (whole < 60)
    std::snprintf(text, sizeof text, "%lus", whole);
  else if (whole < 3600)
    std::snprintf(text, sizeof text, "%lum%02lus", whole / 60, whole % 60);
  else
    std::snprintf(text, sizeof text, "%luh%02lum", whole / 3600, whole / 60 % 60);
  return text;
}

std::string plain_line(const BlobView& blob) {
  std::string line = short_digest(blob.digest) + ": ";
  const std::string words = words_for(blob.state);
  line += words.empty() ? blob.state : words;
  return line + " (" + human_size(blob.total) + ")";
}

std::string bar_line(const BlobView& blob, unsigned columns) {
  std::string line = short_digest(blob.digest) + " ";
  if (!moves(blob.state)) {
    line += std::string(words_for(blob.state)) + " (" + human_size(blob.total) + ")";
  } else {
    std::string tail = " " + human_size(blob.current) + "/" + human_size(blob.total);
    if (blob.state == "downloading" || blob.state == "uploading" || blob.state == "saving") {
      if (blob.rate > 0) {
        tail += " " + human_size(static_cast<uint64_t>(blob.rate)) + "/s";
        if (blob.total > blob.current)
          tail += " " + time_left(static_cast<double>(blob.total - blob.current) / blob.rate);
      }
    } else {
      tail += " " + blob.state;
    }
    const size_t taken = line.size() + tail.size() + 2;
    if (columns > taken + 4) {
      const auto width = std::min<size_t>(kLongestBar, columns - taken - 1);
      const size_t full = blob.total == 0 ? width : width * std::min(blob.current, blob.total) / blob.total;
      line += "[" + std::string(full, '=') + (full < width ? ">" : "") +
              std::string(full < width ? width - full - 1 : 0, ' ') + "]";
    }
    line += tail;
  }
  if (line.size() >= columns && columns > 0) line.resize(columns - 1);
  return line;
}

}  // namespace rcrt::cli
