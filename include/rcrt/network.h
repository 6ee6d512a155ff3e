/* SPDX-License-Identifier: MIT */
/* rcrt.network/1: connects a container's network namespace. File `net-<name>.so`.
 *
 * Requests carry these members (each function says which):
 *   "container"  "<id>", 64 hex digits
 *   "name"       the container's name
 *   "index"      0, 1, ...: which of the container's networks this is; container
 *                and index together name the attachment, and a plugin derives the
 *                names of its kernel objects from them alone
 *   "interface"  the name inside the container, "eth0"
 *   "network"    the network's configuration: { "name": "bridge", "driver": "bridge",
 *                "subnets": [ { "subnet": "10.89.0.0/24", "gateway": "10.89.0.1" } ],
 *                "internal": false, "mtu": 1400, "options": { } }; all but name and
 *                driver optional, the plugin fills in what is missing
 *   "ip", "ip6", "mac"   what the user asked for; optional
 *   "ports"      [ { "host_ip": "", "host_port": 8080, "container_port": 80,
 *                    "protocol": "tcp"|"udp"|"sctp" } ]; host_ip "" is every
 *                address; host_port 0 lets the plugin choose
 *   "state_dir"  "/run/rcrt/networks": for leases and locks of running containers;
 *                exists, dies with the machine
 *   "data_dir"   "/var/lib/rcrt": the plugin may keep backups/<what>/ there
 */
#ifndef RCRT_NETWORK_H
#define RCRT_NETWORK_H

#include <rcrt/plugin.h>

#ifdef __cplusplus
extern "C" {
#endif

#define RCRT_NETWORK_V1 "rcrt.network/1"

typedef struct rcrt_network_v1 {
  size_t size;

  /* Optional. What the container's configuration must say before it is started.
   * Request: container, network. Result: { "host": true } when the container uses
   * the caller's own network namespace and no attach follows; else { }. */
  rcrt_function plan;

  /* Connects the namespace in descriptor "netns". All request members. On failure
   * whatever was made is undone before returning.
   * Result: {
   *   "interfaces": [ { "name": "eth0", "mac": "...", "mtu": 1400, "host": "rv..." } ],
   *   "addresses":  [ { "interface": "eth0", "address": "10.89.0.2/24",
   *                     "gateway": "10.89.0.1" } ],
   *   "dns":        { "servers": [ "..." ], "search": [ ], "options": [ ] },
   *   "ports":      [ as in the request, host_port filled in ]
   * } */
  rcrt_function attach;

  /* Undoes attach. Same request; descriptor "netns" only if the namespace still
   * exists. Idempotent; must also clean up after an attach that was killed half
   * way, and must not block on the kernel longer than it takes to unregister the
   * container (links die with their namespace). */
  rcrt_function detach;

  /* Optional. Called some time after the last detach, never on the path of a
   * run: takes down what is shared (bridge, table) if no container uses it any
   * more, else does nothing. Request: state_dir, data_dir, quiet_ms (what a
   * container came to or left within so many milliseconds counts as used: whoever
   * came or left last calls again). Idempotent. */
  rcrt_function idle;

  /* Optional. The attachments and shared objects that exist. Request: state_dir,
   * data_dir, network (optional). Result: { "attachments": [ { "container", "index",
   * "network", "addresses", "ports" } ], ... }. */
  rcrt_function status;

  /* Optional. Brings shared objects and rules back to what the attachments need,
   * after somebody else removed them. Request: state_dir, data_dir. Idempotent. */
  rcrt_function reconcile;

  /* Optional. Disconnects every container and removes every shared object; the
   * host's configuration is then as it was. Request: state_dir, data_dir.
   * Idempotent. */
  rcrt_function teardown;

  /* Optional. Saved host configurations. Request: data_dir. Result:
   * { "backups": [ { "id": "...", "time": "RFC 3339", "size": <bytes> } ] }. */
  rcrt_function backups;

  /* Optional. Puts a saved host configuration back in one transaction. Request:
   * data_dir, "id", "confirm": false. With confirm false nothing is changed and the
   * result says { "lost": [ "sentence", ... ] } what cannot be preserved. */
  rcrt_function restore;

  /* Optional. What could stop the network from working here. Request: state_dir,
   * data_dir. Result: { "findings": [ { "ok": bool, "what": "...", "cure": "..." } ] }. */
  rcrt_function doctor;
} rcrt_network_v1;

#ifdef __cplusplus
}
#endif
#endif
