// SPDX-License-Identifier: MIT
#include "oci/ps/report.h"

#include <algorithm>

#include "oci/ps/formats.h"
#include "oci/ps/layout.h"
#include "oci/ps/options.h"
#include "oci/ps/order.h"

namespace rcrt::oci::ps {
namespace {

struct Request {
  Options options;
  std::vector<Shown> columns;
  std::vector<Key> keys;
};

Result<Request> understood(const std::vector<std::string>& words, Machine& machine, bool all_bsd) {
  Request request;
  RCRT_ASSIGN(request.options, read_options(words, machine, all_bsd));
  RCRT_ASSIGN(request.columns, columns_of(request.options, machine));
  RCRT_ASSIGN(request.keys, parse_keys(request.options.order));
  return request;
}

// Hierarchies are sorted by parent and start where nothing else is asked for.
std::vector<Key> keys_of(const Request& request) {
  if (request.options.forest == Forest::none) return request.keys;
  std::vector<Key> keys = request.keys;
  if (keys.empty()) keys.push_back({find_column("ppid"), false});
  keys.push_back({find_column("start_time"), false});
  return keys;
}

std::vector<Process> processes_of(const std::vector<pid_t>& pids, const Options& options) {
  const bool threads = options.each_thread && !options.threads_below;
  std::vector<Process> processes;
  for (const pid_t pid : pids) {
    std::vector<Process> found;
    if (threads)
      found = Process::threads_of(pid);
    else if (auto process = Process::read(pid))
      found.push_back(std::move(*process));
    for (Process& process : found)
      if (options.selection.takes(process)) processes.push_back(std::move(process));
  }
  return processes;
}

class Writer {
 public:
  Writer(Request& request, Machine& machine)
      : request_(request), machine_(machine), layout_(request.columns, request.options) {
    if (request.options.headings != Headings::none) text_ = layout_.header();
  }

  // `other`: columns of that scope are not of such a line.
  void add(const Process& process, const std::string& branch, std::optional<Scope> other) {
    if (request_.options.headings == Headings::each_page && ++line_ == request_.options.rows) {
      text_ += layout_.header();
      line_ = 1;
    }
    const View view{process, machine_, request_.options.style};
    std::vector<std::string> texts;
    for (const auto& [column, header, width] : request_.columns)
      if (column == nullptr)
        texts.push_back(header);
      else
        texts.push_back((column->scope == other ? nothing(view) : column->cell(view)).text);
    text_ += layout_.line(texts, branch);
  }

  std::string take() { return std::move(text_); }

 private:
  Request& request_;
  Machine& machine_;
  const Layout layout_;
  std::string text_;
  size_t line_ = 0;
};

}  // namespace

Result<std::string> report(std::vector<pid_t> pids, const std::vector<std::string>& words) {
  Machine machine;
  auto request = understood(words, machine, false);
  if (!request)
    if (auto again = understood(words, machine, true)) request = std::move(again);
  if (!request) return std::unexpected(request.error());
  const Options& options = request->options;

  std::ranges::sort(pids);
  std::vector<Process> processes = processes_of(pids, options);
  if (const auto keys = keys_of(*request); !keys.empty()) sort(processes, keys, machine, options.style);
  const auto lines =
      options.forest == Forest::none ? in_order(processes) : as_hierarchy(processes, options.forest);
  Writer writer(*request, machine);
  for (const Line& line : lines) {
    if (!options.threads_below) {
      writer.add(*line.process, line.branch, {});
      continue;
    }
    writer.add(*line.process, {}, Scope::thread);
    for (const Process& thread : Process::threads_of(line.process->pid()))
      writer.add(thread, {}, Scope::process);
  }
  return writer.take();
}

}  // namespace rcrt::oci::ps
