// SPDX-License-Identifier: MIT
// net-bridge: containers on bridges of the host. See network.h for what each function
// promises, state.h for what is kept, ruleset.cc for the table.
#include <rcrt/plugin.hpp>

#include "base/result.h"
#include "plugins/net-bridge/backup.h"
#include "plugins/net-bridge/connect.h"
#include "plugins/net-bridge/doctor.h"
#include "plugins/net-bridge/shared.h"

namespace rcrt::bridge {
namespace {

using sdk::Call;

Expected<Host> open_host(const Call& call) {
  std::string state_dir = call.text("state_dir");
  if (state_dir.empty()) return sdk::fail(EINVAL, "request not understood: no state_dir");
  return Host::open(state_dir, call.text("data_dir"));
}

void pass_warnings(const Call& call, const Host& host) {
  for (const std::string& line : host.warnings) call.warn(line);
}

Status plan(Call& call) {
  RCRT_TRY(requested_network(call.request()));
  call.result(Json::object());
  return {};
}

Status attach(Call& call) {
  RCRT_ASSIGN(Request request, parse_request(call.request()));
  int netns = call.fd("netns");
  if (netns < 0) return sdk::fail(EINVAL, "request not understood: no descriptor \"netns\"");
  RCRT_ASSIGN(Host host, Host::open(request.state_dir, request.data_dir));
  auto result = connect(host, request, netns);
  pass_warnings(call, host);
  if (!result) return std::unexpected(result.error());
  call.result(*result);
  return {};
}

Status detach(Call& call) {
  auto parsed = parse_request(call.request());
  if (!parsed) {
    // What attach refused for its settings has nothing to undo but what its names say.
    Json names = call.request();
    for (const char* settings : {"ip", "ip6", "mac", "ports"}) names.erase(settings);
    names["network"] = {{"name", call.request().value("network", Json::object()).value("name", "")}};
    parsed = parse_request(names);
  }
  RCRT_ASSIGN(Request request, std::move(parsed));
  RCRT_ASSIGN(Host host, Host::open(request.state_dir, request.data_dir));
  return disconnect(host, request.attachment, call.fd("netns") < 0 ? Namespace::gone : Namespace::alive);
}

Status idle(Call& call) {
  RCRT_ASSIGN(Host host, open_host(call));
  // Whoever has it may be about to find that the network we left is not quiet yet.
  RCRT_ASSIGN(Lock lock, host.state.lock_exclusive());
  auto quiet = call.request().find("quiet_ms");
  const bool given = quiet != call.request().end() && quiet->is_number_integer();
  Status status = take_down_unused(host, given ? quiet->get<int>() : 0);
  pass_warnings(call, host);
  return status;
}

// Calls `visit` for every attachment on disk, complete or not.
template <typename F>
Status each_attachment(Host& host, F visit) {
  RCRT_ASSIGN(auto names, host.state.networks());
  for (const std::string& name : names) {
    RCRT_ASSIGN(auto files, host.state.find_network(name));
    if (!files) continue;
    RCRT_ASSIGN(auto keys, files->attachments());
    for (const std::string& key : keys) {
      auto attachment = files->attachment(key);
      if (!attachment) return std::unexpected(attachment.error());
      if (*attachment) RCRT_TRY(visit(**attachment));
    }
  }
  return {};
}

Status status(Call& call) {
  RCRT_ASSIGN(Host host, open_host(call));
  std::string only = call.text("only");
  auto wanted = call.request().find("network");
  if (wanted != call.request().end() && wanted->is_object()) only = wanted->value("name", "");
  if (wanted != call.request().end() && wanted->is_string()) only = wanted->get<std::string>();
  RCRT_ASSIGN(auto lock, host.state.lock_shared());
  Json attachments = Json::array(), networks = Json::array();
  RCRT_TRY(each_attachment(host, [&](const Attachment& a) -> Status {
    if (!only.empty() && a.network != only) return {};
    Json addresses = Json::array();
    for (const Address* address : {&a.v4, &a.v6})
      if (address->valid()) addresses.push_back(address->text());
    attachments.push_back({{"container", a.container},
                           {"name", a.name},
                           {"index", a.index},
                           {"network", a.network},
                           {"interface", a.interface},
                           {"host", a.host_link},
                           {"addresses", addresses},
                           {"ports", ports_json(a.ports)}});
    return {};
  }));
  RCRT_ASSIGN(auto names, host.state.networks());
  for (const std::string& name : names) {
    if (!only.empty() && name != only) continue;
    RCRT_ASSIGN(auto files, host.state.find_network(name));
    if (!files) continue;
    RCRT_ASSIGN(auto network, files->network());
    if (network) networks.push_back(network->json());
  }
  RCRT_ASSIGN(auto handle, table_handle(host.netfilter));
  call.result({{"attachments", attachments}, {"networks", networks}, {"table", handle.has_value()}});
  return {};
}

Status reconcile(Call& call) {
  RCRT_ASSIGN(Host host, open_host(call));
  RCRT_ASSIGN(auto lock, host.state.lock_exclusive());
  Status status = rebuild(host);
  pass_warnings(call, host);
  return status;
}

Status teardown(Call& call) {
  RCRT_ASSIGN(Host host, open_host(call));
  Status first;
  RCRT_TRY(each_attachment(host, [&](const Attachment& attachment) -> Status {
    Status status = disconnect(host, attachment, Namespace::alive);
    if (!status && first) first = std::move(status);
    return {};
  }));
  RCRT_TRY(first);
  RCRT_ASSIGN(auto lock, host.state.lock_exclusive());
  Status status = take_down_unused(host);
  pass_warnings(call, host);
  return status;
}

Status backups(Call& call) {
  RCRT_ASSIGN(auto list, list_backups(call.text("data_dir")));
  Json json = Json::array();
  for (const Backup& backup : list)
    json.push_back({{"id", backup.id}, {"time", backup.time}, {"size", backup.size}});
  call.result({{"backups", json}});
  return {};
}

Status restore(Call& call) {
  RCRT_ASSIGN(Restore result, restore_backup(call.text("data_dir"), call.text("id"), call.flag("confirm")));
  call.result({{"lost", result.lost}});
  return {};
}

Status doctor(Call& call) {
  RCRT_ASSIGN(Host host, open_host(call));
  RCRT_ASSIGN(auto findings, examine(host));
  Json json = Json::array();
  for (const Finding& f : findings) json.push_back({{"ok", f.ok}, {"what", f.what}, {"cure", f.cure}});
  call.result({{"findings", json}});
  return {};
}

constexpr rcrt_network_v1 kNetwork = {
    .size = sizeof(rcrt_network_v1),
    .plan = RCRT_FUNCTION(plan),
    .attach = RCRT_FUNCTION(attach),
    .detach = RCRT_FUNCTION(detach),
    .idle = RCRT_FUNCTION(idle),
    .status = RCRT_FUNCTION(status),
    .reconcile = RCRT_FUNCTION(reconcile),
    .teardown = RCRT_FUNCTION(teardown),
    .backups = RCRT_FUNCTION(backups),
    .restore = RCRT_FUNCTION(restore),
    .doctor = RCRT_FUNCTION(doctor),
};

}  // namespace
}  // namespace rcrt::bridge

RCRT_PLUGIN("net-bridge", "1.0", "containers on bridges of the host, with published ports", "MIT",
            {RCRT_NETWORK_V1, &rcrt::bridge::kNetwork});
