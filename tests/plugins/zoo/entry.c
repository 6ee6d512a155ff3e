/* SPDX-License-Identifier: MIT */
/* Plugins that are wrong before the first call. Built once for each CASE_...; the name in
 * NAME is the file's. */
#include <errno.h>
#include <rcrt/network.h>
#include <string.h>

#define TEXT_(x) #x
#define TEXT(x) TEXT_(x)

#ifndef CASE_no_entry

static int nothing(const rcrt_call* call) {
  (void)call;
  return 0;
}

static const rcrt_network_v1 network = {
#if defined(CASE_table_zero)
    .size = 0,
#elif defined(CASE_table_huge)
    .size = (size_t)-1,
#elif defined(CASE_table_odd)
    .size = sizeof(rcrt_network_v1) - 3,
#elif defined(CASE_small_table)
    /* As if built when the interface ended with detach. */
    .size = offsetof(rcrt_network_v1, idle),
#else
    .size = sizeof(rcrt_network_v1),
#endif
    .attach = nothing,
#ifndef CASE_no_detach
    .detach = nothing,
#endif
    .idle = nothing,
    .doctor = nothing,
};

#ifdef CASE_large_table
/* As if built when the interface had more functions. */
static struct {
  rcrt_network_v1 known;
  rcrt_function newer[3];
} large = {{.size = sizeof large, .attach = nothing, .detach = nothing, .doctor = nothing},
           {nothing, nothing, nothing}};
#endif

__attribute__((unused)) static const void* get_interface(const char* id) {
#ifdef CASE_large_table
  if (strcmp(id, RCRT_NETWORK_V1) == 0) return &large;
#endif
#ifdef CASE_no_interface
  if (strcmp(id, "rcrt.network/2") == 0) return &network;
#else
  if (strcmp(id, RCRT_NETWORK_V1) == 0) return &network;
#endif
  return NULL;
}

#if defined(CASE_init_fails)
static int init(const rcrt_host* host) {
  (void)host;
  return -ENODEV;
}
#elif defined(CASE_init_positive)
static int init(const rcrt_host* host) {
  (void)host;
  return 7;
}
#endif

#ifdef CASE_missing_function
extern int function_nobody_has(void);
RCRT_EXPORT int call_it(void);
int call_it(void) { return function_nobody_has(); }
#endif

RCRT_EXPORT const rcrt_plugin rcrt_plugin_entry = {
#if defined(CASE_entry_small)
    .size = 16,
#elif defined(CASE_entry_large)
    .size = (size_t)1 << 40,
#else
    .size = sizeof(rcrt_plugin),
#endif
#ifdef CASE_other_major
    .abi_major = RCRT_ABI_MAJOR + 1,
    .name = (const char*)1, /* whoever looks further than the version crashes */
    .get_interface = (const void* (*)(const char*))1,
#else
    .abi_major = RCRT_ABI_MAJOR,
    .abi_minor = RCRT_ABI_MINOR + 9,
#ifdef CASE_wrong_name
    .name = "net-other",
#elif !defined(CASE_null_name)
    .name = TEXT(NAME),
#endif
    .version = "1",
    .description = "wrong in one way",
#ifndef CASE_null_license
    .license = "MIT",
#endif
#if defined(CASE_init_fails) || defined(CASE_init_positive)
    .init = init,
#endif
#ifndef CASE_null_get_interface
    .get_interface = get_interface,
#endif
#endif
};

#endif /* CASE_no_entry */
