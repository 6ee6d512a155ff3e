// SPDX-License-Identifier: MIT
#include "tests/oci/user_stage.h"

#include <sys/mount.h>

#include <filesystem>

namespace rcrt::test {
namespace {

void replace(Stage& stage, const std::string& path, const std::string& text) {
  const std::string file = stage.file(path.substr(5), text);
  EXPECT_EQ(mount(file.c_str(), path.c_str(), nullptr, MS_BIND, nullptr), 0) << path;
}

}  // namespace

void UserTest::SetUpTestSuite() {
  OciTest::SetUpTestSuite();
  if (!stage) return;
  const std::string ranges = "somebody:" + std::to_string(kFirst) + ":" + std::to_string(kCount) + "\n";
  replace(*stage, "/etc/passwd", contents("/etc/passwd") + "somebody:x:4321:4321::" + home() + ":/bin/sh\n");
  replace(*stage, "/etc/group", contents("/etc/group") + "somebody:x:4321:\n");
  replace(*stage, "/etc/subuid", ranges);
  replace(*stage, "/etc/subgid", ranges);
  std::filesystem::create_directory(home());
  std::filesystem::create_directory(home() + "/run");
  EXPECT_EQ(shell("cp -a " + rootfs() + " " + home() + " && chown -R 4321:4321 " + home() + " && chmod 700 " +
                  home() + "/run")
                .code,
            0);
}

void UserTest::TearDown() {
  if (!stage) return;
  user({"delete", "--force", "--regex", "."});
  EXPECT_EQ(left(), "");
  OciTest::TearDown();
}

std::string UserTest::left() { return shell("ls " + home() + "/run/rcrt-oci").out; }

Output UserTest::shell(const std::string& script) {
  return Process({"/bin/sh", "-c", script}, {"PATH=/usr/sbin:/usr/bin:/sbin:/bin"}).finish();
}

std::vector<std::string> UserTest::as_user(const std::vector<std::string>& words) {
  std::vector<std::string> all = {"/usr/bin/setpriv", "--reuid=4321", "--regid=4321", "--clear-groups", "--"};
  all.insert(all.end(), words.begin(), words.end());
  return all;
}

std::vector<std::string> UserTest::environment(const std::string& path) {
  return {"PATH=" + path, "HOME=" + home(), "USER=somebody", "XDG_RUNTIME_DIR=" + home() + "/run"};
}

std::vector<std::string> UserTest::program(std::vector<std::string> args) {
  args.insert(args.begin(), stage->dir() + "/p/bin/rcrt-oci");
  return args;
}

Output UserTest::user(const std::vector<std::string>& args, const std::string& input) {
  Process process(as_user(program(args)), environment());
  process.write(input);
  return process.finish();
}

Output UserTest::user_apart(const std::vector<std::string>& args) {
  std::vector<std::string> words = {"/bin/sh", "-c",
                                    "exec \"$@\" </dev/null >" + home() + "/out 2>" + home() + "/err", "sh"};
  auto command = as_user(program(args));
  words.insert(words.end(), command.begin(), command.end());
  Output output = Process(words, environment()).finish();
  output.out = contents(home() + "/out");
  output.err = contents(home() + "/err");
  return output;
}

}  // namespace rcrt::test
