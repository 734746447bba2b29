// SPDX-License-Identifier: BSD-3-Clause
// inlet-relay: an AMT relay (RFC 7450) for labs, tests and benches.
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "app.h"
#include "base/log.h"

#define MAX_SETTINGS 32

enum option_code {
	OPT_ADDRESS = 1000,
	OPT_ANYCAST,
	OPT_SOURCE_IF,
	OPT_SOURCE_JOIN,
	OPT_CONTROL,
	OPT_MTU,
	OPT_DF,
	OPT_DELAY,
	OPT_TTL,
	OPT_CHECKSUM,
	OPT_LOG,
	OPT_HELP,
	OPT_VERSION,
	OPT_SETTING, // and those after it, one a setting
};

static const struct option own_options[] = {
	{"address", required_argument, NULL, OPT_ADDRESS},
	{"anycast", required_argument, NULL, OPT_ANYCAST},
	{"source-if", required_argument, NULL, OPT_SOURCE_IF},
	{"source-join", required_argument, NULL, OPT_SOURCE_JOIN},
	{"control", required_argument, NULL, OPT_CONTROL},
	{"mtu", required_argument, NULL, OPT_MTU},
	{"df", required_argument, NULL, OPT_DF},
	{"delay-ms", required_argument, NULL, OPT_DELAY},
	{"ttl-decrement", no_argument, NULL, OPT_TTL},
	{"udp-checksum", required_argument, NULL, OPT_CHECKSUM},
	{"log", required_argument, NULL, OPT_LOG},
	{"help", no_argument, NULL, OPT_HELP},
	{"version", no_argument, NULL, OPT_VERSION},
};
#define N_OWN (sizeof(own_options) / sizeof(own_options[0]))

static void help(void)
{
	puts("usage: inlet-relay --address ADDR [OPTION...]\n"
	     "       inlet-relay ctl PATH COMMAND [VALUE]\n"
	     "\n"
	     "An AMT relay (RFC 7450) for labs, tests and benches: SSM channels that arrive "
	     "on\n"
	     "an interface are sent to the gateways that joined them. Runs in the foreground "
	     "until\n"
	     "SIGTERM or SIGINT.\n"
	     "\n"
	     "  --address ADDR       local address to serve on, UDP port 2268; each one given is "
	     "a\n"
	     "                       relay with state of its own, all under the same settings\n"
	     "  --anycast ADDR       local address that the first relay of its family answers on "
	     "too\n"
	     "  --source-if IF       interface where the multicast arrives; none: no data\n"
	     "  --source-join igmp   join there what the gateways join, by IGMPv3 and MLDv2\n"
	     "                       (default)\n"
	     "  --source-join all    join nothing, take all multicast that comes\n"
	     "  --control PATH       control socket\n"
	     "  --mtu N              MTU of the paths to the gateways, 576..65535 (default 1500). "
	     "A\n"
	     "                       datagram that does not fit is fragmented before it is\n"
	     "                       encapsulated; with DF it is dropped and its source told "
	     "(ICMP)\n"
	     "  --df 0|1             don't-fragment flag of what is sent (default 1); without it\n"
	     "                       routers fragment the outer datagrams\n"
	     "  --delay-ms N         send data so much later, as by a longer way (default 0)\n"
	     "  --ttl-decrement      take one off the TTL, as a multicast router does. Off by\n"
	     "                       default, so that a lab sees at the far end the octets that\n"
	     "                       were sent, less only what the gateway takes off\n"
	     "  --udp-checksum 0|1   UDP checksum of data (default 1); control always has one\n"
	     "  --log LEVEL          error, warn, info (default) or debug\n"
	     "  --help, --version\n"
	     "\n"
	     "Settings: as options (--limit on), and as commands while running (ctl PATH limit "
	     "on):\n");
	settings_help(stdout);
	puts("\nFurther commands:\n");
	control_help(stdout);
}

static int usage(const char *what, const char *value)
{
	fprintf(stderr, "inlet-relay: %s%s%s (--help says more)\n", what, value ? " " : "",
		value ? value : "");
	return 2;
}

static int add_address(struct app *app, const char *text, struct addr *out)
{
	if (addr_parse(text, out) < 0 || !addr_is_unicast(out))
		return usage("not a host address:", text);
	for (unsigned int i = 0; i < app->n_servers; i++) {
		if (addr_eq(&app->servers[i]->address, out))
			return usage("address given twice:", text);
	}
	return 0;
}

static int add_server(struct app *app, const char *text)
{
	struct addr a;
	struct server *s;
	int ret = add_address(app, text, &a);

	if (ret != 0)
		return ret;
	if (app->n_servers == APP_MAX_RELAYS)
		return usage("too many addresses", NULL);
	s = calloc(1, sizeof(*s));
	if (!s)
		return usage("out of memory", NULL);
	s->app = app;
	s->address = a;
	s->fd = s->anycast_fd = -1;
	app->servers[app->n_servers++] = s;
	return 0;
}

static int add_anycast(struct app *app, const char *text, struct addr anycast[2])
{
	struct addr a;
	int ret = add_address(app, text, &a);

	if (ret == 0)
		anycast[a.family == ADDR_V6] = a;
	return ret;
}

// The first relay of its family has it.
static int place_anycast(struct app *app, const struct addr *a)
{
	for (unsigned int i = 0; i < app->n_servers; i++) {
		if (app->servers[i]->address.family == a->family) {
			app->servers[i]->anycast = *a;
			return 0;
		}
	}
	return addr_is_none(a) ? 0 : usage("--anycast without an --address of its family", NULL);
}

static int own_option(struct app *app, int code, const char *value, struct addr anycast[2])
{
	char *end;
	unsigned long n;

	switch (code) {
	case OPT_ADDRESS:
		return add_server(app, value);
	case OPT_ANYCAST:
		return add_anycast(app, value, anycast);
	case OPT_SOURCE_IF:
		if (!*value || strlen(value) >= sizeof(app->source_if))
			return usage("not an interface name:", value);
		memcpy(app->source_if, value, strlen(value) + 1);
		return 0;
	case OPT_SOURCE_JOIN:
		app->all_multicast = strcmp(value, "all") == 0;
		if (!app->all_multicast && strcmp(value, "igmp") != 0)
			return usage("--source-join takes igmp or all, not", value);
		return 0;
	case OPT_CONTROL:
		app->control_path = value;
		return 0;
	case OPT_MTU:
		n = strtoul(value, &end, 10);
		if (*end || n < 576 || n > 65535)
			return usage("--mtu takes a number from 576 to 65535, not", value);
		app->mtu = (uint32_t)n;
		return 0;
	case OPT_DF:
		app->df = strcmp(value, "1") == 0;
		if (!app->df && strcmp(value, "0") != 0)
			return usage("--df takes 0 or 1, not", value);
		return 0;
	case OPT_DELAY:
		n = strtoul(value, &end, 10);
		if (*end || n > 10000)
			return usage("--delay-ms takes a number up to 10000, not", value);
		app->delay_ms = (uint32_t)n;
		return 0;
	case OPT_TTL:
		app->ttl_decrement = true;
		return 0;
	case OPT_CHECKSUM:
		app->udp_checksum = strcmp(value, "1") == 0;
		if (!app->udp_checksum && strcmp(value, "0") != 0)
			return usage("--udp-checksum takes 0 or 1, not", value);
		return 0;
	case OPT_LOG:
		if (log_level_parse(value, &log_threshold) < 0)
			return usage("no log level", value);
		return 0;
	default:
		return usage("unknown option, or its value is missing", NULL);
	}
}

// 0 to go on, else the exit code plus 1 (so that --help can end with 0).
static int options(struct app *app, int argc, char **argv)
{
	struct option all[N_OWN + MAX_SETTINGS + 1] = {0};
	struct addr anycast[2] = {0};
	char err[128];
	int code, ret = 0;

	memcpy(all, own_options, sizeof(own_options));
	for (unsigned int i = 0; i < MAX_SETTINGS && setting_name(i); i++)
		all[N_OWN + i] = (struct option){
			setting_name(i), required_argument, NULL, OPT_SETTING + (int)i};
	opterr = 0;
	while (ret == 0 && (code = getopt_long(argc, argv, "", all, NULL)) != -1) {
		if (code == OPT_HELP) {
			help();
			return 1;
		}
		if (code == OPT_VERSION) {
			puts("inlet-relay " INLET_VERSION);
			return 1;
		}
		if (code < OPT_SETTING)
			ret = code == '?' ? usage("bad option", argv[optind - 1])
					  : own_option(app, code, optarg, anycast);
		else if (setting_apply(&app->relay, setting_name((unsigned)(code - OPT_SETTING)),
				 optarg, err, sizeof(err)) < 0)
			ret = usage(err, NULL);
	}
	if (ret == 0 && optind < argc)
		ret = usage("unexpected argument", argv[optind]);
	if (ret == 0 && app->n_servers == 0)
		ret = usage("--address is missing", NULL);
	for (int i = 0; i < 2 && ret == 0; i++)
		ret = place_anycast(app, &anycast[i]);
	return ret ? ret + 1 : 0;
}

void app_run_timers(struct app *app)
{
	uint64_t now_us = clock_mono_us(), next;

	timers_run(&app->timers, now_us);
	next = timers_next(&app->timers);
	if (next == NEVER_US) {
		event_del(app->wake);
	} else {
		uint64_t in = next > now_us ? next - now_us : 0;
		const struct timeval tv = {
			.tv_sec = (time_t)(in / US_PER_S), .tv_usec = (suseconds_t)(in % US_PER_S)};

		event_add(app->wake, &tv);
	}
}

static void wake_cb(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	app_run_timers(arg);
}

static void signal_cb(evutil_socket_t sig, short what, void *arg)
{
	struct app *app = arg;

	(void)what;
	log_info("relay", "stopping signal=%d", (int)sig);
	event_base_loopbreak(app->base);
}

static int start(struct app *app)
{
	if (*app->source_if) {
		app->source = source_open(app);
		if (!app->source)
			return -1;
	}
	for (unsigned int i = 0; i < app->n_servers; i++) {
		struct server *s = app->servers[i];
		char text[ADDR_STRLEN];

		s->relay = relay_create(&s->address, &app->relay, &server_ops, s, &app->timers,
			&app->rng, clock_mono_us());
		if (!s->relay || server_open(s) < 0)
			return -1;
		log_info("relay", "serving address=%s", addr_format(&s->address, text));
	}
	if (app->control_path) {
		app->control = control_open(app);
		if (!app->control)
			return -1;
	}
	return 0;
}

static void stop(struct app *app)
{
	if (app->control)
		control_close(app->control);
	for (unsigned int i = 0; i < app->n_servers; i++) {
		if (app->servers[i]->relay)
			relay_destroy(app->servers[i]->relay);
		server_close(app->servers[i]);
		free(app->servers[i]);
	}
	if (app->source)
		source_close(app->source);
	timers_fini(&app->timers);
}

static int run(struct app *app)
{
	struct event *term = NULL, *intr = NULL;
	int ret = 1;

	app->base = event_base_new();
	if (!app->base)
		return 1;
	app->wake = evtimer_new(app->base, wake_cb, app);
	term = evsignal_new(app->base, SIGTERM, signal_cb, app);
	intr = evsignal_new(app->base, SIGINT, signal_cb, app);
	if (app->wake && term && intr && event_add(term, NULL) == 0 && event_add(intr, NULL) == 0 &&
		start(app) == 0) {
		log_info("relay", "ready relays=%u source_if=%s", app->n_servers,
			*app->source_if ? app->source_if : "-");
		app_run_timers(app);
		ret = event_base_dispatch(app->base) < 0 ? 1 : 0;
	}
	stop(app);
	if (intr)
		event_free(intr);
	if (term)
		event_free(term);
	if (app->wake)
		event_free(app->wake);
	event_base_free(app->base);
	return ret;
}

int main(int argc, char **argv)
{
	static struct app app;
	struct rlimit files;
	int ret;

	if (argc > 1 && strcmp(argv[1], "ctl") == 0)
		return control_client(argc - 2, argv + 2);
	app.mtu = 1500;
	app.udp_checksum = true;
	app.df = true;
	app.relay = relay_options_default();
	app.rng = RNG_SYSTEM;
	timers_init(&app.timers);
	ret = options(&app, argc, argv);
	if (ret != 0)
		return ret - 1;
	signal(SIGPIPE, SIG_IGN);
	// A socket a channel joined.
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	return run(&app);
}
