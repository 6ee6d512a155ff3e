/* SPDX-License-Identifier: MIT */
/* Just enough JSON to read members of a request, which the host promises is valid. A plugin
 * that needs more takes a library (json-c, jansson, ...). */
#ifndef JSON_H
#define JSON_H

#include <rcrt/plugin.h>
#include <string.h>

/* Past the value that starts at `p`: a string, an object, an array, or a word. */
static inline const char* json_skip(const char* p, const char* end) {
  int depth = 0;
  do {
    if (p < end && *p == '"') {
      for (++p; p < end && *p != '"'; ++p)
        if (*p == '\\') ++p;
      ++p;
    } else if (p < end && (*p == '{' || *p == '[')) {
      ++depth;
      ++p;
    } else if (p < end && (*p == '}' || *p == ']')) {
      --depth;
      ++p;
    } else if (depth) {
      ++p;
    } else {
      while (p < end && !strchr(",}] \t\r\n", *p)) ++p;
    }
  } while (depth && p < end);
  return p < end ? p : end;
}

static inline const char* json_space(const char* p, const char* end) {
  while (p < end && strchr(" \t\r\n,:", *p)) ++p;
  return p;
}

/* The value of a member of the object, as it is written; empty when there is none. */
static inline rcrt_str json_member(rcrt_str object, const char* name) {
  const char *p = object.data, *end = p + object.size;
  size_t length = strlen(name);
  p = json_space(p, end);
  if (p < end && *p == '{') ++p;
  while ((p = json_space(p, end)) < end && *p == '"') {
    const char* key = p + 1;
    const char* after = json_skip(p, end);
    const char* value = json_space(after, end);
    p = json_skip(value, end);
    if ((size_t)(after - key) == length + 1 && memcmp(key, name, length) == 0)
      return (rcrt_str){value, (size_t)(p - value)};
  }
  return (rcrt_str){NULL, 0};
}

static inline int json_is(rcrt_str value, const char* word) {
  return value.size == strlen(word) && memcmp(value.data, word, value.size) == 0;
}

/* A string's text, NUL-terminated. 0 when it is no string, does not fit, or has an escape
 * other than \" \\ and \/ (paths with control characters are nobody's friend). */
static inline int json_text(rcrt_str value, char* out, size_t size) {
  size_t used = 0;
  if (value.size < 2 || value.data[0] != '"') return 0;
  for (size_t i = 1; i + 1 < value.size; ++i) {
    char c = value.data[i];
    if (c == '\\') {
      c = value.data[++i];
      if (!strchr("\"\\/", c)) return 0;
    }
    if (used + 1 >= size) return 0;
    out[used++] = c;
  }
  out[used] = '\0';
  return 1;
}

#endif
