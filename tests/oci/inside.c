// SPDX-License-Identifier: MIT
// What a container of a test does that its shell cannot. It needs no library.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

// sd_notify(3)
static int notify(const char* text) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  const char* path = getenv("NOTIFY_SOCKET");
  if (path == NULL || strlen(path) >= sizeof address.sun_path) return 2;
  strcpy(address.sun_path, path);
  int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (connect(fd, (struct sockaddr*)&address, sizeof address) != 0 || send(fd, text, strlen(text), 0) < 0) {
    perror(path);
    return 1;
  }
  return 0;
}

// mkdir(2) as a program of another architecture calls it.
static int make_folder_as_i386(const char* path) {
  static char low[256];  // an address of 32 bits
  long result;
  snprintf(low, sizeof low, "%s", path);
  __asm__ volatile("int $0x80"
                   : "=a"(result)
                   : "a"(39), "b"((long)low), "c"(0755)
                   : "memory", "r8", "r9", "r10", "r11");
  printf("%s\n", result == 0 ? "made" : strerror((int)-result));
  return result != 0;
}

int main(int argc, char** argv) {
  if (argc == 3 && strcmp(argv[1], "notify") == 0) return notify(argv[2]);
  if (argc == 3 && strcmp(argv[1], "i386-mkdir") == 0) return make_folder_as_i386(argv[2]);
  return 2;
}
