// SPDX-License-Identifier: BSD-3-Clause
// What there is once an appliance: build, totals, events of the control thread.
#include <time.h>

#include <rte_version.h>

#include "amt/amt.h"
#include "base/log.h"
#include "base/timer.h"
#include "crossing/crossing.h"
#include "driad/driad.h"
#include "joinfile/joinfile.h"
#include "metrics/page_internal.h"
#include "mfib/mfib.h"

#define BUILD_LIST(X) X(BUILD_INFO, "inlet_build", OM_INFO, NULL, "The version that runs.")
#define LOG_LIST(X)   X(LOG_LINES, "inlet_log_lines", OM_COUNTER, NULL, "Lines written to the log.")
#define APPLIANCE_LIST(X)                                                                         \
	X(START_TIME, "inlet_start_time_seconds", OM_GAUGE, "seconds",                            \
		"When inletd started, since 1970.")                                               \
	X(SOURCES, "inlet_sources", OM_GAUGE, NULL, "Sources of which channels are wanted.")      \
	X(TUNNELS, "inlet_tunnels", OM_GAUGE, NULL, "AMT tunnels.")                               \
	X(MAX_CHANNELS, "inlet_channels_limit", OM_GAUGE, NULL,                                   \
		"Channels that the configuration allows (limits.channels).")                      \
	X(MAX_TUNNELS, "inlet_tunnels_limit", OM_GAUGE, NULL,                                     \
		"Tunnels that the configuration allows (limits.tunnels).")                        \
	X(WANTED, "inlet_channels_wanted", OM_COUNTER, NULL, "Channels that began to be wanted.") \
	X(REFUSED, "inlet_channels_refused", OM_COUNTER, NULL,                                    \
		"Channels refused because of limits.channels.")                                   \
	X(CHANGES, "inlet_channel_changes", OM_COUNTER, NULL, "Channels that came or went.")      \
	X(DISCOVERIES, "inlet_amt_discoveries_sent", OM_COUNTER, NULL, "Relay Discoveries sent.") \
	X(ADVERTISEMENTS, "inlet_amt_advertisements_received", OM_COUNTER, NULL,                  \
		"Relay Advertisements received.")                                                 \
	X(REQUESTS, "inlet_amt_requests_sent", OM_COUNTER, NULL, "AMT Requests sent.")            \
	X(QUERIES, "inlet_amt_queries_received", OM_COUNTER, NULL,                                \
		"AMT Membership Queries received.")                                               \
	X(UPDATES, "inlet_amt_updates_sent", OM_COUNTER, NULL, "AMT Membership Updates sent.")    \
	X(TEARDOWNS, "inlet_amt_teardowns_sent", OM_COUNTER, NULL, "AMT Teardowns sent.")         \
	X(SEND_ERRORS, "inlet_amt_send_errors", OM_COUNTER, NULL,                                 \
		"AMT messages that could not be sent.")                                           \
	X(LOOKUPS, "inlet_dns_lookups", OM_COUNTER, NULL, "Lookups of relays in DNS.")            \
	X(DNS_QUERIES, "inlet_dns_queries", OM_COUNTER, NULL, "Questions put to resolvers.")      \
	X(DNS_OK, "inlet_dns_answers_positive", OM_COUNTER, NULL, "Lookups that found relays.")   \
	X(DNS_NEGATIVE, "inlet_dns_answers_negative", OM_COUNTER, NULL,                           \
		"Lookups that found none.")                                                       \
	X(DNS_CACHED, "inlet_dns_cache_hits", OM_COUNTER, NULL,                                   \
		"Lookups answered without a question.")                                           \
	X(DNS_DELAYED, "inlet_dns_queries_delayed", OM_COUNTER, NULL,                             \
		"Questions that waited for their turn (dns.queries_per_100ms).")                  \
	X(ECN_ODD, "inlet_ecn_odd_packets", OM_COUNTER, NULL,                                     \
		"Packets forwarded with ECN fields that RFC 6040 section 4.2 calls unused.")      \
	X(TABLE_BYTES, "inlet_table_bytes", OM_GAUGE, "bytes",                                    \
		"Memory of the workers' forwarding tables.")                                      \
	X(RECORDS_BYTES, "inlet_table_records_bytes", OM_GAUGE, "bytes",                          \
		"Memory of the control thread's part of them.")                                   \
	X(JOINFILE_READ, "inlet_joinfile_reads", OM_COUNTER, NULL, "Joinfiles read.")             \
	X(JOINFILE_EXPORTED, "inlet_joinfile_exports", OM_COUNTER, NULL, "Joinfiles written.")    \
	X(RELOADS, "inlet_config_reloads", OM_COUNTER, NULL, "Reloads that went well.")           \
	X(RELOAD_FAILURES, "inlet_config_reload_failures", OM_COUNTER, NULL,                      \
		"Reloads refused, with the configuration as it was.")                             \
	X(SAVES, "inlet_config_saves", OM_COUNTER, NULL, "Configurations written back.")          \
	X(SAVE_FAILURES, "inlet_config_save_failures", OM_COUNTER, NULL,                          \
		"Configurations that could not be written back.")                                 \
	X(RELOAD_OK, "inlet_config_last_reload_successful", OM_GAUGE, NULL,                       \
		"1 unless the last reload or save failed.")                                       \
	X(RESTART, "inlet_config_restart_keys", OM_GAUGE, NULL,                                   \
		"Keys of the file that wait for a restart.")                                      \
	X(SUPPRESSED, "inlet_log_suppressed", OM_COUNTER, NULL,                                   \
		"Lines not written because of log.rate.")                                         \
	X(LOST, "inlet_log_lost", OM_COUNTER, NULL, "Lines that the log's reader did not take.")  \
	X(HEALTH, "inlet_health_up", OM_GAUGE, NULL,                                              \
		"1 while routers may be led to this box (show health).")                          \
	X(TURNS, "inlet_loop_turns", OM_COUNTER, NULL, "Turns of the control loop.")              \
	X(LONGEST, "inlet_loop_delay_longest_seconds", OM_GAUGE, "seconds",                       \
		"The longest delay of the control loop since the start.")                         \
	X(LONGEST_NOW, "inlet_loop_delay_recent_seconds", OM_GAUGE, "seconds",                    \
		"The longest delay of the control loop in the last second.")                      \
	X(SCRAPES, "inlet_scrapes", OM_COUNTER, NULL, "Pages of metrics given.")                  \
	X(SCRAPES_BAD, "inlet_scrapes_bad", OM_COUNTER, NULL,                                     \
		"Requests for metrics that could not be understood or asked for something else.") \
	X(SCRAPES_REFUSED, "inlet_scrapes_refused", OM_COUNTER, NULL,                             \
		"Connections refused: too many, or no file descriptor.")                          \
	X(SCRAPES_STALLED, "inlet_scrapes_stalled", OM_COUNTER, NULL,                             \
		"Connections closed because nobody asked, or read, in time.")                     \
	X(SCRAPE_LAST, "inlet_scrape_last_seconds", OM_GAUGE, "seconds",                          \
		"From the request of the page before this one to its end.")                       \
	X(SCRAPE_CPU, "inlet_scrape_last_cpu_seconds", OM_GAUGE, "seconds",                       \
		"CPU time of the control thread for that page.")                                  \
	X(SCRAPE_SLICE, "inlet_scrape_slice_longest_seconds", OM_GAUGE, "seconds",                \
		"The longest CPU time at once that making pages ever took.")

enum { BUILD_LIST(PAGE_ID) N_BUILD };
enum { LOG_LIST(PAGE_ID) N_LOG };
enum { APPLIANCE_LIST(PAGE_ID) N_APPLIANCE };
static const struct om_family build[] = {BUILD_LIST(PAGE_FAMILY)};
static const struct om_family log_families[] = {LOG_LIST(PAGE_FAMILY)};
static const struct om_family appliance[] = {APPLIANCE_LIST(PAGE_FAMILY)};

static double seconds(uint64_t us)
{
	return (double)us / USEC_PER_SEC;
}

static double realtime_of(uint64_t mono_us, uint64_t now_us)
{
	return seconds(clock_real_us() - (now_us - mono_us));
}

static void fill_channels(const struct observe *o, double *v)
{
	struct channel_totals t;

	if (!o->channels)
		return;
	channels_totals(o->channels, &t);
	v[SOURCES] = t.sources;
	v[TUNNELS] = t.tunnels;
	v[WANTED] = (double)t.wanted;
	v[REFUSED] = (double)t.refused;
	v[CHANGES] = (double)t.changes;
	if (o->max_channels)
		v[MAX_CHANNELS] = o->max_channels;
	if (o->max_tunnels)
		v[MAX_TUNNELS] = o->max_tunnels;
}

static void fill_amt(const struct observe *o, double *v)
{
	const struct amt_stats *s = o->amt ? amt_gateway_stats(o->amt) : NULL;

	if (!s)
		return;
	v[DISCOVERIES] = (double)s->discovery_tx;
	v[ADVERTISEMENTS] = (double)s->advertisement_rx;
	v[REQUESTS] = (double)s->request_tx;
	v[QUERIES] = (double)s->query_rx;
	v[UPDATES] = (double)s->update_tx;
	v[TEARDOWNS] = (double)s->teardown_tx;
	v[SEND_ERRORS] = (double)s->send_errors;
}

static void fill_dns(const struct observe *o, double *v)
{
	const struct driad_stats *s = o->driad ? driad_stats(o->driad) : NULL;

	if (!s)
		return;
	v[LOOKUPS] = (double)s->lookups;
	v[DNS_QUERIES] = (double)s->queries;
	v[DNS_OK] = (double)s->answers_ok;
	v[DNS_NEGATIVE] = (double)s->answers_negative;
	v[DNS_CACHED] = (double)s->cache_hits;
	v[DNS_DELAYED] = (double)s->rate_delayed;
}

static void fill_reload(const struct observe_reload *r, double *v)
{
	if (!r)
		return;
	v[RELOADS] = (double)r->loads;
	v[RELOAD_FAILURES] = (double)r->failures;
	v[SAVES] = (double)r->saves;
	v[SAVE_FAILURES] = (double)r->save_failures;
	v[RELOAD_OK] = r->error[0] == '\0';
	v[RESTART] = r->restart;
}

static void fill_loop(const struct observe *o, double *v)
{
	const struct observe_scrapes *s = o->scrapes;

	if (o->loop) {
		v[TURNS] = (double)o->loop->turns;
		v[LONGEST] = seconds(o->loop->longest_us);
		v[LONGEST_NOW] = seconds(o->loop->longest_now_us);
	}
	if (!s)
		return;
	v[SCRAPES] = (double)s->pages;
	v[SCRAPES_BAD] = (double)s->bad;
	v[SCRAPES_REFUSED] = (double)s->refused;
	v[SCRAPES_STALLED] = (double)s->stalled;
	v[SCRAPE_LAST] = seconds(s->last_us);
	v[SCRAPE_CPU] = seconds(s->last_cpu_us);
	v[SCRAPE_SLICE] = seconds(s->longest_us);
}

static void fill_tables(const struct observe *o, double *v)
{
	struct mfib_usage usage;

	if (o->mfib) {
		mfib_usage(o->mfib, &usage);
		v[TABLE_BYTES] = (double)usage.bytes;
		v[RECORDS_BYTES] = (double)usage.control;
	}
	if (o->crossing)
		v[ECN_ODD] = (double)crossing_ecn_odd(o->crossing);
	if (o->joinfile_stats) {
		v[JOINFILE_READ] = (double)o->joinfile_stats->read;
		v[JOINFILE_EXPORTED] = (double)o->joinfile_stats->exported;
	}
	if (o->health)
		v[HEALTH] = o->health->state == OBSERVE_UP;
	v[SUPPRESSED] = (double)log_stats()->suppressed;
	v[LOST] = (double)log_stats()->lost;
}

bool page_collect_appliance(struct page *p)
{
	const struct observe *o = p->o;
	struct set_row *row;

	set_init(&p->sets[SET_BUILD], build, N_BUILD);
	set_init(&p->sets[SET_LOG], log_families, N_LOG);
	set_init(&p->sets[SET_APPLIANCE], appliance, N_APPLIANCE);
	row = set_add(&p->sets[SET_BUILD]);
	if (row) {
		page_label(row, "version", o->version);
		page_label(row, "dpdk", rte_version());
		row->values[BUILD_INFO] = 1;
	}
	for (int level = 0; level < LOG_LEVELS; level++) {
		row = set_add(&p->sets[SET_LOG]);
		if (!row)
			break;
		page_label(row, "level", log_level_name((enum log_level)level));
		row->values[LOG_LINES] = (double)log_stats()->lines[level];
	}
	row = set_add(&p->sets[SET_APPLIANCE]);
	if (!row)
		return false;
	row->values[START_TIME] = realtime_of(o->start_us, p->now_us);
	fill_channels(o, row->values);
	fill_amt(o, row->values);
	fill_dns(o, row->values);
	fill_tables(o, row->values);
	fill_reload(o->reload, row->values);
	fill_loop(o, row->values);
	return false;
}
