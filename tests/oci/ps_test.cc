// SPDX-License-Identifier: MIT
// The lines of `ps`, byte for byte those of the machine's ps(1).
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pty.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>

#include "base/pipe.h"
#include "base/words.h"
#include "oci/ps/report.h"
#include "tests/oci/ps_family.h"
#include "tests/support/host_state.h"

namespace rcrt::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using Words = std::vector<std::string>;

class Ps : public testing::Test {
 protected:
  void SetUp() override {
    for (const char* variable : {"COLUMNS", "LINES", "LC_ALL", "LC_CTYPE", "LANG", "PS_FORMAT"})
      unsetenv(variable);
    for (const pid_t pid : family_.pids()) list_ += (list_.empty() ? "" : ",") + std::to_string(pid);
  }

  // In options, PIDS and LEADER stand for those of the family.
  Words placed(const std::string& options) const {
    Words words;
    for (std::string word : words_of(options, " ")) {
      std::ranges::replace(word, '~', ' ');
      for (const auto& [name, value] : {std::pair("PIDS", list_), std::pair("LEADER", leader())})
        if (const size_t at = word.find(name); at != word.npos)
          word.replace(at, std::string_view(name).size(), value);
      words.push_back(word);
    }
    return words;
  }

  std::string leader() const { return std::to_string(family_.leader()); }

  std::string ours(const std::string& options) const {
    auto lines = oci::ps::report(family_.pids(), placed(options));
    return lines ? *lines : lines.error().message();
  }

  // As runc has it: of all that ps says, the lines with a PID of ours. All of it where options name PIDS.
  std::string theirs(const std::string& options) const {
    std::string command = "ps";
    for (const std::string& word : placed(options)) command += " '" + word + "'";
    std::string text = observe(command);
    if (options.contains("PIDS")) return text;
    const Words lines = words_of(text, "\n");
    const Words titles = words_of(lines.at(0), " ");
    const auto column = static_cast<size_t>(std::ranges::find(titles, "PID") - titles.begin());
    if (column == titles.size()) return "no PID column: " + text;
    std::string kept = lines[0] + "\n";
    for (const std::string& line : lines) {
      const Words fields = words_of(line, " ");
      if (column < fields.size() &&
          std::ranges::any_of(
              family_.pids(), [&](pid_t pid) { return fields[column] == std::to_string(pid); }))
        kept += line + "\n";
    }
    return kept;
  }

  void expect_same(const std::string& options) const {
    expect_agreement("ps " + options, [&] { return ours(options); }, [&] { return theirs(options); });
  }

  // Times go on while one looks: what counts is that both say the same at some moment.
  template <typename Ours, typename Theirs>
  static void expect_agreement(const std::string& command, Ours ours, Theirs theirs) {
    std::string expected, shown;
    for (int i = 0; i < 50; ++i) {
      expected = theirs(), shown = ours();
      if (shown == expected) return;
    }
    EXPECT_EQ(shown, expected) << command;
  }

  const PsFamily family_;
  std::string list_;
};

TEST_F(Ps, UnixFormats) {
  for (const char* options :
       {"-e",   "-ef",  "-eF",  "-el",  "-ely", "-elF", "-elyF", "-ej",    "-ejf",         "-ejl", "-ec",
        "-elc", "-efc", "-efP", "-eFP", "-eM",  "-efZ", "-A",    "-ef -w", "-e --context", "-efw"})
    expect_same(options);
}

TEST_F(Ps, BsdFormats) {
  for (const char* options : {"ax", "aux", "auxww", "-aux", "axl", "axj", "axv", "axs", "axX", "axc", "auxc",
                              "axe", "auxS", "auxn", "axln", "ax --cumulative", "axZ", "ax -j u"})
    expect_same(options);
}

TEST_F(Ps, Threads) {
  for (const char* options : {"-eL", "-eLf", "-eLF", "-eLl", "-eT", "-eTf", "-eLo pid,tid,comm,nlwp,stat",
                              "axH", "auxH", "-eL u", "-m -p PIDS", "-mf -p PIDS", "-mL -p PIDS", "p PIDS m",
                              "-eTo pid,spid,pending,tsig,wchan,psr,pri,rtprio,class,args"})
    expect_same(options);
  EXPECT_THAT(ours("-eLo comm --sort comm"), HasSubstr("helper\nhelper\n"));
}

TEST_F(Ps, Hierarchies) {
  for (const char* options :
       {"-p PIDS f", "-p PIDS -H", "-fp PIDS --forest", "-jHp PIDS", "p PIDS jf", "p PIDS uf",
        "-p PIDS -o pid,comm,args --forest", "-p PIDS -o pid,fname,ni --forest", "-p PIDS -o args,pid -H",
        "-p PIDS -f --forest --cols 60"})
    expect_same(options);
  // An order that parts siblings may make ps(1) lose some of them.
  EXPECT_EQ(words_of(ours("p PIDS f --sort -pid"), "\n").size(), family_.pids().size() + 1);
}

TEST_F(Ps, EveryColumn) {
  for (const char* columns :
       {"pid tgid lwp spid tid ppid pgid pgrp sid sess session tpgid",
        "uid euid ruid suid svuid fuid fsuid gid egid rgid sgid svgid fsgid luid",
        "user uname euser ruser suser svuser fuser fsuser uid_hack supgid supgrp",
        "group egroup rgroup sgroup svgroup fgroup fsgroup",
        "pmem %mem vsz vsize rss rssize rsz sgi_rss sz size m_size",
        "drs m_drs dsiz trs m_trs trss tsiz lim min_flt minflt maj_flt majflt pagein",
        "pri opri intpri priority pri_api pri_bar pri_baz pri_foo ni nice rtprio cls class policy sched psr",
        "cpuid lastcpu sgi_p ag_id ag_nice nlwp thcount tt tty tname tty8 tty4 longtname",
        "stat state s f flag flags wchan wname nwchan addr addr_1 alarm timeout tmout",
        "lstart start start_time stime bsdstart bsdtime etime etimes time cputime atime times cputimes",
        "pending sig sig_pend tsig blocked sigmask sig_block caught sigcatch sig_catch",
        "ignored sigignore sig_ignore comm ucomm ucmd args command cmd fname exe cgroup cgname",
        "label context zone lxc ipcns mntns netns pidns userns utsns cgroupns timens",
        "oom oomadj esp eip stackp start_stack rbytes rchars rops wbytes wcbytes wchars wops"}) {
    Words names = words_of(columns, " ");
    for (const bool reversed : {false, true}) {
      std::string list = "pid";
      if (reversed) std::ranges::reverse(names);
      for (const std::string& name : names) list += "," + name;
      expect_same("-eo " + list);
    }
    for (const std::string& name : names) expect_same("-eo pid," + name);  // as wide as the line
  }
}

// Of those that only sleep: a share of the time since the start falls while one looks.
TEST_F(Ps, SharesOfAProcessor) {
  for (const char* column : {"pcpu", "%cpu", "c", "util", "cp", "cuu", "cuc"}) {
    expect_same("-C sleep -o pid," + std::string(column));
    expect_same("-C sleep -o " + std::string(column) + ",pid");
  }
  EXPECT_LE(std::stod(ours("-p LEADER -o pcpu=")), 100);
}

// What depends on libraries or on who looks: at least it is there.
TEST_F(Ps, OtherColumns) {
  for (const char* column : {"machine", "ouid", "lsession", "seat", "slice", "unit", "uunit"})
    EXPECT_THAT(ours("--no-headers -p LEADER -o " + std::string(column)), "-\n") << column;
  const auto value = [this](const std::string& column) {
    return std::stoul(ours("-p LEADER -o " + column + "="));
  };
  for (const char* column : {"pss", "uss"}) {
    EXPECT_GT(value(column), 0u) << column;
    EXPECT_LE(value(column), value("rss")) << column;
  }
  EXPECT_THAT(ours("-p LEADER -o numa="), testing::MatchesRegex(" +-?[0-9]+\n"));
}

TEST_F(Ps, ListsOfColumns) {
  for (const char* options : {"-eo pid,user:3,comm,args",
                              "-eo user:20,pid,args",
                              "-eo pid,wchan:20,args:10,stat",
                              "-p PIDS -o pid=PROCESS,comm=A",
                              "-eo pid -o comm=NAME",
                              "axo pid,stat",
                              "--format pid,args -e",
                              "--format=pid,args -e",
                              "-eo pid~user,comm",
                              "-eO user",
                              "-eO user,rss",
                              "axO rss",
                              "-eo %p~%y~%x~%c",
                              "-eo %p%u%a",
                              "-eo pid,comm=",
                              "-p PIDS -o pid=",
                              "-p PIDS -o pid= -o comm=",
                              "-p PIDS -o comm=x,pid=",
                              "-p PIDS h",
                              "-p PIDS --no-headers",
                              "-p PIDS --no-heading -f",
                              "-p PIDS --headers --rows 4"})
    expect_same(options);
  EXPECT_EQ(ours("-ef -o pid,comm"), ours("-o pid,comm")) << "a list of columns stands above formats";
}

TEST_F(Ps, Order) {
  for (const char* options : {"-ef --sort -pid", "-ef --sort=ppid,-pid", "axk-pid", "ax k +comm,-pid",
                              "-eo pid,ni,comm --sort -ni,comm,pid", "-ejf --sort=args,pid",
                              "-ef --sort -rss,pid", "-eo pid,user --sort user,-pid", "-ef --sort -nlwp,pid",
                              "-ef --sort -stat,pid", "-ef --sort time,pid", "-ef --sort -start_time,-pid"})
    expect_same(options);
}

TEST_F(Ps, Selections) {
  for (const char* options : {"-p LEADER",
                              "LEADER",
                              "-q LEADER",
                              "--pid LEADER -f",
                              "--ppid LEADER",
                              "-C sleep",
                              "-fC sleep,nosuch",
                              "-s LEADER",
                              "--sid LEADER",
                              "-g LEADER",
                              "-fN -C sleep",
                              "--deselect -f -p LEADER",
                              "-d -f",
                              "-u 0,65534 -f",
                              "-u root -f",
                              "-U root -f",
                              "--user root -f",
                              "-G root -f",
                              "--group root -f",
                              "-g root -f",
                              "-t - -f",
                              "-e r",
                              "u -LEADER",
                              "u +LEADER",
                              "u -p LEADER",
                              "-p LEADER --ppid LEADER -f",
                              "-e -C nosuch"})
    expect_same(options);
  EXPECT_EQ(ours("o pid,args"), ours("axo pid,args")) << "nothing chosen is all of them";
  EXPECT_EQ(ours("-o pid,args"), ours("-eo pid,args"));
  EXPECT_EQ(words_of(ours("-f -t pts/99999"), "\n").size(), 1u) << "a header alone";
}

TEST_F(Ps, Terminals) {
  int terminal = -1;
  Pipe executed = make_pipe().value();
  const pid_t pid = forkpty(&terminal, nullptr, nullptr, nullptr);
  ASSERT_GE(pid, 0) << strerror(errno);
  if (pid == 0) {
    execlp("sleep", "sleep", "100000", static_cast<char*>(nullptr));
    _exit(127);
  }
  executed.write_end.reset();
  char none;
  ASSERT_EQ(read(executed.read_end.get(), &none, 1), 0);
  const std::string name = ptsname(terminal) + strlen("/dev/");
  const std::string all = "-o pid,tty,tty4,tname,stat,tpgid -p " + std::to_string(pid);
  for (const std::string& options :
       {all, all + " -t -", "-t " + name, "-t /dev/" + name, "-t " + name.substr(4)}) {
    auto shown = [&] {
      auto lines = oci::ps::report({pid, family_.leader()}, words_of(options, " "));
      return lines ? *lines : lines.error().message();
    };
    if (options.contains("-t -"))
      EXPECT_THAT(shown(), AllOf(HasSubstr(leader()), HasSubstr(std::to_string(pid)))) << options;
    else
      expect_agreement("ps " + options, shown, [&] { return observe("ps " + options); });
  }
  kill(pid, SIGKILL);
  waitpid(pid, nullptr, 0);
  close(terminal);
}

TEST_F(Ps, NarrowLines) {
  for (const char* options :
       {"aux --width 40", "-ef --cols 60", "-ef --columns=20", "-ef w --cols 50", "-efww --cols 5",
        "axs --cols 80", "axs --cols 110", "axl --cols 90", "-eo user:3,pid,args --cols 30"})
    expect_same(options);
  setenv("COLUMNS", "70", 1);
  expect_same("aux");
  expect_same("auxw");
}

TEST_F(Ps, TextOfTheLocale) {
  setenv("LC_ALL", "C.UTF-8", 1);
  expect_same("-eo pid,args");
  EXPECT_THAT(ours("-eo args"), HasSubstr("a b?c \xc3\xbc ?[31m ?"));
}

TEST_F(Ps, RefusesWhatItDoesNotKnow) {
  const std::pair<const char*, const char*> cases[] = {
      {"-efQ",
       "unknown ps option \"-Q\"; formats, columns, order, threads and selection are chosen as with ps(1)"},
      {"auxQ", "unknown ps option \"Q\""},
      {"--nosuch=3", "unknown ps option \"--nosuch\""},
      {"=", "unknown ps option \"=\""},
      {"-o nosuch", "unknown ps column \"nosuch\"; use names of ps(1)"},
      {"-o pid:x", "invalid width of a ps column \"pid:x\""},
      {"-o pid:999999999", "invalid width of a ps column \"pid:999999999\""},
      {"-o ,", "empty list of ps columns \",\""},
      {"-o %p%Q", "unknown ps descriptor \"%Q\""},
      {"-o", "a value must follow the ps option \"-o\""},
      {"--sort", "a value must follow the ps option \"--sort\""},
      {"--sort nosuch", "unknown ps column to sort by \"nosuch\""},
      {"--forest=3", "no value may follow the ps option \"--forest\""},
      {"--cols 0", "invalid size of a page for ps \"0\""},
      {"-u nosuchuser", "no such user in /etc/passwd \"nosuchuser\""},
      {"-G nosuchgroup", "no such group in /etc/group \"nosuchgroup\""},
      {"-p x", "invalid process id in a list for ps \"x\""},
      {"-p ,", "empty list after a ps option \",\""},
      {"-eLH", "ps shows threads or a hierarchy, not both"},
      {"aux l", "conflicting formats for ps"},
      {"u -o pid", "conflicting formats for ps"},
  };
  for (const auto& [options, message] : cases) EXPECT_THAT(ours(options), HasSubstr(message)) << options;
}

}  // namespace
}  // namespace rcrt::test
