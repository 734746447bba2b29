// SPDX-License-Identifier: BSD-3-Clause
// inletd: options and exit status.
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "inlet.h"
#include "inletd/probe.h"

enum { EXIT_CONFIG = 2, EXIT_START = 1 };

static const char help[] =
	"Usage: inletd [-c FILE] [-i]\n"
	"       inletd --check FILE\n"
	"       inletd --probe\n"
	"\n"
	"The inlet appliance: hears PIM Joins downstream, finds the AMT relay of each source in\n"
	"DNS (DRIAD), opens tunnels to the relays and emits native multicast.\n"
	"\n"
	"  -c, --config FILE   configuration, default " CONFIG_DEFAULT_FILE "\n"
	"  -i, --interactive   console in this terminal; quit ends inletd\n"
	"      --check FILE    check a configuration and exit: 0 good, 2 not\n"
	"      --probe         print what this machine's ports can do and a configuration for "
	"them,\n"
	"                      which is one file: the former is comments. Nothing is touched. 0, "
	"or 1\n"
	"                      without a port\n"
	"  -h, --help          this text\n"
	"  -V, --version       version\n"
	"\n"
	"Needs CAP_NET_ADMIN and CAP_NET_RAW (or root), /dev/net/tun, and what the DPDK driver of\n"
	"each port needs. Once it runs, what else it was given is given up; workers keep none.\n"
	"Logs go to stderr. SIGHUP reads the configuration again. SIGTERM and\n"
	"SIGINT end it: Goodbye to PIM neighbors, Teardown to relays.\n"
	"Exit status: 0 ended as asked, 1 cannot start, 2 configuration.\n";

static int load(const char *path, struct config *cfg)
{
	char err[CONFIG_ERR_LEN];

	if (config_load(path, cfg, err) == 0)
		return 0;
	fprintf(stderr, "inletd: %s\n", err);
	return -1;
}

static void on_stop(evutil_socket_t sig, short what, void *arg)
{
	struct inlet *in = arg;

	(void)what;
	log_info("inletd", "stopping signal=%d", (int)sig);
	in->stop = true;
}

static void on_hangup(evutil_socket_t sig, short what, void *arg)
{
	(void)sig;
	(void)what;
	reload_hangup(arg);
}

static bool watch_signals(struct inlet *in)
{
	static const struct {
		int sig;
		event_callback_fn fn;
	} rows[] = {{SIGTERM, on_stop}, {SIGINT, on_stop}, {SIGHUP, on_hangup}};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		in->signals[i] = evsignal_new(in->base, rows[i].sig, rows[i].fn, in);
		if (!in->signals[i] || evsignal_add(in->signals[i], NULL) < 0)
			return false;
	}
	return true;
}

static int run(struct inlet *in, const char *path, bool interactive)
{
	char err[BOOT_ERR_LEN];
	int status = EXIT_START;

	reload_begin(in, path);
	if (boot_up(in, interactive, err) < 0) {
		fprintf(stderr, "inletd: %s\n", err);
		return EXIT_START;
	}
	if (watch_signals(in)) {
		loop_run(in);
		status = EXIT_SUCCESS;
	}
	boot_down(in);
	return status;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{"config", required_argument, NULL, 'c'},
		{"check", required_argument, NULL, 'k'},
		{"interactive", no_argument, NULL, 'i'},
		{"probe", no_argument, NULL, 'p'},
		{"help", no_argument, NULL, 'h'},
		{"version", no_argument, NULL, 'V'},
		{NULL, 0, NULL, 0},
	};
	const char *path = CONFIG_DEFAULT_FILE, *check = NULL;
	bool interactive = false;
	struct inlet *in;
	int opt, status;

	while ((opt = getopt_long(argc, argv, "c:ihV", options, NULL)) != -1) {
		switch (opt) {
		case 'c':
			path = optarg;
			break;
		case 'k':
			check = optarg;
			break;
		case 'i':
			interactive = true;
			break;
		case 'p':
			return probe_main();
		case 'h':
			fputs(help, stdout);
			return EXIT_SUCCESS;
		case 'V':
			puts("inletd " INLET_VERSION);
			return EXIT_SUCCESS;
		default:
			fputs("Try 'inletd --help'.\n", stderr);
			return EXIT_CONFIG;
		}
	}
	if (optind < argc) {
		fprintf(stderr, "inletd: unexpected argument '%s'; try 'inletd --help'\n",
			argv[optind]);
		return EXIT_CONFIG;
	}
	signal(SIGHUP, SIG_IGN); // until there is something to reload
	in = calloc(1, sizeof(*in));
	if (!in) {
		fputs("inletd: out of memory\n", stderr);
		return EXIT_START;
	}
	if (load(check ? check : path, &in->cfg) < 0) {
		status = EXIT_CONFIG;
	} else if (check) {
		printf("%s: good\n", check);
		status = EXIT_SUCCESS;
	} else {
		signal(SIGPIPE, SIG_IGN);
		log_open();
		log_threshold = in->cfg.log_level;
		log_format_set(in->cfg.log_format);
		log_rate_set(in->cfg.log_rate);
		status = run(in, path, interactive);
		reload_end(in);
	}
	free(in);
	return status;
}
