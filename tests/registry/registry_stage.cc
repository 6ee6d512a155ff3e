// SPDX-License-Identifier: MIT
#include "tests/registry/registry_stage.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/tree.h"

namespace rcrt::test {
namespace {

namespace fs = std::filesystem;

std::string python() { return "/usr/bin/python3"; }

std::string first_word(const std::string& text) {
  std::string word;
  std::istringstream(text) >> word;
  return word;
}

Json read_json_file(const std::string& path) {
  std::ifstream in(path);
  return Json::parse(in, nullptr, false);
}

}  // namespace

std::string data_file(const std::string& path) { return fs::absolute(path).string(); }

bool have_program(const std::string& name) {
  for (const char* folder : {"/usr/bin/", "/usr/sbin/", "/bin/"})
    if (access((folder + name).c_str(), X_OK) == 0) return true;
  return false;
}

FakeRegistry::FakeRegistry(const std::string& dir, bool tls) : dir_(dir), tls_(tls) {
  fs::create_directories(dir_);
  if (tls_) make_certificate(dir_);
  start();
}

void FakeRegistry::start() {
  std::vector<std::string> command = {python(), data_file("tests/registry/fake_registry.py"), "serve", dir_};
  if (tls_) command.insert(command.end(), {dir_ + "/cert.pem", dir_ + "/key.pem"});
  process_ = std::make_unique<Process>(command, std::vector<std::string>{"PATH=/usr/bin:/bin"});
  ASSERT_TRUE(process_->wait_for("\n"));
  std::istringstream(process_->output()) >> port_ >> other_port_;
  ASSERT_FALSE(other_port_.empty());
}

std::string FakeRegistry::make(const std::string& repository, const std::string& tag,
                               const std::string& settings) {
  return first_word(observe(python() + " " + data_file("tests/registry/fake_registry.py") + " make " + dir_ +
                            " " + repository + " " + tag + " " + settings));
}

std::string FakeRegistry::index(const std::string& repository, const std::string& tag,
                                const std::string& members) {
  return first_word(observe(python() + " " + data_file("tests/registry/fake_registry.py") + " index " + dir_ +
                            " " + repository + " " + tag + " " + members));
}

void FakeRegistry::faults(const std::vector<Json>& list) {
  std::ofstream(dir_ + "/faults.json") << Json(list).dump();
}
void FakeRegistry::auth(const Json& how) { std::ofstream(dir_ + "/auth.json") << how.dump(); }
void FakeRegistry::let_go() { std::ofstream(dir_ + "/go") << "go"; }

std::vector<Json> FakeRegistry::requests() {
  std::ifstream in(dir_ + "/log");
  std::vector<Json> all;
  for (std::string line; std::getline(in, line);) all.push_back(Json::parse(line));
  std::vector<Json> news(all.begin() + static_cast<ptrdiff_t>(std::min(read_, all.size())), all.end());
  read_ = all.size();
  return news;
}

std::vector<std::string> FakeRegistry::layers(const std::string& manifest_digest) const {
  std::vector<std::string> digests;
  const Json manifest = read_json_file(dir_ + "/blobs/" + manifest_digest.substr(7));
  for (const Json& layer : manifest.at("layers")) digests.push_back(layer["digest"].get<std::string>());
  return digests;
}

std::string FakeRegistry::config(const std::string& manifest_digest) const {
  return read_json_file(dir_ + "/blobs/" + manifest_digest.substr(7))["config"]["digest"].get<std::string>();
}

void make_certificate(const std::string& dir, const std::string& names) {
  observe(
      "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=test -keyout " +
      dir + "/key.pem -out " + dir + "/cert.pem -addext subjectAltName=" + names);
}

void RegistryTest::SetUpTestSuite() {
  observe("ip link set lo up");
  StageTest::SetUpTestSuite();
  if (!stage) return;
  // Nothing of the machine's own configuration, and a home of the tests'.
  mkdir((stage->dir() + "/home").c_str(), 0700);
  stage->environment = {"HOME=" + stage->dir() + "/home", "XDG_RUNTIME_DIR=" + stage->dir() + "/home/run",
                        "CONTAINERS_REGISTRIES_CONF=" + stage->file("registries.conf", "")};
}

void RegistryTest::TearDown() {
  registry_.reset();
  if (stage) {
    for (const char* folder : {"/registry", "/home"}) {
      std::error_code ignored;
      fs::remove_all(stage->dir() + folder, ignored);
    }
    mkdir((stage->dir() + "/home").c_str(), 0700);
    stage->file("registries.conf", "");
  }
  StageTest::TearDown();
}

FakeRegistry& RegistryTest::registry(bool tls) {
  if (!registry_) registry_ = std::make_unique<FakeRegistry>(stage->dir() + "/registry", tls);
  return *registry_;
}

Output RegistryTest::pull(const std::string& reference, const std::vector<std::string>& options) {
  std::vector<std::string> args = {"pull"};
  args.insert(args.end(), options.begin(), options.end());
  args.push_back(reference);
  return run(args);
}

std::string RegistryTest::store_files() {
  return observe("cd " + stage->root() +
                 " && find images layers incoming -maxdepth 3 -not -name .lock -not -type d -printf '%p %y "
                 "%s\\n' | sort");
}

std::string RegistryTest::file_of(const std::string& image, const std::string& path) {
  const std::string out = stage->dir() + "/unpacked";
  Output unpacked = run({"unpack", image, out});
  std::string text;
  if (unpacked.code == 0) {
    std::ifstream in(out + "/" + path);
    text.assign(std::istreambuf_iterator<char>(in), {});
  }
  EXPECT_TRUE(remove_tree(out.c_str()) || unpacked.code != 0);
  return text;
}

bool RegistryTest::is_whole(const std::string& image, int layers) {
  return file_of(image, "number") == std::to_string(layers - 1);
}

int RegistryTest::count(const std::vector<Json>& requests, const std::string& part) {
  return static_cast<int>(std::ranges::count_if(requests, [&](const Json& request) {
    return request["path"].get<std::string>().find(part) != std::string::npos;
  }));
}

}  // namespace rcrt::test
