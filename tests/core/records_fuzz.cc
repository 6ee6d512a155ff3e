// SPDX-License-Identifier: MIT
// Journal, state and configuration as a crash, a full disk or another version left them:
// reading gives an answer or an Error, never an exception.
#include <stdlib.h>
#include <sys/stat.h>

#include <fstream>

#include "core/container.h"
#include "core/journal.h"

namespace {

const std::string kId(64, 'a');

rcrt::Paths& paths() {
  static rcrt::Paths made = [] {
    char name[] = "/tmp/records-fuzz.XXXXXX";
    if (mkdtemp(name) == nullptr) abort();
    rcrt::Paths p;
    p.root = std::string(name) + "/root";
    p.state = std::string(name) + "/state";
    if (!rcrt::make_folders(p.container(kId)) || !rcrt::make_folders(p.container_state(kId))) abort();
    return p;
  }();
  return made;
}

}  // namespace

// The same bytes as each of the files.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  std::string text(reinterpret_cast<const char*>(bytes), size);
  std::string state = paths().container_state(kId), data = paths().container(kId);
  for (const std::string& file :
       {state + "/journal", state + "/state.json", data + "/config.json", data + "/exit.json"})
    std::ofstream(file, std::ios::trunc) << text;
  (void)rcrt::Journal::read(state);
  auto container = rcrt::ContainerStore(paths()).load(kId);
  if (!container) return 0;
  (void)container->name();
  (void)container->auto_remove();
  (void)container->open_process();
  (void)container->open_monitor();
  return 0;
}
