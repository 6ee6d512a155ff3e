// SPDX-License-Identifier: MIT
// storage-loop once more, in C++ with the SDK: what ../storage-loop-c does, without the JSON
// and the bookkeeping. Needs the headers of rcrt and nlohmann/json.
#include <fcntl.h>
#include <linux/loop.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cerrno>
#include <rcrt/plugin.hpp>
#include <string>
#include <utility>

namespace {

using namespace rcrt::sdk;

// Closes on the way out, and leaves errno alone.
struct Fd {
  explicit Fd(int number) : number(number) {}
  Fd(Fd&& other) noexcept : number(std::exchange(other.number, -1)) {}
  ~Fd() {
    int code = errno;
    if (number >= 0) close(number);
    errno = code;
  }
  int release() { return std::exchange(number, -1); }
  int number;
};

// The type of the file system in a file, by its magic number; empty when it is none we know.
std::string file_system_of(int fd) {
  char block[2048] = {};
  if (pread(fd, block, sizeof block, 0) < 0) return {};
  std::string_view bytes(block, sizeof block);
  if (bytes.substr(0, 4) == "hsqs") return "squashfs";
  if (bytes.substr(1024, 4) == "\xe2\xe1\xf5\xe0") return "erofs";
  if (bytes.substr(1024 + 56, 2) == "\x53\xef") return "ext4";
  return {};
}

struct Loop {
  Fd fd;
  std::string path;
};

Expected<Loop> attach_loop(int backing) {
  Fd control(open("/dev/loop-control", O_RDWR | O_CLOEXEC));
  if (control.number < 0) return fail_errno("cannot open", "/dev/loop-control", "is the loop driver there?");
  for (int tries = 0; tries < 64; ++tries) {
    int number = ioctl(control.number, LOOP_CTL_GET_FREE);
    if (number < 0) return fail_errno("no free loop device");
    std::string path = "/dev/loop" + std::to_string(number);
    Fd loop(open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (loop.number < 0) return fail_errno("cannot open", path);
    loop_config config{};
    config.fd = static_cast<unsigned>(backing);
    config.info.lo_flags = LO_FLAGS_READ_ONLY | LO_FLAGS_AUTOCLEAR;
    if (ioctl(loop.number, LOOP_CONFIGURE, &config) == 0) return Loop{std::move(loop), path};
    if (errno != EBUSY) return fail_errno("cannot set up loop device", path);
  }
  return fail(EBUSY, "no free loop device");
}

Status prepare(Call& call) {
  const std::string source = call.text("source");
  if (source.empty())
    return fail(EINVAL, "storage-loop needs a file as root", {}, "name one instead of an image");
  if (!call.flag("read_only"))
    return fail(EROFS, "cannot write to file system image", source, "add --read-only");

  Fd backing(open(source.c_str(), O_RDONLY | O_CLOEXEC));
  if (backing.number < 0) return fail_errno("cannot open", source);
  const std::string type = file_system_of(backing.number);
  if (type.empty()) return fail(EINVAL, "no squashfs, erofs or ext4 in", source);
  auto loop = attach_loop(backing.number);
  if (!loop) return std::unexpected(loop.error());

  Fd fs(fsopen(type.c_str(), FSOPEN_CLOEXEC));
  if (fs.number < 0) return fail_errno("this kernel does not know file system", type);
  if (fsconfig(fs.number, FSCONFIG_SET_STRING, "source", loop->path.c_str(), 0) != 0 ||
      fsconfig(fs.number, FSCONFIG_SET_FLAG, "ro", nullptr, 0) != 0 ||
      fsconfig(fs.number, FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) != 0)
    return fail_errno("cannot mount", source, "see dmesg");
  Fd mount(fsmount(fs.number, FSMOUNT_CLOEXEC, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NODEV));
  if (mount.number < 0) return fail_errno("cannot mount", source, "see dmesg");
  call.give_fd("root", mount.release());
  return {};
}

// A file instead of an image; the host makes its path absolute.
Status source(Call&) { return {}; }

const rcrt_storage_v1 storage = {
    .size = sizeof storage, .prepare = RCRT_FUNCTION(prepare), .source = RCRT_FUNCTION(source)};

}  // namespace

RCRT_PLUGIN("storage-loop", "1.0", "the root is a file that holds a file system, read-only", "MIT",
            {RCRT_STORAGE_V1, &storage});
