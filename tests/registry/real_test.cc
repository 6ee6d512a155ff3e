// SPDX-License-Identifier: MIT
// A registry that is none of ours.
#include <gmock/gmock.h>
#include <signal.h>

#include <filesystem>
#include <fstream>

#include "tests/registry/real_registry.h"
#include "tests/registry/registry_stage.h"

namespace rcrt::test {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::AnyOf;
using testing::HasSubstr;
using testing::Not;

class RealTest : public RegistryTest {
 protected:
  void SetUp() override {
    if (!have_program("docker-registry")) GTEST_SKIP() << "docker-registry is not installed";
    RegistryTest::SetUp();
  }
  void TearDown() override {
    real_.reset();
    if (stage) {
      std::error_code ignored;
      fs::remove_all(stage->dir() + "/real", ignored);
      fs::remove_all(stage->dir() + "/second", ignored);
      fs::remove_all(stage->dir() + "/work", ignored);
    }
    RegistryTest::TearDown();
  }
  void serve(bool tls = false, RegistryAuth auth = RegistryAuth::none) {
    real_ = std::make_unique<RealRegistry>(stage->dir() + "/real", tls, auth);
  }
  std::string host() const { return real_->host(); }
  // With a store of its own.
  static Output second(std::vector<std::string> args) {
    args.insert(args.begin(),
                {"--root", stage->dir() + "/second", "--state", stage->dir() + "/second/state"});
    return run(args);
  }
  std::unique_ptr<RealRegistry> real_;
};

TEST_F(RealTest, PushAndPull) {
  serve();
  const std::string name = host() + "/team/busybox:1";
  Output pushed = run({"push", "busybox", name});
  ASSERT_EQ(pushed.code, 0) << pushed;
  EXPECT_THAT(pushed.out, testing::StartsWith("sha256:"));
  Output pulled = second({"pull", name});
  ASSERT_EQ(pulled.code, 0) << pulled;
  Output ran = second({"run", "--rm", name, "echo", "hello"});
  EXPECT_EQ(ran.out, "hello\n") << ran;
  // What is there is not sent again; what another repository has is taken over.
  Output again = run({"push", "--progress=json", "busybox", name});
  EXPECT_THAT(again.out, AllOf(HasSubstr("present"), Not(HasSubstr("uploading"))));
  EXPECT_EQ(second({"push", "--progress=json", name, host() + "/other/busybox"}).code, 0);
  EXPECT_THAT(second({"push", "--progress=json", name, host() + "/third/busybox"}).out,
              AllOf(HasSubstr("mounted"), Not(HasSubstr("uploading"))));
  Output all = second({"pull", "-a", "-q", host() + "/third/busybox"});
  EXPECT_EQ(all.code, 0) << all;
  EXPECT_THAT(second({"pull", host() + "/team/nothing"}).err, HasSubstr("404"));
}

TEST_F(RealTest, DamagedOnTheRegistrysDisk) {
  serve();
  const std::string name = host() + "/team/busybox";
  ASSERT_EQ(run({"push", "-q", "busybox", name}).code, 0);
  std::string blob = observe("find " + stage->dir() + "/real/data -name data -size +1000k");
  ASSERT_THAT(blob, testing::EndsWith("/data\n"));
  blob.pop_back();
  observe("cp " + blob + " " + stage->dir() + "/real/good");
  for (const char* damage :
       {"truncate -s -1000 ", "printf x | dd status=none conv=notrunc bs=1 seek=900000 of="}) {
    ASSERT_EQ(observe(damage + blob), "");
    Output pulled = second({"pull", name});
    EXPECT_EQ(pulled.code, 1) << damage;
    EXPECT_THAT(pulled.err,
                AnyOf(HasSubstr("another size than the manifest says"), HasSubstr("wrong content")))
        << damage;
    EXPECT_THAT(second({"images"}).out, Not(HasSubstr("team/busybox"))) << damage;
    observe("cp " + stage->dir() + "/real/good " + blob);
  }
  EXPECT_EQ(second({"pull", name}).code, 0);
  EXPECT_EQ(second({"run", "--rm", name, "echo", "hello"}).out, "hello\n");
}

TEST_F(RealTest, PasswordsAndCertificates) {
  serve(true, RegistryAuth::password);
  const std::string name = host() + "/team/busybox";
  EXPECT_THAT(run({"push", "busybox", name}).err, HasSubstr("certificate"));
  const std::string certs = stage->dir() + "/home/certs";
  fs::create_directories(certs + "/" + host());
  fs::copy_file(stage->dir() + "/real/cert.pem", certs + "/" + host() + "/ca.crt");
  EXPECT_THAT(run({"push", "--cert-dir", certs, "busybox", name}).err, HasSubstr("rcrt login"));
  Output wrong = run({"login", "--cert-dir", certs, "-u", "tim", "--password-stdin", host()}, "guess");
  EXPECT_EQ(wrong.code, 125);
  EXPECT_THAT(wrong.err, AllOf(HasSubstr("cannot log in"), HasSubstr("401")));
  EXPECT_FALSE(fs::exists(stage->dir() + "/home/.docker/config.json"));
  Output right = run({"login", "--cert-dir", certs, "-u", "tim", "--password-stdin", host()}, "secret\n");
  ASSERT_EQ(right.code, 0) << right;
  EXPECT_EQ(observe("stat -c %a " + stage->dir() + "/home/.docker/config.json"), "600\n");
  Output pushed = run({"push", "--cert-dir", certs, "busybox", name});
  EXPECT_EQ(pushed.code, 0) << pushed;
  Output pulled = second({"pull", "--cert-dir", certs, name});
  EXPECT_EQ(pulled.code, 0) << pulled;
  // docker's and podman's tools read what we wrote.
  if (have_program("skopeo")) {
    EXPECT_EQ(observe("HOME=" + stage->dir() +
                      "/home skopeo inspect --tls-verify=false --format '{{.Os}}' docker://" + name),
              "linux\n");
  }
}

TEST_F(RealTest, TokenService) {
  serve(false, RegistryAuth::token);
  const std::string name = host() + "/public/busybox";
  EXPECT_NE(run({"push", "busybox", name}).code, 0);
  Output login = run({"login", "-u", "tim", "--password-stdin", host()}, "secret");
  ASSERT_EQ(login.code, 0) << login;
  ASSERT_EQ(run({"push", "busybox", name}).code, 0);
  ASSERT_EQ(run({"push", "busybox", host() + "/team/busybox"}).code, 0);
  ASSERT_EQ(second({"pull", host() + "/team/busybox"}).code, 0);
  // With a mount, which needs a right in two repositories.
  EXPECT_THAT(second({"push", "--progress=json", host() + "/team/busybox", host() + "/third/x"}).out,
              HasSubstr("mounted"));
  ASSERT_EQ(run({"logout", host()}).code, 0);
  EXPECT_EQ(second({"pull", name}).code, 0);
  EXPECT_THAT(second({"pull", host() + "/third/x"}).err, HasSubstr("rcrt login"));
}

TEST_F(RealTest, KilledInTheMiddleOfALayerAndStartedAgain) {
  serve();
  const std::string source = stage->dir() + "/work";
  fs::create_directories(source);
  observe("head -c 300000000 /dev/urandom >" + source + "/big");
  ASSERT_EQ(run({"import", "-q", source, host() + "/team/big"}).code, 0);
  Output pushed = run({"push", host() + "/team/big"});
  ASSERT_EQ(pushed.code, 0) << pushed;
  auto pull = stage->start({"--root", stage->dir() + "/second", "pull", host() + "/team/big"});
  auto there = [&] {
    std::error_code none;
    for (const auto& entry : fs::directory_iterator(stage->dir() + "/second/partial", none))
      return entry.file_size(none);
    return uintmax_t{0};
  };
  for (int tries = 0; tries < 100'000 && there() < 1'000'000; ++tries) usleep(100);
  real_->kill();
  const auto at = there();
  EXPECT_GE(at, 1'000'000u);
  EXPECT_LT(at, 300'000'000u);
  usleep(500'000);
  real_->start();
  Output done = pull->finish();
  ASSERT_EQ(done.code, 0) << done;
  EXPECT_THAT(done.err, HasSubstr("trying again"));
  ASSERT_EQ(second({"unpack", host() + "/team/big", stage->dir() + "/work/out"}).code, 0);
  EXPECT_EQ(observe("cmp " + source + "/big " + source + "/out/big"), "");
  EXPECT_EQ(run({"rmi", host() + "/team/big"}).code, 0);
}

}  // namespace
}  // namespace rcrt::test
