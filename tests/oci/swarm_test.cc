// SPDX-License-Identifier: MIT
// A Docker Swarm of two nodes, each with a network, mounts and processes of its own, whose
// containers run on rcrt-oci: a service outlives the end of a node.
#include <signal.h>
#include <unistd.h>

#include <filesystem>

#include "tests/oci/engine.h"

namespace rcrt::test {
namespace {

// A dockerd on a machine of its own, which ends as with a power cut; "docker -H SOCKET" reaches it.
class Node {
 public:
  Node(const std::string& name, const std::string& folder, const std::string& runtime,
       const std::vector<std::string>& environment)
      : socket_("/run/sockets/" + name),
        daemon_("unshare -n -m -p -f -u --mount-proc --kill-child --propagation private sh -c 'hostname " +
                    name + " && mount --bind /run/sockets /mnt && mount -t tmpfs none /run && " +
                    "ip link set lo up && exec dockerd --data-root " + folder + "/" + name +
                    " --exec-root /run/docker -p /run/docker.pid -H unix:///mnt/" + name + " --config-file " +
                    folder + "/daemon.json --add-runtime rcrt=" + runtime + " --default-runtime rcrt'",
                environment, folder + "/" + name + ".log", SIGKILL) {}

  std::string docker(const std::string& words) const { return "docker -H unix://" + socket_ + " " + words; }
  Daemon& daemon() { return daemon_; }

 private:
  std::string socket_;
  Daemon daemon_;
};

class Swarm : public EngineTest {
 protected:
  static void SetUpTestSuite() {
    EngineTest::SetUpTestSuite();
    if (!stage || !installed()) return;
    std::filesystem::create_directory("/run/sockets");
    file("daemon.json", "{}");
    out("tar -C " + rootfs() + " -cf " + folder() + "/rootfs.tar .");
    one_ = std::make_unique<Node>("one", folder(), runtime(), environment);
    two_ = std::make_unique<Node>("two", folder(), runtime(), environment);
    for (Node* node : {one_.get(), two_.get()})
      ASSERT_TRUE(node->daemon().wait_until([&] { return shell(node->docker("version")).code == 0; }));
    const std::string pids[] = {pid(*one_), pid(*two_)};
    out("ip link add eth0 netns " + pids[0] + " type veth peer name eth0 netns " + pids[1]);
    for (int i : {0, 1})
      out("nsenter -t " + pids[i] + " -n sh -c 'ip addr add 10.9.0." + std::to_string(i + 1) +
          "/24 dev eth0 && ip link set eth0 up'");
    for (Node* node : {one_.get(), two_.get()}) out(node->docker("import " + folder() + "/rootfs.tar bb"));
  }
  static void TearDownTestSuite() {
    two_.reset();
    one_.reset();
    EngineTest::TearDownTestSuite();
  }
  void SetUp() override {
    EngineTest::SetUp();
    if (!installed()) GTEST_SKIP() << "dockerd is not installed";
  }
  static bool installed() { return access("/usr/sbin/dockerd", X_OK) == 0; }
  static std::string pid(Node& node) { return std::to_string(node.daemon().pid()); }
  static std::string nodes() {
    return out(one_->docker("node ls --format '{{.Hostname}} {{.Status}}'") + " | sort");
  }
  // The nodes on which the service's tasks run, a line each.
  static std::string places() {
    return out(
        one_->docker("service ps -f desired-state=running --format '{{.Node}} {{.CurrentState}}' four") +
        " | sed -n 's/ Running.*//p' | sort");
  }
  static std::string containers() { return out(one_->docker("ps -q") + " | wc -l"); }

  static inline std::unique_ptr<Node> one_, two_;
};

TEST_F(Swarm, AServiceOutlivesANode) {
  out(one_->docker("swarm init --advertise-addr 10.9.0.1 --dispatcher-heartbeat 1s"));
  std::string token = out(one_->docker("swarm join-token -q worker"));
  token.pop_back();
  out(two_->docker("swarm join --token " + token + " 10.9.0.1:2377"));
  EXPECT_TRUE(one_->daemon().wait_until([] { return nodes() == "one Ready\ntwo Ready\n"; })) << nodes();
  out(one_->docker("service create -d --no-resolve-image --name four --replicas 4 bb sleep 1000"));
  EXPECT_TRUE(one_->daemon().wait_until([] { return places() == "one\none\ntwo\ntwo\n"; })) << places();
  EXPECT_EQ(containers(), "2\n");
  EXPECT_EQ(out("nsenter -t " + pid(*one_) + " -m " + runtime() +
                " --root /run/docker/runtime-runc/moby list -q | wc -l"),
            "2\n")
      << "rcrt-oci knows them";

  two_.reset();
  EXPECT_TRUE(one_->daemon().wait_until([] { return places() == "one\none\none\none\n"; })) << places();
  EXPECT_EQ(containers(), "4\n");
  EXPECT_EQ(nodes(), "one Ready\ntwo Down\n");

  out(one_->docker("service rm four"));
  EXPECT_TRUE(one_->daemon().wait_until([] { return containers() == "0\n"; }));
}

}  // namespace
}  // namespace rcrt::test
