// SPDX-License-Identifier: BSD-3-Clause
// What the files of the config room share. Only this room includes it: it names libconfig.
#ifndef CONFIG_CONFIG_INTERNAL_H
#define CONFIG_CONFIG_INTERNAL_H

#include <libconfig.h>

#include "config/config.h"

// One key of a group, as data: the walk (config_walk.c) knows no key by name.
enum schema_type {
	SCHEMA_INT,    // integer in [min, max], stored in `size` octets
	SCHEMA_BOOL,   // true, false
	SCHEMA_TEXT,   // string, given to value()
	SCHEMA_GROUP,  // { ... } of the keys in sub
	SCHEMA_GROUPS, // ( { ... }, ... ): min to max elements of `size` octets, each set by
		       // defaults()
	SCHEMA_TEXTS, // [ "...", ... ]: min to max strings, each given to value()
	SCHEMA_INTS,  // [ 1, ... ]: 1 to max integers of `size` octets, each at least min
};

// Why a value is refused; a clause without a full stop.
#define SCHEMA_WHY_LEN 192

struct schema {
	const char *key; // NULL ends a table
	enum schema_type type;
	bool required;
	bool auto_ok;	     // the string "auto" stands for the default
	bool restart;	     // another value needs another start
	size_t offset;	     // of the field, in the struct of the group
	size_t size;	     // octets of the field or of one element
	size_t count_offset; // of the unsigned int that counts elements
	int64_t min, max;
	const struct schema *sub;
	// SCHEMA_GROUP: a string in its place is the value of this one of its keys.
	const char *short_key;
	void (*defaults)(void *elem);
	// 0, or -EINVAL with why filled.
	int (*value)(const char *text, void *field, char why[SCHEMA_WHY_LEN]);
	// The other direction: such a text as value() takes; "" for what the file leaves out.
	void (*text)(const void *field, char out[CONFIG_VALUE_LEN]);
};

// The keys of a file and the defaults of what it leaves out.
extern const struct schema config_schema[];
void config_defaults(struct config *c);

// The text of values (config_words.c), for struct schema.
void text_log_level(const void *field, char out[CONFIG_VALUE_LEN]);
void text_log_format(const void *field, char out[CONFIG_VALUE_LEN]);
void text_listen(const void *field, char out[CONFIG_VALUE_LEN]);
void text_memory(const void *field, char out[CONFIG_VALUE_LEN]);
void text_idle(const void *field, char out[CONFIG_VALUE_LEN]);
void text_role(const void *field, char out[CONFIG_VALUE_LEN]);
void text_pim_mode(const void *field, char out[CONFIG_VALUE_LEN]);
void text_spread(const void *field, char out[CONFIG_VALUE_LEN]);
void text_families(const void *field, char out[CONFIG_VALUE_LEN]);
void text_discovery(const void *field, char out[CONFIG_VALUE_LEN]);
void text_dnssec(const void *field, char out[CONFIG_VALUE_LEN]);
void text_fragments(const void *field, char out[CONFIG_VALUE_LEN]);
void text_string(const void *field, char out[CONFIG_VALUE_LEN]);
void text_state_file(const void *field, char out[CONFIG_VALUE_LEN]);
void text_addr(const void *field, char out[CONFIG_VALUE_LEN]);
void text_prefix(const void *field, char out[CONFIG_VALUE_LEN]);
void text_if_addr(const void *field, char out[CONFIG_VALUE_LEN]);
void text_mac(const void *field, char out[CONFIG_VALUE_LEN]);
void text_resolver(const void *field, char out[CONFIG_VALUE_LEN]); // struct config_resolver

// Parsers of values (config_value.c, config_words.c), for struct schema.
int value_log_level(const char *text, void *field, char why[SCHEMA_WHY_LEN]);
int value_log_format(const char *text, void *field, char why[SCHEMA_WHY_LEN]);
int value_listen(const char *text, void *field, char why[SCHEMA_WHY_LEN]);
int value_memory(const char *text, void *field, char why[SCHEMA_WHY_LEN]);
int value_idle(const char *text, void *field, char why[SCHEMA_WHY_LEN]);
int value_fragments(const char *text, void *field, char why[SCHEMA_WHY_LEN]);
int value_role(const char *text, void *field, char why[SCHEMA_WHY_LEN]);
int value_ifname(const char *text, void *field, char why[SCHEMA_WHY_LEN]);
int value_mac(const char *text, void *field, char why[SCHEMA_WHY_LEN]);
int value_pim_mode(const char *text, void *field, char why[SCHEMA_WHY_LEN]);
int value_spread(const char *text, void *field, char why[SCHEMA_WHY_LEN]);
int value_device(const char *text, void *field, char why[SCHEMA_WHY_LEN]);
int value_member(const char *text, void *field, char why[SCHEMA_WHY_LEN]);
int value_eal(const char *text, void *field, char why[SCHEMA_WHY_LEN]);
int value_socket(const char *text, void *field, char why[SCHEMA_WHY_LEN]);
int value_state_file(const char *text, void *field, char why[SCHEMA_WHY_LEN]);
int value_if_addr(const char *text, void *field, char why[SCHEMA_WHY_LEN]);
int value_prefix(const char *text, void *field, char why[SCHEMA_WHY_LEN]);
int value_ssm_range(const char *text, void *field, char why[SCHEMA_WHY_LEN]);
int value_sources(const char *text, void *field, char why[SCHEMA_WHY_LEN]);
int value_source(const char *text, void *field, char why[SCHEMA_WHY_LEN]);
int value_group(const char *text, void *field, char why[SCHEMA_WHY_LEN]);
int value_path(const char *text, void *field, char why[SCHEMA_WHY_LEN]);
int value_host(const char *text, void *field, char why[SCHEMA_WHY_LEN]);
// A host, or an IPv6 link-local address.
int value_gateway(const char *text, void *field, char why[SCHEMA_WHY_LEN]);
int value_quirk(const char *text, void *field, char why[SCHEMA_WHY_LEN]);
int value_families(const char *text, void *field, char why[SCHEMA_WHY_LEN]);
int value_discovery(const char *text, void *field, char why[SCHEMA_WHY_LEN]);
int value_dnssec(const char *text, void *field, char why[SCHEMA_WHY_LEN]);
int value_anchor(const char *text, void *field, char why[SCHEMA_WHY_LEN]);
int value_domain(const char *text, void *field, char why[SCHEMA_WHY_LEN]);
int value_resolver(const char *text, void *field, char why[SCHEMA_WHY_LEN]);

// "addr@port" as parsed; config_load() splits it into struct config_dns.
struct config_resolver {
	struct addr addr;
	uint16_t port;
};

// Names of interfaces as written; config_channels() finds them.
struct config_names {
	char name[CONFIG_MAX_DOWN][CONFIG_IFNAME_LEN];
	unsigned int n; // 0: all that are downstream
};
struct config_channel_draft {
	struct sg sg;
	struct config_names interfaces;
};

// What the walk fills: the configuration, and what is not in it one to one.
struct config_draft {
	struct config c;
	struct config_resolver resolvers[CONFIG_MAX_RESOLVERS];
	struct config_channel_draft channels[CONFIG_MAX_CHANNELS];
	struct config_names joinfile_interfaces;
};

// The names of the interfaces by their bits in config_channel.down; NULL for a bit of none.
void config_down_names(const struct config *c, const char *names[CONFIG_MAX_DOWN]);

struct config_down_map {
	const char *was[CONFIG_MAX_DOWN], *is[CONFIG_MAX_DOWN];
	int to[CONFIG_MAX_DOWN]; // the bit of `is` for one of `was`, -1: it is not there
	uint64_t known;		 // of `is`, those of interfaces that `was` has too
	bool same;
};
void config_down_map_make(
	struct config_down_map *m, const struct config *was, const struct config *is);
// The bits of `is`; what it does not have is left out.
uint64_t config_down_map(const struct config_down_map *m, uint64_t was);
// 0: the same interfaces; 1: others; 2: others only for ones that are new.
int config_down_differ(const struct config_down_map *m, uint64_t was, uint64_t is);

// The interface of that name, or NULL.
const struct config_if *config_if_named(const struct config *c, const char *name);
// Fields that stand in the draft of a file only: config_diff() looks at what became of them.
bool config_in_draft(const struct schema *k);

// Reads path and what it includes (relative to include_dir) as libconfig's scanner would, and
// refuses what libconfig takes silently: integers that it would wrap, NUL in strings, endless
// inclusion, files that are not regular (its scanner exits on a directory). 0 with the number of
// files read in *n_files, or a negative errno with err filled.
int config_scan(
	const char *path, const char *include_dir, unsigned int *n_files, char err[CONFIG_ERR_LEN]);
// Fills base from the members of group by the schema. 0, or -EINVAL with err filled.
int config_walk(const config_setting_t *group, const struct schema *schema, void *base,
	const char *path, char err[CONFIG_ERR_LEN]);
// What no single key can say. config gives the lines.
int config_check(
	const struct config *c, const config_t *config, const char *path, char err[CONFIG_ERR_LEN]);

// The same of bonds of ports.
int config_check_bonds(
	const struct config *c, const config_t *config, const char *path, char err[CONFIG_ERR_LEN]);

// Static channels and the joinfile: checks them and moves them from the draft to its configuration.
int config_channels(
	struct config_draft *d, const config_t *config, const char *path, char err[CONFIG_ERR_LEN]);
// The setting at a libconfig path such as "interfaces.[1].name", or the nearest one above it.
const config_setting_t *config_at(const config_t *config, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

// Writes "FILE:LINE: message" for a setting; path and line 1 stand in where libconfig knows
// neither. Always -EINVAL.
int config_fail(char err[CONFIG_ERR_LEN], const char *path, const config_setting_t *at,
	const char *fmt, ...) __attribute__((format(printf, 4, 5)));

// The same from a file and line as libconfig tells them; file may be NULL.
int config_fail_line(char err[CONFIG_ERR_LEN], const char *path, const char *file,
	unsigned int line, const char *text);

#endif
