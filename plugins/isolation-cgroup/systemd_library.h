// SPDX-License-Identifier: MIT
// libsystemd's sd-bus, loaded when systemd is asked for a group and not before.
#pragma once

#include <systemd/sd-bus.h>

#include "files.h"

namespace rcrt::cgroup {

struct SystemdLibrary {
  decltype(&::sd_bus_new) bus_new;
  decltype(&::sd_bus_set_address) set_address;
  decltype(&::sd_bus_start) start;
  decltype(&::sd_bus_open_system) open_system;
  decltype(&::sd_bus_flush_close_unref) close;
  decltype(&::sd_bus_add_match) add_match;
  decltype(&::sd_bus_message_new_method_call) new_call;
  decltype(&::sd_bus_message_append) append;
  decltype(&::sd_bus_message_append_array) append_array;
  decltype(&::sd_bus_message_open_container) open_container;
  decltype(&::sd_bus_message_close_container) close_container;
  decltype(&::sd_bus_message_read) read;
  decltype(&::sd_bus_message_unref) unref;
  decltype(&::sd_bus_call) call;
  decltype(&::sd_bus_process) process;
  decltype(&::sd_bus_wait) wait;
  decltype(&::sd_bus_error_free) error_free;
};

Expected<SystemdLibrary> load_systemd();

}  // namespace rcrt::cgroup
