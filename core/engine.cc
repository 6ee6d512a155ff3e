// SPDX-License-Identifier: MIT
#include "core/engine.h"

namespace rcrt {

Engine::Engine(Paths paths, PluginHost::LogSink log)
    : paths_(std::move(paths)),
      log_(std::move(log)),
      plugins_(paths_.plugin_folders, log_),
      containers_(paths_),
      images_(paths_.root),
      volumes_(paths_) {}

}  // namespace rcrt
