# SPDX-License-Identifier: MIT
# A plugin of one C file, named by the includer in PLUGIN. Needs the headers of rcrt only: installed,
# found by pkg-config, or in RCRT_INCLUDE.
RCRT_INCLUDE ?=
CPPFLAGS += -I.. $(if $(RCRT_INCLUDE),-I$(RCRT_INCLUDE),$(shell pkg-config --cflags rcrt-plugin))
CFLAGS ?= -O2 -Wall -Wextra
PLUGINDIR ?= $(shell pkg-config --variable=plugindir rcrt-plugin)

$(PLUGIN).so: $(PLUGIN).c ../json.h
	$(CC) $(CPPFLAGS) $(CFLAGS) -fPIC -fvisibility=hidden -shared $(LDFLAGS) -o $@ $(PLUGIN).c

install: $(PLUGIN).so
	install -D -m 0644 $(PLUGIN).so $(DESTDIR)$(PLUGINDIR)/$(PLUGIN).so

clean:
	rm -f $(PLUGIN).so

.PHONY: install clean
