// SPDX-License-Identifier: BSD-3-Clause
// drive-daemon: a whole inletd between packet sockets and clients, for test/fuzz/afl and
// test/lab/daemon.sh. With files it plays each. With --afl it is the fork server that AFL++
// speaks with, and inletd is what that server has forked: it lives on from input to input, for a
// start takes a second, and counts into AFL++'s map, whose id it has in its environment.
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "floodnet.h"
#include "labutil.h"
#include "outside.h"

// AFL++'s fork server: it says 4 octets on the one when it is ready, hears 4 on the other for each
// input, and says the pid and later the wait status.
#define FORKSRV_IN  198
#define FORKSRV_OUT 199

#define START_MS    30000
#define ANSWER_MS   5000
#define SETTLE_NS   2000000l // what a worker has not seen by then comes with the next input
#define INPUT_MAX   16384
#define LIFE	    2000 // inputs of one inletd; its end finds what leaks
#define STATUS_HUNG SIGKILL

// What came before counts: an inletd that has ended is found again by its last inputs.
#define HISTORY 64
static struct {
	uint8_t data[INPUT_MAX];
	size_t size;
} history[HISTORY];
static const char *history_dir;

static struct outside outside;
static char **command;
static pid_t daemon_pid;
static unsigned int lived; // inputs

static void help(void)
{
	puts("usage: drive-daemon OPTION... [FILE...] -- INLETD [ARGUMENT...]\n"
	     "\n"
	     "Starts inletd and plays inputs to it: frames at its ports, clients of its console "
	     "and\n"
	     "its metrics. Run in the network namespace of inletd. Ends with 1 when inletd does.\n"
	     "\n"
	     "  --downstream NS:IF,MAC   where frames go in, and the MAC address of the port "
	     "there\n"
	     "  --upstream NS:IF,MAC     the same of the upstream port\n"
	     "  --console PATH           its socket\n"
	     "  --metrics PORT           at 127.0.0.1; without, inputs do not ask for them\n"
	     "  --afl FILE               be AFL++'s fork server; inputs are in FILE\n"
	     "  --history DIR            when inletd ends, its last inputs are kept there\n"
	     "  -h, --help               this text");
}

static void start(void)
{
	uint64_t end = lab_mono_ns() + START_MS * 1000000ull;

	lived = 0;
	daemon_pid = fork();
	if (daemon_pid < 0)
		lab_fail("cannot fork: %s", strerror(errno));
	if (daemon_pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(FORKSRV_IN);
		close(FORKSRV_OUT);
		execv(command[0], command);
		_exit(127);
	}
	while (!outside_answers(&outside, 200)) {
		if (waitpid(daemon_pid, NULL, WNOHANG) == daemon_pid || lab_mono_ns() > end)
			lab_fail("%s does not come up", command[0]);
		nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
	}
}

// Its wait status, once it is gone.
static int end_daemon(int sig)
{
	int status = 0;

	kill(daemon_pid, sig);
	while (waitpid(daemon_pid, &status, 0) < 0 && errno == EINTR)
		;
	daemon_pid = 0;
	return status;
}

// As DIR/end-N/000 and so on, the oldest first.
static void keep_history(void)
{
	static unsigned int ends;
	unsigned int first = lived > HISTORY ? lived - HISTORY : 0;
	char path[4096];

	if (!history_dir)
		return;
	snprintf(path, sizeof(path), "%s/end-%ld-%u", history_dir, (long)getpid(), ++ends);
	if (mkdir(path, 0755) < 0)
		lab_fail("%s: %s", path, strerror(errno));
	for (unsigned int i = first; i < lived; i++) {
		FILE *file;

		snprintf(path, sizeof(path), "%s/end-%ld-%u/%03u", history_dir, (long)getpid(),
			ends, i - first);
		file = fopen(path, "we");
		if (file) {
			fwrite(history[i % HISTORY].data, 1, history[i % HISTORY].size, file);
			fclose(file);
		}
	}
}

// Plays one input. 0, or the wait status of an inletd that is no more.
static int play(const char *path)
{
	uint8_t *data = history[lived % HISTORY].data;
	int status, fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, data, INPUT_MAX);
	bool answers;

	if (n < 0)
		lab_fail("%s: %s", path, strerror(errno));
	close(fd);
	history[lived++ % HISTORY].size = (size_t)n;
	outside_play(&outside, data, (size_t)n);
	nanosleep(&(struct timespec){.tv_nsec = SETTLE_NS}, NULL);
	answers = outside_answers(&outside, ANSWER_MS);
	if (waitpid(daemon_pid, &status, WNOHANG) != daemon_pid) {
		if (answers)
			return 0;
		status = end_daemon(STATUS_HUNG);
	} else if (status == 0) {
		status = STATUS_HUNG; // it has ended, and nobody asked for that
	}
	daemon_pid = 0;
	keep_history();
	return status;
}

static bool tell(const void *what)
{
	return write(FORKSRV_OUT, what, 4) == 4;
}

static int afl(const char *path)
{
	uint32_t word = 0;

	start();
	if (!tell(&word))
		lab_fail("no AFL++ is there");
	while (read(FORKSRV_IN, &word, 4) == 4) {
		int status;

		if (daemon_pid == 0)
			start();
		if (!tell(&daemon_pid))
			break;
		status = play(path);
		if (status == 0 && lived >= LIFE)
			status = end_daemon(SIGTERM);
		if (!tell(&status))
			break;
	}
	if (daemon_pid)
		end_daemon(SIGTERM);
	return 0;
}

static int replay(char **files)
{
	start();
	for (; *files; files++) {
		int status = play(*files);

		if (status) {
			printf("%s: inletd ended with status %#x\n", *files, (unsigned int)status);
			return 1;
		}
	}
	if (end_daemon(SIGTERM) == 0)
		return 0;
	puts("inletd did not end cleanly");
	return 1;
}

static void port(int which, const char *text)
{
	const char *comma = strchr(text, ',');
	char at[64];

	if (!comma || (size_t)(comma - text) >= sizeof(at))
		lab_usage("\"%s\" is not NS:IF,MAC", text);
	snprintf(at, sizeof(at), "%.*s", (int)(comma - text), text);
	outside.port[which] = net_packet_socket(at, true);
	net_parse_mac("MAC", comma + 1, outside.mac[which]);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{"downstream", required_argument, NULL, 'd'},
		{"upstream", required_argument, NULL, 'u'},
		{"console", required_argument, NULL, 'c'},
		{"metrics", required_argument, NULL, 'm'},
		{"history", required_argument, NULL, 'H'},
		{"afl", required_argument, NULL, 'a'},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};
	const char *at[2] = {NULL, NULL}, *input = NULL;
	int opt, home, i;

	lab_name = "drive-daemon";
	for (i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
		;
	command = i < argc ? argv + i + 1 : NULL;
	argv[i] = NULL;
	argc = i;
	while ((opt = getopt_long(argc, argv, "+h", options, NULL)) != -1) {
		switch (opt) {
		case 'd':
			at[OUTSIDE_DOWNSTREAM] = optarg;
			break;
		case 'u':
			at[OUTSIDE_UPSTREAM] = optarg;
			break;
		case 'c':
			outside.console = optarg;
			break;
		case 'm':
			outside.metrics = (uint16_t)lab_number("--metrics", optarg, 1, 65535);
			break;
		case 'H':
			history_dir = optarg;
			break;
		case 'a':
			input = optarg;
			break;
		case 'h':
			help();
			return 0;
		default:
			lab_usage("try --help");
		}
	}
	if (!at[0] || !at[1] || !outside.console || !command || !command[0])
		lab_usage("--downstream, --upstream, --console and a command after -- are needed");
	home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	port(OUTSIDE_DOWNSTREAM, at[OUTSIDE_DOWNSTREAM]);
	port(OUTSIDE_UPSTREAM, at[OUTSIDE_UPSTREAM]);
	if (home < 0 || setns(home, 0) < 0)
		lab_fail("cannot come back: %s", strerror(errno));
	close(home);
	signal(SIGPIPE, SIG_IGN);
	return input ? afl(input) : replay(argv + optind);
}
