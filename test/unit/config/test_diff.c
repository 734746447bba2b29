// SPDX-License-Identifier: BSD-3-Clause
// The difference of two configurations, what of it a running inletd takes over, and what is written
// back into the text of a file.
#include "unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/config.h"
#include "config/config_internal.h"

const char *__lsan_default_suppressions(void);

const char *__lsan_default_suppressions(void)
{
	return "leak:strbuf_append\nleak:libconfig_yylex\n";
}

#define IFS(lan)                                                                        \
	"interfaces = (\n"                                                              \
	"{ name = \"wan\"; device = \"net_null0\"; role = \"upstream\"; },\n"           \
	"{ name = \"lan\"; device = \"net_null1\"; role = \"downstream\"; " lan " },\n" \
	"{ name = \"lab\"; device = \"net_null2\"; role = \"downstream\"; } );\n"
#define CH(s, g, more) "{ source = \"" s "\"; group = \"" g "\"; " more "}"

static void load(struct config *c, const char *text)
{
	char path[] = "/tmp/diff-test-XXXXXX", err[CONFIG_ERR_LEN] = "";
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
	if (config_load(path, c, err) != 0)
		fail_msg("%s for:\n%s", err, text);
	unlink(path);
}

// "KEY: WAS -> IS", with a ! behind what needs a restart, a line each.
static void told(void *arg, const struct config_change *c)
{
	char *out = arg;
	size_t n = strlen(out);

	snprintf(out + n, 4096 - n, "%s: %s -> %s%s\n", c->key, c->was, c->is,
		c->restart ? " !" : "");
}

static struct config a, b, t;

static void expect(const char *was, const char *is, const char *want)
{
	char out[4096] = "";
	int lines = 0;

	load(&a, was);
	load(&b, is);
	for (const char *p = want; *p; p++)
		lines += *p == '\n';
	assert_int_equal(config_diff(&a, &b, told, out), lines);
	assert_string_equal(out, want);
}

static void scalars(void **state)
{
	(void)state;
	expect(IFS(""), IFS(""), "");
	expect(IFS(""),
		IFS("") "log_level = \"debug\"; state_file = \"none\"; amt = { linger = 7; };",
		"log_level: info -> debug\namt.linger: 2 -> 7\n"
		"state_file: /run/inlet/console.sock.state -> none\n");
	expect(IFS(""), IFS("") "workers = [ 1, 2 ]; control_cpu = 0; memory = \"no-huge\";",
		"workers: auto -> 1, 2 !\ncontrol_cpu: auto -> 0 !\nmemory: auto -> no-huge !\n");
	expect(IFS(""), IFS("") "dns = { resolvers = [ \"192.0.2.1\", \"2001:db8::1@5353\" ]; };",
		"dns.resolvers:  -> 192.0.2.1, 2001:db8::1@5353\n");
	expect(IFS("") "ssm_ranges = [ \"232.0.0.0/8\" ];", IFS(""),
		"ssm_ranges: 232.0.0.0/8 -> 232.0.0.0/8, ff30::/32 !\n");
}

static void interfaces(void **state)
{
	(void)state;
	expect(IFS(""),
		IFS("pim = { dr_priority = 5; neighbors = [ \"10.0.0.0/8\" ]; }; mtu = 1400;"),
		"interfaces.lan.mtu:  -> 1400 !\ninterfaces.lan.pim.dr_priority: 1 -> 5\n"
		"interfaces.lan.pim.neighbors:  -> 10.0.0.0/8\n");
	// The mode alone is told, not what follows from it.
	expect(IFS(""), IFS("pim = \"off\";"), "interfaces.lan.pim.mode: speak -> off\n");
	expect(IFS("addresses = [ \"10.1.1.1/24\" ]; routes = ( { to = \"10.2.0.0/16\"; via = "
		   "\"10.1.1.2\"; } );"),
		IFS("addresses = [ \"10.1.1.1/24\", \"10.1.1.3/24\" ]; routes = ( { to = "
		    "\"10.3.0.0/16\"; via = \"10.1.1.2\"; } );"),
		"interfaces.lan.addresses: 10.1.1.1/24 -> 10.1.1.1/24, 10.1.1.3/24\n"
		"interfaces.lan.routes.10.2.0.0/16: 10.1.1.2 -> \n"
		"interfaces.lan.routes.10.3.0.0/16:  -> 10.1.1.2\n");
	// One that comes or goes needs a restart; where they stand in the file does not matter.
	expect(IFS(""),
		"interfaces = ( { name = \"lan\"; device = \"net_null1\"; role = \"downstream\"; "
		"}, "
		"{ name = \"wan\"; device = \"net_null0\"; role = \"upstream\"; }, "
		"{ name = \"new\"; device = \"net_null3\"; role = \"downstream\"; } );",
		"interfaces.lab: net_null2 ->  !\ninterfaces.new:  -> net_null3 !\n");
}

static void relays(void **state)
{
	static const char one[] = "{ sources = \"10.0.0.0/8\"; relay = \"192.0.2.1\"; }";
	char was[1024], is[1024];

	(void)state;
	snprintf(was, sizeof(was), IFS("") "relays = ( %s );", one);
	expect(was,
		IFS("") "relays = ( { sources = \"10.0.0.0/8\"; relay = \"192.0.2.2\"; precedence "
			"= 3; } );",
		"relays.10.0.0.0/8 via 192.0.2.1: precedence 10, discovery true -> \n"
		"relays.10.0.0.0/8 via 192.0.2.2:  -> precedence 3, discovery true\n");
	snprintf(was, sizeof(was),
		IFS("") "relays = ( %s, { sources = \"10.0.0.0/8\"; relay = \"192.0.2.2\"; } );",
		one);
	snprintf(is, sizeof(is),
		IFS("") "relays = ( { sources = \"10.0.0.0/8\"; relay = \"192.0.2.2\"; }, %s );",
		one);
	expect(was, is, "relays: in this order -> in another order\n");
	expect(IFS("") "relay_quirks = ( { relay = \"192.0.2.1\"; quirks = [ ]; } );",
		IFS("") "relay_quirks = ( { relay = \"192.0.2.1\"; quirks = [ \"no-e\", \"p-0x80\" "
			"]; } );",
		"relay_quirks.192.0.2.1: none -> no-e, p-0x80\n");
}

static void channels(void **state)
{
	(void)state;
	expect(IFS("") "channels = ( " CH("10.0.0.1", "232.1.1.1", "") ", " CH(
		       "10.0.0.2", "232.1.1.1", "interfaces = [ \"lan\" ]; ") " );",
		IFS("") "channels = ( " CH("10.0.0.2", "232.1.1.1",
			"interfaces = [ \"lab\" ]; ") ", " CH("10.0.0.3", "232.1.1.1", "") " );",
		"channels.(10.0.0.1,232.1.1.1): lan, lab -> \n"
		"channels.(10.0.0.2,232.1.1.1): lan -> lab\n"
		"channels.(10.0.0.3,232.1.1.1):  -> lan, lab\n");
	// The same interfaces in another order are the same.
	expect(IFS("") "channels = ( " CH(
		       "10.0.0.1", "232.1.1.1", "interfaces = [ \"lab\" ]; ") " );",
		"interfaces = ( { name = \"lab\"; device = \"net_null2\"; role = \"downstream\"; "
		"}, "
		"{ name = \"lan\"; device = \"net_null1\"; role = \"downstream\"; }, "
		"{ name = \"wan\"; device = \"net_null0\"; role = \"upstream\"; } );"
		"channels = ( " CH("10.0.0.1", "232.1.1.1", "interfaces = [ \"lab\" ]; ") " );",
		"");
	expect(IFS("") "joinfile = { path = \"/a\"; interfaces = [ \"lan\" ]; };",
		IFS("") "joinfile = { path = \"/b\"; };",
		"joinfile.path: /a -> /b\njoinfile.interfaces: lan -> lan, lab\n");
}

// After config_target() only what needs a restart is left of the difference, and nothing of that is
// in what is taken over.
static void target(void **state)
{
	char out[4096] = "";

	(void)state;
	load(&a, IFS("pim = { dr_priority = 2; };") "idle = \"poll\"; channels = ( " CH(
			 "10.0.0.1", "232.1.1.1", "") " );");
	load(&b, "interfaces = ( { name = \"new\"; device = \"net_null3\"; role = \"downstream\"; "
		 "}, "
		 "{ name = \"lab\"; device = \"net_null2\"; role = \"downstream\"; mtu = 1400; }, "
		 "{ name = \"lan\"; device = \"net_null1\"; role = \"downstream\"; pim = { "
		 "dr_priority = 9; }; }, "
		 "{ name = \"wan\"; device = \"net_null9\"; role = \"upstream\"; } ); log_level = "
		 "\"warn\";"
		 "idle = \"sleep\"; channels = ( " CH(
			 "10.0.0.1", "232.1.1.1", "interfaces = [ \"lab\", \"new\" ]; ") " );");
	config_target(&a, &b, &t);
	assert_true(config_diff(&a, &t, told, out) > 0);
	assert_string_equal(out, "log_level: info -> warn\ninterfaces.lan.pim.dr_priority: 2 -> 9\n"
				 "channels.(10.0.0.1,232.1.1.1): lan, lab -> lab\n");
	out[0] = '\0';
	config_diff(&t, &b, told, out);
	assert_string_equal(out,
		"idle: poll -> sleep !\ninterfaces.wan.device: net_null0 -> net_null9 !\n"
		"interfaces.lab.mtu:  -> 1400 !\ninterfaces.new:  -> net_null3 !\n"
		"channels.(10.0.0.1,232.1.1.1): lab -> new, lab !\n");
	assert_string_equal(t.ifs[1].name, "lan");
	assert_int_equal(t.n_ifs, 3);
}

// What config_edit() makes of the text when these channels are to be added and deleted.
static void edited(const char *text, const char *add, const char *del, const char *want)
{
	struct sg sg = {0};
	char *out, why[CONFIG_VALUE_LEN] = "";
	int n = 0;

	load(&b, text);
	a = b;
	if (del) {
		addr_parse(del, &sg.s);
		for (unsigned int i = 0; i < a.n_channels; i++)
			if (!addr_eq(&a.channels[i].sg.s, &sg.s))
				a.channels[n++] = a.channels[i];
		assert_int_equal(n + 1, a.n_channels);
		a.n_channels = (unsigned int)n;
	}
	if (add) {
		addr_parse(add, &sg.s);
		addr_parse("232.1.1.1", &sg.g);
		a.channels[a.n_channels++] = (struct config_channel){.sg = sg, .down = 1};
	}
	config_target(&a, &b, &t);
	if (config_edit(text, &t, &a, &out, why) < 0)
		fail_msg("%s", why);
	assert_string_equal(out, want);
	load(&b, out);
	assert_int_equal(config_diff(&a, &b, NULL, NULL), 0);
	free(out);
}

#define NEW "{ source = \"10.0.0.9\"; group = \"232.1.1.1\"; interfaces = [ \"lan\" ]; }"
static void edit(void **state)
{
	(void)state;
	edited(IFS("") "# end\n", NULL, NULL, IFS("") "# end\n");
	edited(IFS("") "# end\n", "10.0.0.9", NULL,
		IFS("") "# end\nchannels = (\n    " NEW "\n);\n");
	edited(IFS("") "channels = ( );\nlog_level = \"warn\";", "10.0.0.9", NULL,
		IFS("") "channels = (\n    " NEW "\n);\nlog_level = \"warn\";");
	// Comments of what stays stay, whatever is in them.
	edited(IFS("") "/* channels = ( */ channels = ( # all\n  # one\n  " CH("10.0.0.1",
		       "232.1.1.1", "") ", # 1 }\n"
					"  # two\n  " CH("10.0.0.2", "232.1.1.1",
						"/* ) */") "  // 2 (\n  # last\n); # end\n",
		"10.0.0.9", NULL,
		IFS("") "/* channels = ( */ channels = ( # all\n  # one\n  " CH("10.0.0.1",
			"232.1.1.1", "") ", # 1 }\n"
					 "  # two\n  " CH("10.0.0.2", "232.1.1.1",
						 "/* ) */") ",  // 2 (\n  # last\n    " NEW
							    "\n); # end\n");
	edited(IFS("") "channels = (\n  # one\n  " CH("10.0.0.1", "232.1.1.1",
		       "") ", # 1\n"
			   "  # two\n  " CH("10.0.0.2", "232.1.1.1", "") " # 2\n);\n",
		NULL, "10.0.0.2",
		IFS("") "channels = (\n  # one\n  " CH("10.0.0.1", "232.1.1.1", "") " # 1\n);\n");
	edited(IFS("") "channels = ( " CH("10.0.0.1", "232.1.1.1", "") ", " CH(
		       "10.0.0.2", "232.1.1.1", "") " );",
		"10.0.0.9", "10.0.0.1",
		IFS("") "channels = ( " CH("10.0.0.2", "232.1.1.1", "") ",\n    " NEW "\n);");
	edited(IFS("") "channels = ( " CH("10.0.0.1", "232.1.1.1", "") " );", NULL, "10.0.0.1",
		IFS("") "channels = ();");
	edited(IFS("") "channels = ( " CH("10.0.0.1", "232.1.1.1", "") " );", "10.0.0.9",
		"10.0.0.1", IFS("") "channels = (\n    " NEW "\n);");
}

// Every key says its values, so that none is missed by the difference.
static void complete(const struct schema *schema)
{
	for (const struct schema *k = schema; k->key; k++) {
		if ((k->type == SCHEMA_TEXT || k->type == SCHEMA_TEXTS) && !k->text)
			fail_msg("key %s has no .text", k->key);
		if (k->sub)
			complete(k->sub);
	}
}

static void schema(void **state)
{
	(void)state;
	complete(config_schema);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(scalars),
		cmocka_unit_test(interfaces),
		cmocka_unit_test(relays),
		cmocka_unit_test(channels),
		cmocka_unit_test(target),
		cmocka_unit_test(edit),
		cmocka_unit_test(schema),
	};

	return RUN_TESTS(tests);
}
