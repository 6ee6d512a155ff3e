// SPDX-License-Identifier: MIT
#include "systemd.h"

#include <cstring>
#include <map>
#include <memory>

#include "systemd_library.h"
#include "systemd_properties.h"

namespace rcrt::cgroup {
namespace {

constexpr char kService[] = "org.freedesktop.systemd1", kPath[] = "/org/freedesktop/systemd1",
               kManager[] = "org.freedesktop.systemd1.Manager";
constexpr uint64_t kPatience = 30'000'000;  // us until a job must be done

// systemd's manager; root reaches it without a bus daemon.
class Manager {
 public:
  static Expected<std::unique_ptr<Manager>> connect();
  ~Manager() {
    if (bus_) library_.close(bus_);
  }
  Manager(const Manager&) = delete;
  Manager& operator=(const Manager&) = delete;

  struct Unref {
    decltype(&::sd_bus_message_unref) unref;
    void operator()(sd_bus_message* message) const { unref(message); }
  };
  using Message = std::unique_ptr<sd_bus_message, Unref>;

  Expected<Message> new_call(const char* method);
  // The name of systemd's error, "" when there was none.
  Expected<std::string> call(sd_bus_message* message, const std::string& what, Message* reply = nullptr);
  // Calls what starts a job, and waits for that.
  Expected<std::string> run_job(sd_bus_message* message, const std::string& what, const std::string& unit);

  const SystemdLibrary& library() const { return library_; }

 private:
  explicit Manager(const SystemdLibrary& library) : library_(library) {}
  int open();
  static int job_removed(sd_bus_message* message, void* data, sd_bus_error* error);

  SystemdLibrary library_;
  sd_bus* bus_ = nullptr;
  std::map<std::string, std::string> results_;  // of jobs that are done
};

int Manager::open() {
  int code = library_.bus_new(&bus_);
  if (code >= 0) code = library_.set_address(bus_, "unix:path=/run/systemd/private");
  if (code >= 0) code = library_.start(bus_);
  if (code >= 0) return code;
  if (bus_) library_.close(bus_);
  bus_ = nullptr;
  return library_.open_system(&bus_);
}

Expected<std::unique_ptr<Manager>> Manager::connect() {
  RCRT_ASSIGN(SystemdLibrary library, load_systemd());
  std::unique_ptr<Manager> manager(new Manager(library));
  int code = manager->open();
  if (code >= 0)
    code = library.add_match(manager->bus_, nullptr,
                             "type='signal',interface='org.freedesktop.systemd1.Manager',member='JobRemoved'",
                             job_removed, manager.get());
  if (code < 0)
    return sdk::fail(-code, "cannot reach systemd", "/run/systemd/private",
                     "is it process 1 here? use --cgroup-manager cgroupfs where it is not");
  // Needed on a bus, and no harm without one.
  if (auto message = manager->new_call("Subscribe")) (void)manager->call(message->get(), "cannot subscribe");
  return manager;
}

int Manager::job_removed(sd_bus_message* message, void* data, sd_bus_error*) {
  auto* self = static_cast<Manager*>(data);
  uint32_t id = 0;
  const char *path = nullptr, *unit = nullptr, *result = nullptr;
  if (self->library_.read(message, "uoss", &id, &path, &unit, &result) > 0) self->results_[path] = result;
  return 0;
}

Expected<Manager::Message> Manager::new_call(const char* method) {
  sd_bus_message* message = nullptr;
  int code = library_.new_call(bus_, &message, kService, kPath, kManager, method);
  if (code < 0) return sdk::fail(-code, "cannot make a message for systemd", method);
  return Message(message, Unref{library_.unref});
}

Expected<std::string> Manager::call(sd_bus_message* message, const std::string& what, Message* reply) {
  sd_bus_error error = {};
  sd_bus_message* answer = nullptr;
  int code = library_.call(bus_, message, kPatience, &error, &answer);
  std::string name = error.name ? error.name : "", text = error.message ? error.message : "";
  library_.error_free(&error);
  Message owned(answer, Unref{library_.unref});
  if (code < 0 && name.empty()) return sdk::fail(-code, what);
  if (code < 0 && name.starts_with("org.freedesktop.systemd1.")) return name;
  if (code < 0) return sdk::fail(-code, what + ": " + text);
  if (reply) *reply = std::move(owned);
  return std::string();
}

Expected<std::string> Manager::run_job(sd_bus_message* message, const std::string& what,
                                       const std::string& unit) {
  Message reply(nullptr, Unref{library_.unref});
  RCRT_ASSIGN(std::string refused, call(message, what + " " + unit, &reply));
  if (!refused.empty()) return refused;
  const char* path = nullptr;
  if (int code = library_.read(reply.get(), "o", &path); code < 0) return sdk::fail(-code, what, unit);
  const std::string job = path;
  while (!results_.contains(job)) {
    int code = library_.process(bus_, nullptr);
    if (code == 0) code = library_.wait(bus_, kPatience) > 0 ? 1 : -ETIMEDOUT;
    if (code < 0) return sdk::fail(-code, what, unit);
  }
  if (results_[job] == "done") return std::string();
  return sdk::fail(EIO, what, unit, "systemd's job ended with \"" + results_[job] + "\"; see its log");
}

int append_properties(const SystemdLibrary& library, sd_bus_message* message, const Settings& settings) {
  int code = 0;
  for (const auto& property : unit_properties(settings)) {
    if (property.bytes.empty()) {
      code = library.append(message, "(sv)", property.name.c_str(), "t", property.number);
    } else {
      code = library.open_container(message, 'r', "sv");
      if (code >= 0) code = library.append(message, "s", property.name.c_str());
      if (code >= 0) code = library.open_container(message, 'v', "ay");
      if (code >= 0) code = library.append_array(message, 'y', property.bytes.data(), property.bytes.size());
      if (code >= 0) code = library.close_container(message);
      if (code >= 0) code = library.close_container(message);
    }
    if (code < 0) return code;
  }
  return code;
}

Status simple_call(Manager& manager, const char* method, const std::string& unit) {
  RCRT_ASSIGN(auto message, manager.new_call(method));
  if (int code = manager.library().append(message.get(), "s", unit.c_str()); code < 0)
    return sdk::fail(-code, "cannot make a message for systemd", unit);
  RCRT_ASSIGN(std::string refused, manager.call(message.get(), std::string("systemd refuses ") + method));
  (void)refused;  // it does not know the unit any more
  return {};
}

Expected<std::string> try_start(Manager& manager, const std::string& unit, const std::string& slice,
                                pid_t pid, const Settings& settings) {
  const SystemdLibrary& library = manager.library();
  RCRT_ASSIGN(auto message, manager.new_call("StartTransientUnit"));
  sd_bus_message* to = message.get();
  int code = library.append(to, "ss", unit.c_str(), "fail");
  if (code >= 0) code = library.open_container(to, 'a', "(sv)");
  if (code >= 0) code = library.append(to, "(sv)", "Description", "s", "container of rcrt-oci");
  if (code >= 0) code = library.append(to, "(sv)", "Slice", "s", slice.c_str());
  if (code >= 0) code = library.append(to, "(sv)", "PIDs", "au", 1, static_cast<uint32_t>(pid));
  for (const char* flag :
       {"Delegate", "MemoryAccounting", "CPUAccounting", "IOAccounting", "TasksAccounting"})
    if (code >= 0) code = library.append(to, "(sv)", flag, "b", 1);
  if (code >= 0) code = library.append(to, "(sv)", "DefaultDependencies", "b", 0);
  if (code >= 0) code = append_properties(library, to, settings);
  if (code >= 0) code = library.close_container(to);
  if (code >= 0) code = library.append(to, "a(sa(sv))", 0);
  if (code < 0) return sdk::fail(-code, "cannot make a message for systemd", unit);
  return manager.run_job(to, "systemd cannot start", unit);
}

}  // namespace

Status start_scope(const std::string& unit, const std::string& slice, pid_t pid, const Settings& settings) {
  RCRT_ASSIGN(auto manager, Manager::connect());
  RCRT_ASSIGN(std::string refused, try_start(*manager, unit, slice, pid, settings));
  if (refused == "org.freedesktop.systemd1.UnitExists") {
    // One that failed is kept until somebody says so.
    RCRT_TRY(simple_call(*manager, "ResetFailedUnit", unit));
    RCRT_ASSIGN(refused, try_start(*manager, unit, slice, pid, settings));
  }
  if (refused.empty()) return {};
  return sdk::fail(EEXIST, "systemd cannot start " + unit + ": " + refused, slice);
}

Status change_scope(const std::string& unit, const Settings& settings) {
  if (unit_properties(settings).empty()) return {};
  RCRT_ASSIGN(auto manager, Manager::connect());
  const SystemdLibrary& library = manager->library();
  RCRT_ASSIGN(auto message, manager->new_call("SetUnitProperties"));
  int code = library.append(message.get(), "sb", unit.c_str(), 1 /* until the next boot */);
  if (code >= 0) code = library.open_container(message.get(), 'a', "(sv)");
  if (code >= 0) code = append_properties(library, message.get(), settings);
  if (code >= 0) code = library.close_container(message.get());
  if (code < 0) return sdk::fail(-code, "cannot make a message for systemd", unit);
  RCRT_ASSIGN(std::string refused, manager->call(message.get(), "systemd cannot change " + unit));
  if (refused.empty()) return {};
  return sdk::fail(ENOENT, "systemd cannot change " + unit + ": " + refused);
}

Status stop_scope(const std::string& unit) {
  RCRT_ASSIGN(auto manager, Manager::connect());
  RCRT_ASSIGN(auto message, manager->new_call("StopUnit"));
  if (int code = manager->library().append(message.get(), "ss", unit.c_str(), "replace"); code < 0)
    return sdk::fail(-code, "cannot make a message for systemd", unit);
  RCRT_ASSIGN(std::string refused, manager->run_job(message.get(), "systemd cannot stop", unit));
  (void)refused;  // it is gone already
  return simple_call(*manager, "ResetFailedUnit", unit);
}

}  // namespace rcrt::cgroup
