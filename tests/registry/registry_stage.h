// SPDX-License-Identifier: MIT
// A registry on the loopback interface of the test's own host: fake_registry.py, which
// misbehaves on request, or Debian's docker-registry.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "tests/e2e/stage.h"

namespace rcrt::test {

// A file among the test's data.
std::string data_file(const std::string& path);
bool have_program(const std::string& name);

// fake_registry.py with a folder of its own.
class FakeRegistry {
 public:
  FakeRegistry(const std::string& dir, bool tls = false);

  // Adds an image; the manifest's digest.
  std::string make(const std::string& repository, const std::string& tag, const std::string& settings = "");
  std::string index(const std::string& repository, const std::string& tag, const std::string& members);
  void faults(const std::vector<Json>& list);
  void auth(const Json& how);
  // The requests since the last call.
  std::vector<Json> requests();
  void let_go();  // ends every "hold"
  void stop() { process_.reset(); }
  void start();

  std::string host() const { return "127.0.0.1:" + port_; }
  std::string other() const { return "127.0.0.2:" + other_port_; }  // another host
  std::string scheme() const { return tls_ ? "https" : "http"; }
  const std::string& dir() const { return dir_; }
  // The digests of an image's layers, and of its configuration.
  std::vector<std::string> layers(const std::string& manifest_digest) const;
  std::string config(const std::string& manifest_digest) const;

 private:
  std::string dir_, port_, other_port_;
  bool tls_;
  size_t read_ = 0;  // of the log
  std::unique_ptr<Process> process_;
};

// A certificate, DIR/{cert,key}.pem, signed by itself.
void make_certificate(const std::string& dir, const std::string& names = "IP:127.0.0.1,IP:127.0.0.2");

class RegistryTest : public StageTest {
 protected:
  static void SetUpTestSuite();
  void TearDown() override;

  // A registry for one test.
  FakeRegistry& registry(bool tls = false);
  std::string image(const std::string& tag = "latest") { return registry().host() + "/team/app:" + tag; }
  static Output pull(const std::string& reference, const std::vector<std::string>& options = {});
  // What is in images/, layers/ and incoming/ of the store, a line a file. A partial one may
  // stay for the next try.
  static std::string store_files();
  // The text of a file of an image, "" when the image cannot be used.
  static std::string file_of(const std::string& image, const std::string& path);
  // Every layer file of `layers` is what fake_registry.py made, by the numbers in them.
  static bool is_whole(const std::string& image, int layers);
  static void forget(const std::string& image) { EXPECT_EQ(run({"rmi", image}).code, 0); }
  // How many requests have this in their path.
  static int count(const std::vector<Json>& requests, const std::string& part);

  std::unique_ptr<FakeRegistry> registry_;
};

}  // namespace rcrt::test
