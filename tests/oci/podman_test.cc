// SPDX-License-Identifier: MIT
// podman and buildah with --runtime rcrt-oci, conmon and all.
#include <gmock/gmock.h>
#include <unistd.h>

#include <filesystem>

#include "tests/oci/engine.h"

namespace rcrt::test {
namespace {

using testing::HasSubstr;

class Podman : public EngineTest {
 protected:
  static void SetUpTestSuite() {
    EngineTest::SetUpTestSuite();
    if (!stage || !installed()) return;
    environment.push_back("CONTAINERS_STORAGE_CONF=" +
                          file("storage.conf", "[storage]\ndriver = \"vfs\"\nrunroot = \"" + folder() +
                                                   "/run\"\ngraphroot = \"" + folder() + "/graph\"\n"));
    environment.push_back(
        "CONTAINERS_CONF=" +
        file("containers.conf",
             "[engine]\nruntime = \"" + runtime() +
                 "\"\ncgroup_manager = \"cgroupfs\"\nevents_logger = \"file\"\ntmp_dir = \"" + folder() +
                 "/tmp\"\ninfra_image = \"bb\"\n[containers]\npids_limit = 0\n"
                 "default_ulimits = [\"nofile=1024:1024\", \"nproc=10000:10000\"]\n"
                 "netns = \"none\"\n"));
    out("tar -C " + rootfs() + " -c . | podman import - bb");
  }
  static void TearDownTestSuite() {
    if (stage && installed()) out("podman rm -f -a -t 0; podman rmi -f -a");
    EngineTest::TearDownTestSuite();
  }
  void SetUp() override {
    EngineTest::SetUp();
    if (!installed()) GTEST_SKIP() << "podman is not installed";
  }
  static bool installed() { return access("/usr/bin/podman", X_OK) == 0; }
  static Output podman(const std::string& words) { return shell("podman " + words); }
};

TEST_F(Podman, RunAndItsExitCodes) {
  Output output = podman("run --rm bb sh -c 'echo hello; exit 5'");
  EXPECT_EQ(output.code, 5) << output;
  EXPECT_EQ(output.out, "hello\n");
  EXPECT_EQ(podman("run --rm bb nosuch").code, 127);
  EXPECT_EQ(podman("run --rm bb /etc").code, 126);
  EXPECT_EQ(podman("run --rm bb sh -c 'kill -TERM $$'").code, 0) << "process 1 is safe from itself";
  EXPECT_THAT(out("script -qec 'podman run --rm -t bb tty' /dev/null"), HasSubstr("/dev/pts/"));
}

TEST_F(Podman, ALife) {
  out("podman run -d --name a bb sleep 1000");
  EXPECT_EQ(podman("exec a sh -c 'exit 9'").code, 9);
  EXPECT_EQ(podman("exec a nosuch").code, 127);
  EXPECT_EQ(out("podman exec --user 5:6 -w /tmp -e A=b a sh -c 'id -u; id -g; pwd; echo $A'"),
            "5\n6\n/tmp\nb\n");
  EXPECT_THAT(out("script -qec 'podman exec -t a tty' /dev/null"), HasSubstr("/dev/pts/"));
  out("podman pause a");
  EXPECT_EQ(out("podman inspect -f '{{.State.Status}}' a"), "paused\n");
  out("podman unpause a");
  EXPECT_THAT(out("podman top a"), HasSubstr("sleep 1000"));
  out("podman stop -t 0 a");
  out("podman start a");
  out("podman kill a");
  EXPECT_EQ(out("podman wait a"), "137\n");
  out("podman rm -f a");
}

TEST_F(Podman, Health) {
  out("podman run -d --name health --health-cmd 'test -e /ok' --health-interval disable --health-retries 1 "
      "bb "
      "sleep 1000");
  EXPECT_EQ(podman("healthcheck run health").code, 1);
  out("podman exec health touch /ok");
  EXPECT_EQ(podman("healthcheck run health").code, 0);
  EXPECT_EQ(out("podman inspect -f '{{.State.Healthcheck.Status}}' health"), "healthy\n");
  out("podman rm -f -t 0 health");
}

// Containers that share what belongs to a pod: here its network and its host name.
TEST_F(Podman, Pod) {
  // Its cgroup would be one with processes and children; tests/vm make it.
  out("podman pod create --share-parent=false --name pod --hostname pod --infra-command 'sleep 1000'");
  out("podman run -d --pod pod --name server bb sh -c 'echo served >/tmp/i; exec httpd -f -p 80 -h /tmp'");
  EXPECT_TRUE(eventually([] {
    return podman("run --rm --pod pod bb sh -c 'hostname; wget -qO- http://127.0.0.1/i'").out ==
           "pod\nserved\n";
  }));
  out("podman pod rm -f -t 0 pod");
}

TEST_F(Podman, Options) {
  EXPECT_EQ(podman("run --rm --read-only bb sh -c 'touch /x || echo refused'").out, "refused\n");
  std::string text = file("text", "text\n");
  EXPECT_EQ(podman("run --rm -v " + text + ":/text:ro bb cat /text").out, "text\n");
  EXPECT_EQ(podman("run --rm --hostname there --user 7 bb sh -c 'hostname; id -u'").out, "there\n7\n");
  EXPECT_EQ(podman("run --rm --cap-drop all bb sh -c 'grep -E \"CapEff|Seccomp:\" /proc/self/status'").out,
            "CapEff:\t0000000000000000\nSeccomp:\t2\n");
  EXPECT_EQ(podman("run --rm --security-opt seccomp=unconfined bb grep Seccomp: /proc/self/status").out,
            "Seccomp:\t0\n");
  EXPECT_EQ(podman("run --rm --privileged bb sh -c 'test -e /dev/kmsg && echo all'").out, "all\n");
}

TEST_F(Podman, UserNamespace) {
  EXPECT_EQ(podman("run --rm --uidmap 0:100000:65536 --gidmap 0:200000:65536 bb sh -c 'id -u; stat -c %u:%g "
                   "/etc/passwd; awk \"{print \\$2}\" /proc/self/uid_map /proc/self/gid_map'")
                .out,
            "0\n0:0\n100000\n200000\n");
}

TEST_F(Podman, Build) {
  std::filesystem::create_directory(folder() + "/build");
  file("build/Containerfile",
       "FROM bb\nRUN echo \"made by process $$\" >/made\nUSER 5\nRUN id -u >/tmp/who\n");
  for (const std::string tool : {"podman build", "buildah bud"}) {
    out(tool + " --runtime " + runtime() + " --isolation oci --network none -q -t app " + folder() +
        "/build");
    EXPECT_EQ(podman("run --rm app cat /made /tmp/who").out, "made by process 1\n5\n") << tool;
    out("podman rmi app");
  }
}

TEST_F(Podman, BuildahRun) {
  std::string container = out("buildah from --pull-never bb");
  container.pop_back();
  EXPECT_EQ(out("buildah run --isolation oci --runtime " + runtime() + " --network none --user 5 " +
                container + " sh -c 'echo $$; id -u'"),
            "1\n5\n");
  EXPECT_EQ(shell("buildah run --isolation oci --runtime " + runtime() + " --network none " + container +
                  " sh -c 'exit 3'")
                .code,
            3);
  out("buildah rm " + container);
}

}  // namespace
}  // namespace rcrt::test
