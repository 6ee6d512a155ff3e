/* SPDX-License-Identifier: MIT */
/* rcrt.storage/1: the root file system of a container. File `storage-<name>.so`.
 *
 * A container's storage goes through prepare (at each start), release (after each
 * stop, data stays) and remove (when the container is removed).
 *
 * The request, the same for all three:
 *   {
 *     "container":  "<id>",
 *     "dir":        "/var/lib/rcrt/containers/<id>/storage",
 *     "layers_dir": "/var/lib/rcrt/layers",
 *     "layers":     ["l/ab12cd3", "l/..."],
 *     "source":     "/srv/rootfs",
 *     "read_only":  false,
 *     "volatile":   false,
 *     "options":    { },
 *     "uid_mappings": [ { "containerID": 0, "hostID": 100000, "size": 65536 } ],
 *     "gid_mappings": [ ... ]
 *   }
 * dir        absolute; a folder of the plugin's own, made by prepare if it wants
 *            one (its parent exists, mode 0700), deleted with all in it by remove.
 *            Names beside it that begin with its own and a dot are the plugin's, too.
 * layers     unpacked image layers, uppermost first, relative to layers_dir; absent
 *            when the root does not come from an image. Never written to.
 * source     what the container's root is made of in place of an image, as the function
 *            `source` said; absent when there are layers.
 * read_only  the root is mounted read-only.
 * volatile   the data need not survive the container: no sync is ever needed.
 * options    the user's --storage-opt KEY=VALUE pairs, as strings.
 * uid_mappings, gid_mappings  since 1.1: with a user namespace of the container's own, who its
 *            users are on the host; prepare is given such a namespace as descriptor
 *            "user_namespace". Absent otherwise.
 */
#ifndef RCRT_STORAGE_H
#define RCRT_STORAGE_H

#include <rcrt/plugin.h>

#ifdef __cplusplus
extern "C" {
#endif

#define RCRT_STORAGE_V1 "rcrt.storage/1"

typedef struct rcrt_storage_v1 {
  size_t size;

  /* Makes the root and gives it as descriptor "root": a detached mount (fsmount(2)
   * or open_tree(2) with OPEN_TREE_CLONE), attached nowhere, which the caller can
   * move_mount(2) to any place. No result, or since 1.1 { "ids_mapped": true } of a root
   * whose files are owned on the host as uid_mappings and gid_mappings say; any other root
   * the host maps itself with MOUNT_ATTR_IDMAP, unless its top belongs to a mapped user. */
  rcrt_function prepare;

  /* Optional. Undoes prepare; the container's data stays. Idempotent. */
  rcrt_function release;

  /* Optional. Deletes the container's data ("dir" and all in it). Idempotent.
   * Called after release. */
  rcrt_function remove;

  /* Optional. Result: { "size": <bytes written by the container>,
   * "inodes": <number> }. */
  rcrt_function usage;

  /* Optional. Result: { "changes": [ { "path": "/etc/x", "kind": "A"|"C"|"D" } ] },
   * sorted by path: added, changed, deleted relative to the layers. Optional, since 1.1:
   * descriptor "changes", a directory that holds them as overlayfs's upper directory
   * does; without it a container cannot be committed. */
  rcrt_function diff;

  /* Optional, since 1.1. A plugin that has it takes a source of its own where others take
   * an image: it says what the word means that the user gave there. Called before prepare,
   * in the user's working directory, also for a run that is only explained: makes nothing.
   * Request: { "word": "./rootfs", "options": { } }.
   * Result: { "source": "/srv/rootfs" }, what "source" will be in the requests above.
   * Without that the word names a file or directory: the host follows it to its real
   * absolute path, or reports that there is none. */
  rcrt_function source;
} rcrt_storage_v1;

#ifdef __cplusplus
}
#endif
#endif
