// SPDX-License-Identifier: MIT
// import, load, save, export, commit, diff.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/progress.h"
#include "core/instructions.h"

namespace rcrt::cli {
namespace {

Result<ImageSource::Transport> archive_format(const std::string& format) {
  if (format.empty() || format == "docker-archive") return ImageSource::Transport::docker_archive;
  if (format == "oci-archive") return ImageSource::Transport::oci_archive;
  if (format == "oci-dir" || format == "oci") return ImageSource::Transport::oci;
  if (format == "docker-dir" || format == "dir") return ImageSource::Transport::dir;
  return error("unknown format", format, "known: docker-archive, oci-archive, oci-dir, docker-dir", EINVAL);
}

std::unexpected<Error> no_terminal() {
  return error("refusing to write an archive to a terminal", {},
               "name a file with -o, or redirect the output", EINVAL);
}

// Standard input when that is the source, else -1.
Result<int> input_of(const std::string& source) {
  if (source != "-") return -1;
  if (isatty(STDIN_FILENO))
    return error("refusing to read an archive from a terminal", {}, "name a file, or redirect the input",
                 EINVAL);
  return STDIN_FILENO;
}

// Runs `write` on standard output, or on a file that is whole in the end or not there.
Result<void> write_archive(const std::string& path, const std::function<Result<void>(int fd)>& write) {
  if (path.empty()) {
    if (isatty(STDOUT_FILENO)) return no_terminal();
    return write(STDOUT_FILENO);
  }
  struct stat info;
  const bool replace = stat(path.c_str(), &info) != 0 || S_ISREG(info.st_mode);
  const std::string name = replace ? path + "." + std::to_string(getpid()) + ".new" : path;
  UniqueFd fd(open(name.c_str(), O_WRONLY | O_CLOEXEC | O_NOCTTY | (replace ? O_CREAT | O_EXCL : 0), 0644));
  if (!fd) return errno_error("cannot write", name);
  auto written = write(fd.get());
  if (!replace) return written;
  if (written && fsync(fd.get()) != 0) written = errno_error("cannot sync", name);
  if (written && rename(name.c_str(), path.c_str()) != 0) written = errno_error("cannot rename", name);
  if (!written) unlink(name.c_str());
  return written;
}

}  // namespace

Result<int> import_command(Context& context, const std::vector<std::string>& args) {
  const std::string usage = "rcrt import [--change INSTRUCTION] ROOTFS.tar|DIR|- NAME";
  po::options_description own("Options of import");
  own.add_options()("change,c", words("INSTRUCTION"), kInstructions)  //
      ("quiet,q", toggle(), "print nothing");
  RCRT_ASSIGN(auto line, context.parse(usage, own, args));
  if (!line) return 0;
  RCRT_TRY(need_words(*line, 2, 2, usage));
  RCRT_ASSIGN(Engine* const engine, context.engine());
  Json config = Json::object();
  for (const auto& change : line->list("change")) RCRT_TRY(apply_instruction(config, change));
  const std::string& source = line->words[0];
  RCRT_ASSIGN(const int from, input_of(source));
  RCRT_ASSIGN(const std::string id,
              engine->import(from < 0 ? source : "standard input", from, line->words[1], config));
  if (!line->flag("quiet")) printf("%s\n", id.c_str());
  return 0;
}

Result<int> load_command(Context& context, const std::vector<std::string>& args) {
  const std::string usage = "rcrt load [-i FILE | SOURCE]";
  po::options_description own("Options of load");
  own.add_options()("input,i", word("FILE"), "archive or folder; standard input without");
  add_progress_flag(own);
  RCRT_ASSIGN(auto line, context.parse(usage, own, args));
  if (!line) return 0;
  RCRT_TRY(need_words(*line, 0, line->has("input") ? 0 : 1, usage));
  const std::string source = line->has("input")    ? line->text("input")
                             : line->words.empty() ? "-"
                                                   : line->words[0];
  RCRT_ASSIGN(const int from, input_of(source));
  RCRT_ASSIGN(const ProgressMode mode, progress_mode(*line));
  RCRT_ASSIGN(Engine* const engine, context.engine());
  ProgressView view(mode);
  RCRT_ASSIGN(const auto loaded, engine->load(source, from, "", view.sink()));
  view.finish();
  if (mode == ProgressMode::json) return 0;
  for (const LoadedImage& image : loaded) {
    if (line->flag("quiet"))
      printf("%s\n", image.id.c_str());
    else if (image.name.empty())
      printf("Loaded image ID: %s\n", image.id.c_str());
    else
      printf("Loaded image: %s\n", image.name.c_str());
  }
  return 0;
}

Result<int> save_command(Context& context, const std::vector<std::string>& args) {
  const std::string usage = "rcrt save [OPTIONS] IMAGE ...";
  po::options_description own("Options of save");
  own.add_options()("output,o", word("FILE"), "where to; standard output without")  //
      ("format", word("FORMAT"), "docker-archive (the default), oci-archive, oci-dir or docker-dir");
  add_progress_flag(own);
  RCRT_ASSIGN(auto line, context.parse(usage, own, args));
  if (!line) return 0;
  RCRT_TRY(need_words(*line, 1, 10000, usage));
  ImageSource destination;
  RCRT_ASSIGN(destination.transport, archive_format(line->text("format")));
  const std::string output = line->text("output");
  RCRT_ASSIGN(const auto named, parse_image_source(output));
  if (named && line->has("format"))
    return error("--format and a transport in --output", output, "one is enough", EINVAL);
  if (named) destination = *named;
  if (destination.transport == ImageSource::Transport::registry)
    return error("cannot save to a registry", output, "use `rcrt push`", EINVAL);
  if (!named) destination.path = output;
  const bool folder = destination.transport == ImageSource::Transport::oci ||
                      destination.transport == ImageSource::Transport::dir;
  const bool to_stdout = destination.path.empty() || destination.path == "-";
  if (to_stdout && folder)
    return error("a folder cannot be written to standard output", {}, "name it with -o", EINVAL);
  if (to_stdout && isatty(STDOUT_FILENO)) return no_terminal();
  RCRT_ASSIGN(const ProgressMode mode, progress_mode(*line));
  if (to_stdout && mode == ProgressMode::json)
    return error("the archive and --progress=json both go to standard output", {}, "name a file with -o",
                 EINVAL);
  RCRT_ASSIGN(Engine* const engine, context.engine());
  ProgressView view(mode);
  RCRT_TRY(engine->save(line->words, destination, to_stdout ? STDOUT_FILENO : -1, view.sink()));
  return 0;
}

Result<int> export_command(Context& context, const std::vector<std::string>& args) {
  const std::string usage = "rcrt export [-o FILE] CONTAINER";
  po::options_description own("Options of export");
  own.add_options()("output,o", word("FILE"), "where to; standard output without");
  RCRT_ASSIGN(auto line, context.parse(usage, own, args));
  if (!line) return 0;
  RCRT_TRY(need_words(*line, 1, 1, usage));
  RCRT_ASSIGN(const Container container, context.container(line->words[0]));
  RCRT_ASSIGN(Engine* const engine, context.engine());
  RCRT_TRY(write_archive(line->text("output"),
                         [&](int fd) { return engine->export_container(container.id, fd); }));
  return 0;
}

Result<int> commit_command(Context& context, const std::vector<std::string>& args) {
  const std::string usage = "rcrt commit [OPTIONS] CONTAINER [NAME]";
  po::options_description own("Options of commit");
  own.add_options()("author,a", word("TEXT"), "who has made the image")                //
      ("message,m", word("TEXT"), "a comment in the image's history")                  //
      ("change,c", words("INSTRUCTION"), kInstructions)                                //
      ("pause,p", toggle(), "stop the container's processes meanwhile (the default)")  //
      ("quiet,q", toggle(), "print nothing");
  RCRT_ASSIGN(auto line, context.parse(usage, own, args));
  if (!line) return 0;
  RCRT_TRY(need_words(*line, 1, 2, usage));
  RCRT_ASSIGN(const Container container, context.container(line->words[0]));
  CommitOptions options;
  if (line->words.size() > 1) options.name = line->words[1];
  options.author = line->text("author");
  options.message = line->text("message");
  options.pause = !line->has("pause") || line->flag("pause");
  options.changes = line->list("change");
  RCRT_ASSIGN(Engine* const engine, context.engine());
  RCRT_ASSIGN(const std::string id, engine->commit(container.id, options));
  if (!line->flag("quiet")) printf("%s\n", id.c_str());
  return 0;
}

Result<int> diff_command(Context& context, const std::vector<std::string>& args) {
  po::options_description own("Options of diff");
  own.add_options()("json", toggle(), "one JSON array");
  RCRT_ASSIGN(auto line, context.parse("rcrt diff CONTAINER", own, args));
  if (!line) return 0;
  RCRT_TRY(need_words(*line, 1, 1, "rcrt diff CONTAINER"));
  RCRT_ASSIGN(const Container container, context.container(line->words[0]));
  RCRT_ASSIGN(Engine* const engine, context.engine());
  RCRT_ASSIGN(const Json changes, engine->diff(container.id));
  if (line->flag("json")) {
    printf("%s\n", changes.dump(2).c_str());
    return 0;
  }
  for (const Json& change : changes)
    printf("%s %s\n", change.value("kind", "").c_str(), change.value("path", "").c_str());
  return 0;
}

}  // namespace rcrt::cli
