// SPDX-License-Identifier: MIT
// Columns: memory, and what was read and written.
#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "oci/ps/column.h"

namespace rcrt::oci::ps {
namespace {

Cell amount(unsigned long long value) { return {std::to_string(value), static_cast<double>(value)}; }

Cell virtual_size(const View& view) { return amount(view.process.status_number("VmSize")); }
Cell resident_size(const View& view) { return amount(view.process.status_number("VmRSS")); }

Cell pages(const View& view) {
  return amount(view.process.status_number("VmSize") / (view.machine.page() / 1024));
}

Cell bytes(const View& view) { return number(view.process.stat(Stat::size)); }

Cell writable_size(const View& view) {
  const unsigned long long size = view.process.status_number("VmData") + view.process.status_number("VmStk");
  return {std::to_string(size), static_cast<double>(view.process.stat(Stat::size))};
}

long long code_bytes(const View& view) {
  return view.process.stat(Stat::code_end) - view.process.stat(Stat::code_begin);
}

Cell code_size(const View& view) {
  const long long size = view.process.stat(Stat::size);
  return {std::to_string(size != 0 ? code_bytes(view) >> 10 : 0), static_cast<double>(size)};
}

Cell data_size(const View& view) {
  const long long size = view.process.stat(Stat::size);
  return {std::to_string(size != 0 ? (size - code_bytes(view)) >> 10 : 0), static_cast<double>(size)};
}

Cell memory_percent(const View& view) {
  const unsigned long long resident = view.process.status_number("VmRSS");
  const auto mille = std::min(resident * 1000 / view.machine.memory(), 999ULL);
  char text[32];
  snprintf(text, sizeof text, "%2llu.%llu", mille / 10, mille % 10);
  return {text, static_cast<double>(resident)};
}

Cell limit(const View& view) {
  const auto bytes = static_cast<unsigned long long>(view.process.stat(Stat::resident_limit));
  char text[32];
  snprintf(text, sizeof text, "%5llu", bytes >> 10);
  return {bytes == ~0ULL ? "xx" : text, static_cast<double>(bytes)};
}

// The number behind `key` in a file of lines "key: number".
unsigned long long listed(const View& view, const char* file, std::string_view key) {
  const std::string text = "\n" + view.process.file(file), line = "\n" + std::string(key) + ":";
  const size_t found = text.find(line);
  return found == text.npos ? 0 : std::strtoull(text.c_str() + found + line.size(), nullptr, 10);
}

Cell proportional_size(const View& view) { return amount(listed(view, "smaps_rollup", "Pss")); }

Cell unique_size(const View& view) {
  return amount(listed(view, "smaps_rollup", "Private_Clean") +
                listed(view, "smaps_rollup", "Private_Dirty"));
}

template <Stat own, Stat children>
Cell faults(const View& view) {
  return number(view.process.stat(own) + (view.style.children ? view.process.stat(children) : 0));
}

constexpr auto minor_faults = faults<Stat::minor_faults, Stat::children_minor_faults>;
constexpr auto major_faults = faults<Stat::major_faults, Stat::children_major_faults>;

Cell bytes_read(const View& view) { return amount(listed(view, "io", "read_bytes")); }
Cell bytes_written(const View& view) { return amount(listed(view, "io", "write_bytes")); }
Cell bytes_cancelled(const View& view) { return amount(listed(view, "io", "cancelled_write_bytes")); }
Cell characters_read(const View& view) { return amount(listed(view, "io", "rchar")); }
Cell characters_written(const View& view) { return amount(listed(view, "io", "wchar")); }
Cell reads(const View& view) { return amount(listed(view, "io", "syscr")); }
Cell writes(const View& view) { return amount(listed(view, "io", "syscw")); }

template <Stat field>
Cell address(const View& view) {
  const auto value = static_cast<unsigned long long>(view.process.stat(field));
  char text[32];
  snprintf(text, sizeof text, "%0*llx", static_cast<int>(2 * sizeof(long)), value);
  return {text, static_cast<double>(value)};
}

constexpr unsigned char kAddressWidth = 2 * sizeof(long);

Cell oom_score(const View& view) { return number(std::atoi(view.process.file("oom_score").c_str())); }
Cell oom_adjustment(const View& view) {
  return number(std::atoi(view.process.file("oom_score_adj").c_str()));
}

constexpr Column kColumns[] = {
    {"vsz vsize", "VSZ", 6, Fit::right, Scope::process, virtual_size},
    {"rss rssize", "RSS", 5, Fit::right, Scope::process, resident_size},
    {"rsz", "RSZ", 5, Fit::right, Scope::process, resident_size},
    {"sgi_rss", "RSS", 4, Fit::left, Scope::process, resident_size},
    {"pmem %mem", "%MEM", 4, Fit::right, Scope::process, memory_percent},
    {"sz", "SZ", 5, Fit::right, Scope::process, pages},
    {"size", "SIZE", 5, Fit::right, Scope::process, writable_size},
    {"m_size", "SIZE", 5, Fit::right, Scope::process, bytes},
    {"pss", "PSS", 5, Fit::right, Scope::process, proportional_size},
    {"uss", "USS", 5, Fit::right, Scope::process, unique_size},
    {"drs m_drs", "DRS", 5, Fit::right, Scope::process, data_size},
    {"dsiz", "DSIZ", 4, Fit::right, Scope::process, data_size},
    {"trs", "TRS", 4, Fit::right, Scope::process, code_size},
    {"m_trs", "TRS", 5, Fit::right, Scope::process, code_size},
    {"trss", "TRSS", 4, Fit::right, Scope::process, code_size},
    {"tsiz", "TSIZ", 4, Fit::right, Scope::process, code_size},
    {"lim", "LIM", 5, Fit::right, Scope::both, limit},
    {"min_flt", "MINFL", 6, Fit::right, Scope::both, minor_faults},
    {"minflt", "MINFLT", 6, Fit::right, Scope::both, minor_faults},
    {"maj_flt", "MAJFL", 6, Fit::right, Scope::both, major_faults},
    {"majflt", "MAJFLT", 6, Fit::right, Scope::both, major_faults},
    {"pagein", "PAGEIN", 6, Fit::right, Scope::both, major_faults},
    {"rbytes", "RBYTES", 5, Fit::right, Scope::thread, bytes_read},
    {"rchars", "RCHARS", 5, Fit::right, Scope::thread, characters_read},
    {"rops", "ROPS", 5, Fit::right, Scope::thread, reads},
    {"wbytes", "WBYTES", 5, Fit::right, Scope::thread, bytes_written},
    {"wcbytes", "WCBYTES", 5, Fit::right, Scope::thread, bytes_cancelled},
    {"wchars", "WCHARS", 5, Fit::right, Scope::thread, characters_written},
    {"wops", "WOPS", 5, Fit::right, Scope::thread, writes},
    {"stackp start_stack", "STACKP", kAddressWidth, Fit::right, Scope::process, address<Stat::stack>},
    {"esp", "ESP", kAddressWidth, Fit::right, Scope::thread, address<Stat::stack_pointer>},
    {"eip", "EIP", kAddressWidth, Fit::right, Scope::thread, address<Stat::instruction_pointer>},
    {"oom", "OOM", 4, Fit::right, Scope::thread, oom_score},
    {"oomadj", "OOMADJ", 5, Fit::right, Scope::thread, oom_adjustment},
};

}  // namespace

std::span<const Column> memory_columns() { return kColumns; }

}  // namespace rcrt::oci::ps
