// SPDX-License-Identifier: MIT
// --log, --log-format: errors and warnings, for engines and for people.
#include <sstream>

#include "tests/oci/oci_stage.h"

namespace rcrt::test {
namespace {

using Log = OciTest;

TEST_F(Log, ErrorsGoToTheLogAsEnginesReadThem) {
  std::string log = stage->dir() + "/log";
  Output output = oci({"--log", log, "--log-format", "json", "start", "none"});
  EXPECT_EQ(output.code, 1);
  Json line = Json::parse(contents(log));
  EXPECT_EQ(line["level"], "error");
  EXPECT_NE(line["msg"].get<std::string>().find("container does not exist"), std::string::npos);
  EXPECT_TRUE(line.contains("time"));
  std::string text = stage->dir() + "/log.text";
  oci({"--log", text, "start", "none"});
  EXPECT_EQ(contents(text).find("time=\""), 0u);
  EXPECT_NE(contents(text).find("level=error msg=\""), std::string::npos);
  EXPECT_EQ(oci({"--log-format", "xml", "list"}).code, 1);
  output = oci({"--log-format", "json", "start", "none"});
  line = Json::parse(output.err);
  EXPECT_NE(line["msg"].get<std::string>().find("container does not exist"), std::string::npos) << output;
}

TEST_F(Log, WarningsReachWhoeverReads) {
  Json spec = config("echo ran");
  spec["linux"]["resources"]["memory"]["kernelTCP"] = 1;
  const std::string warning = "linux.resources.memory.kernelTCP has no counterpart",
                    log = stage->dir() + "/warned";
  auto run = [&](std::vector<std::string> options) {
    options.insert(options.end(), {"run", "--bundle", bundle(spec), "c1"});
    return oci(options);
  };
  Output output = run({});
  EXPECT_EQ(output.out, "ran\n");
  EXPECT_EQ(output.err.find("rcrt-oci: "), 0u) << output;
  EXPECT_NE(output.err.find(warning), output.err.npos) << output;
  EXPECT_EQ(run({"--log", log}).err, "");
  EXPECT_NE(contents(log).find(warning), std::string::npos);
  EXPECT_EQ(Json::parse(run({"--log-format", "json"}).err)["level"], "warning");
}

TEST_F(Log, DebugTellsEachStepWhereTheOthersAreToldToo) {
  const std::string folder = bundle_of("echo ran"), step = "oci: prepared";
  auto run = [&](std::vector<std::string> options) {
    options.insert(options.end(), {"run", "--bundle", folder, "c1"});
    return oci(options);
  };
  auto expect_json = [&](const std::string& lines) {
    std::istringstream read(lines);
    bool found = false;
    for (std::string line; std::getline(read, line);) {
      const Json one = Json::parse(line);
      EXPECT_EQ(one["level"], "debug");
      EXPECT_TRUE(one["time"].is_string());
      found = found || one["msg"] == step;
    }
    EXPECT_TRUE(found) << lines;
  };
  EXPECT_EQ(run({}).err, "");
  Output output = run({"--debug"});
  EXPECT_EQ(output.out, "ran\n");
  EXPECT_NE(output.err.find("rcrt-oci: debug: " + step + "\n"), output.err.npos) << output;
  expect_json(run({"--debug", "--log-format", "json"}).err);
  const std::string log = stage->dir() + "/steps";
  EXPECT_EQ(run({"--debug", "--log", log}).err, "") << "the container's own stream";
  EXPECT_NE(contents(log).find(" level=debug msg=\"" + step + "\"\n"), std::string::npos) << contents(log);
  output = run({"--debug", "--log", log + ".json", "--log-format", "json"});
  EXPECT_EQ(output.err, "");
  expect_json(contents(log + ".json"));
}

}  // namespace
}  // namespace rcrt::test
