// SPDX-License-Identifier: MIT
#include "core/users.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "base/unique_fd.h"

namespace rcrt {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class UsersTest : public testing::Test {
 protected:
  UsersTest() {
    std::string pattern = testing::TempDir() + "users.XXXXXX";
    dir_ = mkdtemp(pattern.data());
    mkdir((dir_ + "/etc").c_str(), 0755);
    write(
        "passwd",
        "root:x:0:0:root:/root:/bin/sh\nmail:x:8:12::/var/mail:/bin/false\nodd:x:9:9::relative:\nshort:x:7\n"
        "big:x:4294967296:0::/:\nlead:x:00:0::/:\nlast:x:11:11::/last:/bin/sh");
    write("group", "root:x:0:\nmail:x:12:\ntape:x:26:mail,root\nextra:x:27:mail\nbroken\n");
  }
  ~UsersTest() override { std::filesystem::remove_all(dir_); }

  std::string etc(const std::string& name) const { return dir_ + "/etc/" + name; }
  void write(const std::string& name, const std::string& text) const { std::ofstream(etc(name)) << text; }
  Result<User> resolve(const std::string& user, const std::vector<std::string>& groups = {}) const {
    UniqueFd root(open(dir_.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    return resolve_user(root.get(), user, groups);
  }

  std::string dir_;
};

TEST_F(UsersTest, NamesAndNumbers) {
  auto mail = resolve("mail");
  ASSERT_TRUE(mail);
  EXPECT_EQ(mail->uid, 8u);
  EXPECT_EQ(mail->gid, 12u);
  EXPECT_EQ(mail->home, "/var/mail");
  EXPECT_THAT(mail->groups, ElementsAre(26, 27));
  EXPECT_EQ(resolve("8")->gid, 12u);
  EXPECT_EQ(resolve("")->uid, 0u);
  EXPECT_EQ(resolve("")->home, "/root");
  EXPECT_EQ(resolve("4000")->uid, 4000u);
  EXPECT_EQ(resolve("4000")->gid, 0u);
  EXPECT_EQ(resolve("odd")->home, "/");
  EXPECT_EQ(resolve("last")->uid, 11u);  // the file does not end with a newline
}

TEST_F(UsersTest, AGroupOfOnesOwnDropsTheOthers) {
  auto user = resolve("mail:extra", {"tape", "99"});
  ASSERT_TRUE(user);
  EXPECT_EQ(user->gid, 27u);
  EXPECT_THAT(user->groups, ElementsAre(26, 99));
  EXPECT_EQ(resolve("8:26")->gid, 26u);
}

TEST_F(UsersTest, Refused) {
  for (const char* user :
       {"nosuch", "short", "big", "lead", "00", "01", "+1", "-1", "2147483648", "4294967296", "1:", ":1", ":",
        "mail:nosuch", "mail:01", "mail:4294967296", "99999999999999999999"})
    EXPECT_FALSE(resolve(user)) << user;
  EXPECT_FALSE(resolve(std::string("root\0x", 6)));
  EXPECT_FALSE(resolve("mail", {"nosuch"}));
}

TEST_F(UsersTest, NoDatabases) {
  std::filesystem::remove_all(dir_ + "/etc");
  EXPECT_EQ(resolve("5:6")->gid, 6u);
  EXPECT_FALSE(resolve("mail"));
}

TEST_F(UsersTest, LinksStayInside) {
  std::filesystem::remove(etc("passwd"));
  std::filesystem::create_symlink("/etc/real", etc("passwd"));
  write("real", "inside:x:77:77::/:\n");
  EXPECT_EQ(resolve("inside")->uid, 77u);
  std::filesystem::remove(etc("passwd"));
  std::filesystem::create_symlink("../../../../../../etc/passwd", etc("passwd"));
  // Its way up ends at the root, where it leads to itself.
  EXPECT_FALSE(resolve("daemon"));
}

TEST_F(UsersTest, OnlyRegularFilesOfAReasonableSize) {
  std::filesystem::remove(etc("passwd"));
  ASSERT_EQ(mkfifo(etc("passwd").c_str(), 0600), 0);
  EXPECT_FALSE(resolve("mail"));  // and does not wait for a writer
  std::filesystem::remove(etc("passwd"));
  ASSERT_EQ(mkdir(etc("passwd").c_str(), 0700), 0);
  EXPECT_FALSE(resolve("mail"));
  std::filesystem::remove(etc("passwd"));
  write("passwd", "");
  ASSERT_EQ(truncate(etc("passwd").c_str(), 1L << 40), 0);
  auto huge = resolve("mail");
  ASSERT_FALSE(huge);
  EXPECT_THAT(huge.error().message(), HasSubstr("etc/passwd"));
}

}  // namespace
}  // namespace rcrt
