// SPDX-License-Identifier: MIT
// Columns: signals, as masks.
#include "oci/ps/column.h"

namespace rcrt::oci::ps {
namespace {

// A thread's own in its line, the process's in the process's.
Cell pending(const View& view) {
  return text(view.process.status(view.process.is_thread() ? "SigPnd" : "ShdPnd"));
}

Cell threads_pending(const View& view) { return text(view.process.status("SigPnd")); }
Cell blocked(const View& view) { return text(view.process.status("SigBlk")); }
Cell caught(const View& view) { return text(view.process.status("SigCgt")); }
Cell ignored(const View& view) { return text(view.process.status("SigIgn")); }

constexpr Column kColumns[] = {
    {"pending sig", "PENDING", 9, Fit::signals, Scope::both, pending},
    {"sig_pend", "SIGNAL", 9, Fit::signals, Scope::both, pending},
    {"tsig", "PENDING", 9, Fit::signals, Scope::both, threads_pending},
    {"blocked sig_block sigmask", "BLOCKED", 9, Fit::signals, Scope::thread, blocked},
    {"caught sigcatch", "CAUGHT", 9, Fit::signals, Scope::thread, caught},
    {"sig_catch", "CATCHED", 9, Fit::signals, Scope::thread, caught},
    {"ignored sigignore sig_ignore", "IGNORED", 9, Fit::signals, Scope::thread, ignored},
};

}  // namespace

std::span<const Column> signal_columns() { return kColumns; }

}  // namespace rcrt::oci::ps
