// SPDX-License-Identifier: MIT
// create and start: a run in two parts, of which the second may come again.
#include <errno.h>
#include <sys/stat.h>

#include "base/fault.h"
#include "core/creation.h"
#include "core/files.h"
#include "core/run_options_json.h"

namespace rcrt {

Result<std::string> Creation::create() {
  RCRT_TRY(check_cid_file());
  keep_ = true;
  RCRT_ASSIGN(resolved_, resolve());
  RCRT_TRY(record());
  RCRT_TRY(specify());
  // The root is made here, so that what cannot be in it is found out now, and volumes are filled.
  RCRT_TRY(begin_storage());
  RCRT_TRY(finish_storage());
  RCRT_TRY(prepare_volumes());
  RCRT_TRY(configure());
  RCRT_TRY(write_config());
  RCRT_TRY(write_file(paths().created_mark(id_), "", Durable::yes));
  fault_point("created");
  if (!options_.cid_file.empty()) RCRT_TRY(write_file(options_.cid_file, id_, Durable::no, 0644));
  done_ = true;
  root_.reset();
  lock_.reset();
  if (auto given_back = engine_.clean_up(id_); !given_back)
    engine_.log_(RCRT_LOG_WARNING, "rcrt",
                 "`rcrt system recover` has something to do: " + given_back.error().message());
  return id_;
}

Result<void> Creation::take_up(const Container& container) {
  RCRT_ASSIGN(ContainerLock lock,
              ContainerLock::acquire(paths(), container.id, ContainerLock::Mode::exclusive));
  // Somebody else may have been quicker.
  RCRT_ASSIGN(const Container now, engine_.containers_.load(container.id));
  if (now.status == Status::running || now.status == Status::creating)
    if (now.open_process() || now.open_monitor())
      return error("container runs already", container.name(), {}, EALREADY);
  lock_ = std::move(lock);
  const std::string state = paths().container_state(container.id);
  RCRT_TRY(make_folders(paths().state + "/networks"));
  RCRT_TRY(make_folders(state));
  RCRT_ASSIGN(Journal opened, Journal::open(state));
  journal_ = std::move(opened);
  again_ = true;
  id_ = container.id;
  name_ = container.name();
  // From the beginning: whatever becomes of this start, the container stays.
  return journal("started", "", Json::object());
}

Result<Running> Creation::start(const Container& container) {
  const Json& config = container.config;
  RCRT_TRY(start_launcher());
  RCRT_TRY(take_up(container));
  kept_ = config["kept"];
  kept_["created"] = config.value("created", int64_t{0});
  const Json request = config.value("storageRequest", Json::object());
  resolved_.image_config = kept_.value("imageConfig", Json::object());
  resolved_.image_name = config.value("imageName", "");
  resolved_.image_id = config.value("imageId", "");
  resolved_.layers = request.value("layers", std::vector<std::string>());
  resolved_.source = request.value("source", "");
  RCRT_TRY(join_namespaces());
  RCRT_TRY(resolve_networks(resolved_));
  return execute();
}

Result<std::string> Engine::create(const RunOptions& options, const PullPolicy& policy) {
  return Creation(*this, options, policy).create();
}

Result<Running> Engine::start(const std::string& id, const Client& client) {
  RCRT_ASSIGN(const Container container, containers_.load(id));
  if (container.exit) wait_for_clean_up(container, 10'000);
  RCRT_TRY(recover_one(id));
  auto kept = container.config.find("kept");
  if (kept == container.config.end())
    return error("container cannot be started again", container.name(),
                 "it was run with --rm, or by an older rcrt: run it anew", ENOTSUP);
  use_plugins_of(container);
  RunOptions options = options_of(kept->value("options", Json::object()));
  options.detach = !client.attached;
  options.attach_in = client.interactive;
  options.rows = client.rows;
  options.columns = client.columns;
  return Creation(*this, std::move(options), PullPolicy()).start(container);
}

}  // namespace rcrt
