// SPDX-License-Identifier: MIT
// dockerd with rcrt-oci as its default runtime and as one of several: its daemon, its containerd
// and its shims as they are on any machine.
#include <gmock/gmock.h>
#include <sys/mount.h>
#include <unistd.h>

#include <filesystem>

#include "tests/oci/engine.h"

namespace rcrt::test {
namespace {

using testing::HasSubstr;

class Docker : public EngineTest {
 protected:
  static void SetUpTestSuite() {
    EngineTest::SetUpTestSuite();
    if (!stage || !installed()) return;
    out("ip link set lo up");
    environment.push_back("DOCKER_HOST=unix:///run/docker.sock");
    start("--default-runtime rcrt");
    out("tar -C " + rootfs() + " -c . | docker import - bb");
  }
  static void TearDownTestSuite() {
    daemon_.reset();
    // dockerd binds it to itself, and leaves it so where the root is a folder of its file system.
    if (stage) umount2((folder() + "/docker").c_str(), MNT_DETACH);
    EngineTest::TearDownTestSuite();
  }
  void SetUp() override {
    EngineTest::SetUp();
    if (!installed()) GTEST_SKIP() << "dockerd is not installed";
  }
  void TearDown() override {
    if (daemon_) {
      EXPECT_EQ(out("docker ps -aq"), "");
      EXPECT_EQ(shell("find /sys/fs/cgroup/docker -mindepth 1 -type d ! -name buildkit").out, "");
      EXPECT_EQ(shell("ls /run/docker/runtime-runc/moby").out, "");
    }
    EngineTest::TearDown();
  }

  static bool installed() { return access("/usr/sbin/dockerd", X_OK) == 0; }
  static void start(const std::string& options) {
    daemon_.reset();
    daemon_ = std::make_unique<Daemon>("dockerd --data-root " + folder() +
                                           "/docker --exec-root /run/docker -p /run/docker.pid -H "
                                           "$DOCKER_HOST --config-file " +
                                           file("daemon.json", "{}") + " --add-runtime rcrt=" + runtime() +
                                           " " + options,
                                       environment, folder() + "/docker.log");
    ASSERT_TRUE(daemon_->wait_until([] { return shell("docker version").code == 0; }));
  }
  // `docker run --rm OPTIONS` without a network, which costs time.
  static Output box(const std::string& words) { return shell("docker run --rm --network none " + words); }
  static std::string inspect(const std::string& name, const std::string& what) {
    return out("docker inspect -f '{{" + what + "}}' " + name);
  }

 private:
  static inline std::unique_ptr<Daemon> daemon_;
};

TEST_F(Docker, RunAndItsExitCodes) {
  Output output = box("bb sh -c 'echo hello; exit 5'");
  EXPECT_EQ(output.code, 5) << output;
  EXPECT_EQ(output.out, "hello\n");
  output = box("bb nosuch");
  EXPECT_EQ(output.code, 127);
  EXPECT_THAT(output.err, HasSubstr("\"nosuch\": executable file not found in $PATH"));
  EXPECT_EQ(box("bb /etc").code, 126);
  EXPECT_EQ(shell("echo text | docker run --rm -i --network none bb cat").out, "text\n");
  EXPECT_THAT(out("script -qec 'docker run --rm -t --network none bb tty' /dev/null"),
              HasSubstr("/dev/pts/"));
}

TEST_F(Docker, ALife) {
  out("docker run -d --name life --network none bb sh -c 'echo up; trap \"exit 3\" TERM; "
      "while :; do sleep 0.1; done'");
  std::string id = inspect("life", ".Id");
  EXPECT_EQ(out(runtime() + " --root /run/docker/runtime-runc/moby list -q"), id) << "rcrt-oci knows it";
  EXPECT_EQ(shell("docker exec life sh -c 'exit 9'").code, 9);
  EXPECT_EQ(shell("docker exec life nosuch").code, 126) << "as with runc";
  EXPECT_EQ(out("docker exec --user 5:6 -w /tmp -e A=b life sh -c 'id -u; id -g; pwd; echo $A'"),
            "5\n6\n/tmp\nb\n");
  EXPECT_THAT(out("script -qec 'docker exec -t life tty' /dev/null"), HasSubstr("/dev/pts/"));
  EXPECT_THAT(out("docker top life"), HasSubstr("sh -c echo up"));
  EXPECT_THAT(out("docker stats --no-stream --format '{{.Name}} {{.CPUPerc}}' life"), HasSubstr("life 0.0"));
  out("docker pause life");
  EXPECT_EQ(inspect("life", ".State.Status"), "paused\n");
  EXPECT_NE(shell("docker exec life true").code, 0);
  out("docker unpause life");
  out("docker stop life");
  EXPECT_EQ(inspect("life", ".State.ExitCode"), "3\n");
  out("docker start life");
  out("docker kill life");
  EXPECT_EQ(out("docker wait life"), "137\n");
  out("docker restart life");
  EXPECT_TRUE(eventually([] { return out("docker logs life") == "up\nup\nup\n"; }));
  out("docker kill -s TERM life");
  EXPECT_EQ(out("docker wait life"), "3\n");
  out("docker rm life");
}

TEST_F(Docker, Files) {
  EXPECT_EQ(box("--read-only bb touch /x").err, "touch: /x: Read-only file system\n");
  std::string text = file("text", "text\n");
  EXPECT_EQ(box("-v " + text + ":/text:ro bb sh -c 'cat /text; echo x >/text'").out, "text\n");
  EXPECT_EQ(box("-v kept:/k bb sh -c 'echo kept >/k/f'").code, 0);
  EXPECT_EQ(box("-v kept:/k bb cat /k/f").out, "kept\n");
  out("docker volume rm kept");
  EXPECT_EQ(box("--tmpfs /t:size=1m --shm-size 2m bb sh -c 'df /t /dev/shm | awk \"NR>1 {print \\$2}\"'").out,
            "1024\n2048\n");
  out("docker run -d --name copy --network none bb sleep 1000");
  out("docker cp " + text + " copy:/text");
  EXPECT_EQ(out("docker exec copy cat /text"), "text\n");
  out("docker exec copy sh -c 'echo back >/back'");
  EXPECT_EQ(out("docker cp copy:/back - | tar -xO"), "back\n");
  out("docker rm -f copy");
}

TEST_F(Docker, WhoItIs) {
  EXPECT_EQ(box("--user 7:8 --group-add 9 bb sh -c 'id -u; id -G'").out, "7\n8 9\n");
  EXPECT_EQ(box("--init bb cat /proc/1/comm").out, "docker-init\n");
  EXPECT_EQ(box("--hostname there --ulimit nofile=100:200 bb sh -c 'hostname; ulimit -n; ulimit -Hn'").out,
            "there\n100\n200\n");
  EXPECT_EQ(box("--cap-drop all --security-opt no-new-privileges bb sh -c 'grep -E "
                "\"CapEff|CapBnd|NoNewPrivs|Seccomp:\" /proc/self/status'")
                .out,
            "CapEff:\t0000000000000000\nCapBnd:\t0000000000000000\nNoNewPrivs:\t1\nSeccomp:\t2\n");
  EXPECT_EQ(box("--security-opt seccomp=unconfined bb grep Seccomp: /proc/self/status").out, "Seccomp:\t0\n");
  EXPECT_EQ(box("--privileged bb sh -c 'test -e /dev/kmsg && echo all'").out, "all\n");
  EXPECT_EQ(box("--device /dev/null:/dev/nothing bb sh -c 'echo x >/dev/nothing && echo written'").out,
            "written\n");
  out("docker run -d --name first --network none bb sleep 1000");
  EXPECT_THAT(shell("docker run --rm --pid container:first --network container:first bb ps").out,
              HasSubstr("sleep 1000"));
  out("docker rm -f first");
}

TEST_F(Docker, HealthAndRestart) {
  out("docker run -d --name health --network none --health-cmd 'test -e /ok' --health-interval 200ms "
      "--health-retries 1 bb sleep 1000");
  EXPECT_TRUE(eventually([] { return inspect("health", ".State.Health.Status") == "unhealthy\n"; }));
  out("docker exec health touch /ok");
  EXPECT_TRUE(eventually([] { return inspect("health", ".State.Health.Status") == "healthy\n"; }));
  out("docker rm -f health");
  out("docker run -d --name again --network none --restart on-failure:2 bb sh -c 'echo up; exit 3'");
  EXPECT_TRUE(eventually([] { return inspect("again", ".State.Status") == "exited\n"; }));
  EXPECT_EQ(inspect("again", ".RestartCount"), "2\n");
  EXPECT_EQ(out("docker logs again"), "up\nup\nup\n");
  out("docker rm again");
}

// Its classic builder and its buildkit.
TEST_F(Docker, Build) {
  std::filesystem::create_directory(folder() + "/build");
  file("build/Dockerfile", "FROM bb\nRUN echo \"made by process $$\" >/made\nUSER 5\nRUN id -u >/tmp/who\n");
  for (const char* buildkit : {"0", "1"}) {
    out(std::string("DOCKER_BUILDKIT=") + buildkit + " docker build -q -t app " + folder() + "/build");
    EXPECT_EQ(box("app cat /made /tmp/who").out, "made by process 1\n5\n");
    out("docker rmi -f app");
  }
}

TEST_F(Docker, Compose) {
  std::filesystem::create_directory(folder() + "/compose");
  file("compose/docker-compose.yml", R"(version: "2.4"
services:
  server:
    image: bb
    command: sh -c 'mkdir -p /w; echo served >/w/i; exec httpd -f -p 80 -h /w'
    stop_grace_period: 0s
    healthcheck: {test: wget -qO- http://127.0.0.1/i, interval: 300ms}
  client:
    image: bb
    command: wget -qO- http://server/i
    depends_on: {server: {condition: service_healthy}}
)");
  Output up = shell("cd " + folder() + "/compose && docker-compose up --no-color --exit-code-from client");
  EXPECT_EQ(up.code, 0) << up;
  EXPECT_THAT(up.out, HasSubstr("| served\n"));
  out("cd " + folder() + "/compose && docker-compose down");
}

TEST_F(Docker, OneRuntimeOfSeveral) {
  start("--default-runtime runc");
  out("docker run -d --name one --runtime rcrt --network none bb sleep 1000");
  EXPECT_EQ(inspect("one", ".HostConfig.Runtime"), "rcrt\n");
  EXPECT_EQ(out(runtime() + " --root /run/docker/runtime-runc/moby list -q"), inspect("one", ".Id"));
  out("docker rm -f one");
}

}  // namespace
}  // namespace rcrt::test
