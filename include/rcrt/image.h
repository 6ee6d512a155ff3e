/* SPDX-License-Identifier: MIT */
/* rcrt.image/1: brings images into the store and out of it. File `image-<name>.so`.
 *
 * The store, under "root" ("/var/lib/rcrt"):
 *   images/                an OCI image layout (image-spec, image-layout.md); an image's
 *                          name is its org.opencontainers.image.ref.name annotation
 *                          in index.json, fully qualified; an entry without one is an
 *                          image that has lost its name to another
 *   images/.names          what is in index.json, to be found by name and id; made anew
 *                          when it is not of the index.json that is there
 *   images/.reserve        space to change index.json in when the disk is full
 *   layers/<hex>/          a layer unpacked; <hex> is its diff-id without "sha256:"
 *   layers/l/<7 chars>     a symbolic link to ../<hex>, short enough for 300 layers
 *                          in one overlayfs option string: the first seven digits
 *                          of the hex, from its left, that name no other layer
 *   incoming/              what is being made; left behind only by a killed process
 *   partial/<hex>          what there is of a blob that is being fetched, locked (flock(2)) by
 *                          who fetches it; the next attempt goes on from there
 *
 *   layers/.lock           flock(2): shared while contents are added, exclusive while
 *                          they are deleted
 *   images/.lock           flock(2): exclusive while index.json is changed
 * Running an image only reads the store and loads no image plugin.
 *
 * Progress events (rcrt_call.progress) of long calls:
 *   { "event": "blob", "digest": "sha256:<hex>", "state", "current": bytes, "total": bytes }
 *     where a layer is: "queued", "present" (nothing to do), "waiting" (another process
 *     fetches it), "downloading", "retrying", "unpacking", "done"; "uploading", "mounted";
 *     "saving"
 *   { "event": "text", "text": one line }
 *   { "event": "image", "name", "id", "digest" }   one image is complete
 */
#ifndef RCRT_IMAGE_H
#define RCRT_IMAGE_H

#include <rcrt/plugin.h>

#ifdef __cplusplus
extern "C" {
#endif

#define RCRT_IMAGE_V1 "rcrt.image/1"

typedef struct rcrt_image_v1 {
  size_t size;

  /* Makes a one-layer image from a root file system. Request: { "root", "source":
   * a tar archive (any compression) or a directory; with a descriptor "in", which is the
   * archive then, only what to call it in messages, "name": "busybox:latest",
   * "config": OCI image-spec "config" object, optional, "created": RFC 3339 time,
   * optional (now), "limits": { "entries", "path_bytes", "file_bytes", "total_bytes",
   * "ratio", "ratio_free_bytes", "window_bytes", "xattr_bytes", "directory_bytes" }, each
   * optional }.
   * Result: { "id": "sha256:<hex>" }.
   * Killed at any moment, it leaves the store without the image or with the whole
   * of it. */
  rcrt_function import;

  /* Writes the image's file system as a plain directory. Request: { "root", "name": a name
   * or a full id, "directory": absolute, must not exist or be empty, "limits": as for
   * import }. No result. A failure leaves the directory as it was. */
  rcrt_function unpack;

  /* Deletes layers and blobs no image refers to, and what an interrupted import left
   * behind. The caller holds layers/.lock exclusively: it alone knows what containers use.
   * Request: { "root", "keep": [ "<hex>" of layers in use ] }.
   * Result: { "freed": <bytes> }. Idempotent. */
  rcrt_function prune;

  /* Optional, for plugins that reach registries. Their requests have "auth_files": docker's
   * or podman's credential files, the first that knows the registry decides; "certs_dirs":
   * folders of <host[:port]>/{*.crt, *.cert, *.key}; "tls_verify": false also allows plain
   * HTTP, absent leaves it to the configuration; "registries_conf", "registries_conf_dir":
   * containers-registries.conf(5). */

  /* Fetches an image. Request: { "root", "reference": as the user wrote it, "platform":
   * "os/architecture[/variant]", optional (this machine's), "all_tags": bool,
   * "only_missing": take what the store has under a name the reference may mean, "parallel":
   * downloads at a time, optional, "limits": as for import } and those above. Result:
   * { "images": [ { "name", "id", "digest", "new": the store had another one or none } ] }.
   * Killed at any moment, it leaves the store without the image or with the whole of it,
   * and what was downloaded is there for the next time. */
  rcrt_function pull;
  /* Brings an image to a registry, the manifest last. Request: { "root", "name": a name or a
   * full id, "destination": a reference, optional (the name), "parallel", "chunk_bytes":
   * larger blobs are sent in pieces, both optional } and those above.
   * Result: { "name", "digest": the manifest's }. */
  rcrt_function push;

  /* Optional. Images out of an archive or folder into the store. Request: { "root", "source":
   * { "transport": "oci", "oci-archive", "docker-archive" or "dir"; without it whatever it
   * turns out to be, "path": absolute, "reference": the one image meant, optional },
   * "name": what to call it, optional, "limits" }. Descriptor "in", optional: the archive, in
   * place of the path. Result: { "images": [ { "name": may be empty, "id", "digest" } ] }. */
  rcrt_function load;

  /* Optional. Images out of the store. Request: { "root", "images": [ names, or full ids:
   * those have no name there ], "destination": as load's "source", with a transport, "limits" }.
   * Descriptor "out", optional: where an archive is written to, in place of the path. No
   * result. A file is whole or not there; a folder that holds the same form is added to. */
  rcrt_function save;

  /* Since minor version 1. Checks credentials with the registry and keeps them. Request:
   * { "registry": "host[:port]", "username", "password", "auth_file" } and those above. */
  rcrt_function login;
  /* Forgets a registry's credentials. Request: { "registry", "auth_files" }.
   * Result: { "removed": whether there were any }. Idempotent. */
  rcrt_function logout;
  /* Optional, since 1.1, and so all that follow. Unpacks the layers of an image that another
   * tool has put into the store. Request: { "root", "name": a name or a full id, "limits" }.
   * No result. Idempotent. */
  rcrt_function prepare;

  /* A directory as a tar archive. Descriptors "root", the directory, and "out". Request:
   * { "changing": whether files may change meanwhile }. No result. */
  rcrt_function archive;

  /* Makes an image of another and a layer on top. Descriptor "changes": the layer's files, as
   * overlayfs keeps them in its upper directory. Request: { "root", "base": full id of the image
   * below, "name": optional, "config": OCI image-spec "config" object, "author", "comment",
   * "created_by", "limits" }. Result: { "id" }. */
  rcrt_function commit;

  /* Reads everything again: blobs, what archives their layers hold, what was unpacked of them.
   * Request: { "root", "images": names or full ids, all without, "trees": whether to compare
   * unpacked layers (true), "limits" }. Result: { "blobs", "layers", "bytes": what was read,
   * "problems": [ { "what", "object", "images": [ names ] } ] }. */
  rcrt_function verify;
} rcrt_image_v1;

#ifdef __cplusplus
}
#endif
#endif
