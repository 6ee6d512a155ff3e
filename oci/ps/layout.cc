// SPDX-License-Identifier: MIT
#include "oci/ps/layout.h"

#include <algorithm>

#include "oci/ps/text.h"

namespace rcrt::oci::ps {
namespace {

constexpr size_t kMask = 16, kShortMask = 8;
constexpr size_t kShortName = 8;
constexpr size_t kLeastLast = 3;  // of a last column that is cut

bool is_cut(Fit fit) { return fit == Fit::cut || fit == Fit::command; }

// A mask's last digits; where that hides some, after a "<".
std::string short_mask(const std::string& mask) {
  if (mask.size() < kShortMask) return mask;
  const bool hides = mask.size() - std::min(mask.find_first_not_of('0'), mask.size()) > kShortMask;
  return (hides ? "<" : "") + mask.substr(mask.size() - kShortMask);
}

}  // namespace

// Lines are at least as wide as the columns need: then each takes several of the terminal's.
Layout::Layout(const std::vector<Shown>& columns, const Options& options)
    : columns_(columns), numeric_(options.style.numeric) {
  size_t needed = 0, masks = 0;
  bool blank = false;
  for (const Shown& shown : columns_) {
    const bool last = &shown == &columns_.back();
    const bool flexible = last && shown.column != nullptr && is_cut(shown.column->fit);
    needed += (flexible ? kLeastLast : shown.width) + (blank && shown.column != nullptr ? 1 : 0);
    blank = shown.column != nullptr;
    if (shown.column != nullptr && shown.column->fit == Fit::signals) ++masks;
  }
  width_ = options.columns * std::max<size_t>(1, (needed + options.columns - 1) / options.columns);
  wide_signals_ = needed + masks * (kMask - kShortMask - 1) <= width_;
}

size_t Layout::padding(const Shown& shown, size_t cells) const {
  if (shown.column == nullptr) return 0;
  const Fit fit = shown.column->fit;
  const bool right = fit == Fit::right || (numeric_ && (fit == Fit::name || fit == Fit::wchan));
  const size_t width = fit == Fit::signals ? (wide_signals_ ? kMask : kShortMask + 1)
                       : right             ? shown.width
                                           : 0;
  return width > cells ? width - cells : 0;
}

std::string Layout::fitted(const Column& column, const std::string& text, const std::string& branch,
                           size_t room) const {
  switch (column.fit) {
    case Fit::name:
      return cells_of(text) <= room || numeric_ || room == 0 ? text : first_cells(text, room - 1) + "+";
    case Fit::command:
      return first_cells(branch + text, room);
    case Fit::short_command:
      return branch + first_cells(text, std::min(kShortName, room - std::min(room, branch.size())));
    case Fit::cut:
    case Fit::wchan:
      return first_cells(text, room);
    case Fit::signals:
      return wide_signals_ ? text : short_mask(text);
    case Fit::right:
    case Fit::left:
      break;
  }
  return text;
}

// `branch`: none for a header, which is not cut.
std::string Layout::spaced(const std::vector<std::string>& texts, const std::string* branch) const {
  std::string line;
  size_t at = 0, due = 0;  // where the line is, and where the column should begin
  size_t blank = 0;        // that must stand between, whatever is wider
  for (size_t i = 0; i < columns_.size(); ++i) {
    const Shown& shown = columns_[i];
    const bool last = i + 1 == columns_.size();
    const size_t begin = due > at ? due : at + blank;
    const size_t room = !last ? shown.width : width_ > begin ? width_ - begin : 0;
    const std::string text = branch != nullptr && shown.column != nullptr
                                 ? fitted(*shown.column, texts[i], *branch, room)
                                 : texts[i];
    const size_t cells = cells_of(text);
    const size_t wanted = due + padding(shown, cells);
    const size_t space = wanted > at ? wanted - at : blank;
    line += std::string(space, ' ') + text;
    at += space + cells;
    due += shown.width;
    if (shown.column != nullptr && shown.column->fit == Fit::signals && wide_signals_)
      due += kMask - kShortMask - 1;
    blank = !last && shown.column != nullptr && columns_[i + 1].column != nullptr ? 1 : 0;
    due += blank;
  }
  return line + "\n";
}

std::string Layout::header() const {
  const bool none = std::ranges::all_of(
      columns_, [](const Shown& shown) { return shown.column == nullptr || shown.header.empty(); });
  if (none) return {};
  std::vector<std::string> texts;
  for (const Shown& shown : columns_) texts.push_back(shown.header);
  return spaced(texts, nullptr);
}

std::string Layout::line(const std::vector<std::string>& texts, const std::string& branch) const {
  return spaced(texts, &branch);
}

}  // namespace rcrt::oci::ps
