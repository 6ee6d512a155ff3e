// SPDX-License-Identifier: MIT
#include "cli/foreground.h"

#include <utility>

#include "cli/attach.h"
#include "cli/go_on.h"

namespace rcrt::cli {

void hand_over_signals(Engine& engine, bool proxy) {
  engine.set_handover([proxy](bool to_container) {
    if (to_container)
      hold_signals(proxy);
    else
      release_signals(proxy);
  });
}

Result<int> stay_with(Context& context, Running& running, bool proxy) {
  RCRT_ASSIGN(Engine* const engine, context.engine());
  RCRT_ASSIGN(const ExitRecord record, attach(running, proxy));
  release_signals(proxy);
  bool cleaned = false;
  auto clean_up = [&] {
    if (std::exchange(cleaned, true)) return;
    running.launcher.settle();
    auto undone = engine->clean_up(running.id);
    if (undone)
      running.launcher.cleaned_up();
    else
      print_warning("clean-up is not complete, `rcrt system recover` retries it: " +
                    undone.error().message());
  };
  // The exit code is reported first, and the clean-up done while the caller goes on.
  if (running.gives_back) clean_up();
  exit_and_go_on(record.exit_code, [&] {
    clean_up();
    context.idle_networks_after_pause();
  });
  clean_up();
  return record.exit_code;
}

}  // namespace rcrt::cli
