// SPDX-License-Identifier: BSD-3-Clause
// Runs a fuzz target over the files given, or all files of the folders given: each file whole, and
// cut short after every octet (a large one: after CUTS octets that lie equally far apart). What a
// fuzzer has found (its name is a hash) and what make-seeds has made (made-NAME) is whole only.
#include <dirent.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CUTS 512

static unsigned int n_files;

// A copy of exactly that size, so that a sanitizer sees a read past the end.
static void run(const uint8_t *data, size_t size)
{
	uint8_t *copy = malloc(size ? size : 1);

	if (!copy)
		abort();
	memcpy(copy, data, size);
	LLVMFuzzerTestOneInput(copy, size);
	free(copy);
}

static bool is_whole(const char *path)
{
	const char *name = strrchr(path, '/');

	name = name ? name + 1 : path;
	return (strlen(name) == 40 && strspn(name, "0123456789abcdef") == 40) ||
	       strncmp(name, "made-", 5) == 0;
}

static int replay_file(const char *path)
{
	static uint8_t buf[1 << 20];
	FILE *f = fopen(path, "rb");
	size_t n, step;

	if (!f) {
		perror(path);
		return 1;
	}
	n = fread(buf, 1, sizeof(buf), f);
	fclose(f);
	step = 1 + n / CUTS;
	for (size_t len = 0; len < n && !is_whole(path); len += step)
		run(buf, len);
	run(buf, n);
	n_files++;
	return 0;
}

static int replay_folder(const char *path)
{
	DIR *d = opendir(path);
	struct dirent *e;
	char file[4096];
	int failed = 0;

	if (!d) {
		perror(path);
		return 1;
	}
	while ((e = readdir(d))) {
		if (e->d_name[0] == '.')
			continue;
		snprintf(file, sizeof(file), "%s/%s", path, e->d_name);
		failed |= replay_file(file);
	}
	closedir(d);
	return failed;
}

int main(int argc, char **argv)
{
	struct stat st;
	int failed = 0;

	for (int i = 1; i < argc; i++) {
		if (stat(argv[i], &st) == 0 && S_ISDIR(st.st_mode))
			failed |= replay_folder(argv[i]);
		else
			failed |= replay_file(argv[i]);
	}
	printf("%u files replayed\n", n_files);
	return failed || n_files == 0;
}
