// SPDX-License-Identifier: MIT
#include "tests/registry/real_registry.h"

#include <arpa/inet.h>
#include <crypt.h>
#include <sys/socket.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "tests/registry/registry_stage.h"

namespace rcrt::test {
namespace {

constexpr uint16_t kPort = 5005;

bool listens() {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(kPort);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const bool there = connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  close(fd);
  return there;
}

}  // namespace

RealRegistry::RealRegistry(const std::string& dir, bool tls, RegistryAuth auth) : dir_(dir) {
  std::filesystem::create_directories(dir_ + "/data");
  std::ofstream conf(dir_ + "/config.yml");
  conf << "version: 0.1\nlog: {level: error}\nstorage: {filesystem: {rootdirectory: " << dir_
       << "/data}}\nhttp:\n  addr: 127.0.0.1:" << kPort << "\n  secret: x\n";
  if (tls) {
    make_certificate(dir_);
    conf << "  tls: {certificate: " << dir_ << "/cert.pem, key: " << dir_ << "/key.pem}\n";
  }
  if (auth == RegistryAuth::password) {
    // bcrypt, the one form it takes.
    std::ofstream(dir_ + "/htpasswd") << "tim:" << crypt("secret", "$2b$05$abcdefghijklmnopqrstuu") << "\n";
    conf << "auth: {htpasswd: {realm: test, path: " << dir_ << "/htpasswd}}\n";
  }
  if (auth == RegistryAuth::token) {
    observe("openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=tokens -keyout " + dir_ +
            "/token-key.pem -out " + dir_ + "/token-cert.pem");
    tokens_ = std::make_unique<Process>(
        std::vector<std::string>{"/usr/bin/python3", data_file("tests/registry/token_service.py"),
                                 dir_ + "/token-cert.pem", dir_ + "/token-key.pem", "tim", "secret"},
        std::vector<std::string>{"PATH=/usr/bin:/bin"});
    EXPECT_TRUE(tokens_->wait_for("\n"));
    std::string port;
    std::istringstream(tokens_->output()) >> port;
    conf << "auth: {token: {realm: 'http://127.0.0.1:" << port
         << "/token', service: test, issuer: test-issuer, rootcertbundle: " << dir_ << "/token-cert.pem}}\n";
  }
  conf.close();
  start();
}

void RealRegistry::start() {
  process_ = std::make_unique<Process>(
      std::vector<std::string>{"/usr/bin/docker-registry", "serve", dir_ + "/config.yml"},
      std::vector<std::string>{"PATH=/usr/bin:/bin", "OTEL_TRACES_EXPORTER=none"});
  EXPECT_TRUE(eventually(listens));
}

}  // namespace rcrt::test
