// SPDX-License-Identifier: BSD-3-Clause
// A lexical pass over the file before libconfig sees it. libconfig 1.5 turns 100000000000 into
// 1215752192 and 4294967295 into -1 without a word; afterwards nothing tells that it happened, so
// the literals are judged here. The tokens are those of libconfig's scanner.
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/config_internal.h"

#define SCAN_MAX_FILES	 64
#define SCAN_MAX_DEPTH	 10 // libconfig's own limit
#define SCAN_MAX_LITERAL 64

struct scan {
	const char *include_dir;
	unsigned int n_files;
	char *err;
};

struct text {
	const char *file;
	const char *p;
	const char *end;
	unsigned int line;
	unsigned int depth;
};

static int scan_file(struct scan *s, const char *file, unsigned int depth, const struct text *from);

static int scan_fail(const struct scan *s, const struct text *t, const char *what, const char *arg)
{
	snprintf(s->err, CONFIG_ERR_LEN, "%.255s:%u: %s%.160s", t->file, t->line, what, arg);
	return -EINVAL;
}

static bool starts(const struct text *t, const char *word)
{
	size_t n = strlen(word);

	return (size_t)(t->end - t->p) >= n && memcmp(t->p, word, n) == 0;
}

static void skip_line(struct text *t)
{
	while (t->p < t->end && *t->p != '\n')
		t->p++;
}

// libconfig takes one that does not end for one that goes to the end of the file.
static int skip_block_comment(const struct scan *s, struct text *t)
{
	unsigned int line = t->line;

	for (t->p += 2; t->p < t->end; t->p++) {
		if (starts(t, "*/")) {
			t->p += 2;
			return 0;
		}
		if (*t->p == '\n')
			t->line++;
	}
	t->line = line;
	return scan_fail(s, t, "comment without its end", "");
}

// From the opening quote to past the closing one.
static int scan_string(const struct scan *s, struct text *t)
{
	unsigned int line = t->line;

	for (t->p++; t->p < t->end && *t->p != '"'; t->p++) {
		if (starts(t, "\\x00"))
			return scan_fail(s, t, "NUL in a string", "");
		if (*t->p == '\\' && t->p + 1 < t->end)
			t->p++;
		if (*t->p == '\n')
			t->line++;
	}
	// libconfig would leak it and name the file's last line.
	if (t->p >= t->end) {
		t->line = line;
		return scan_fail(s, t, "string without a closing quote", "");
	}
	t->p++;
	return 0;
}

// Whether the literal is what libconfig stores for it.
static int check_integer(
	const struct scan *s, const struct text *t, const char *from, size_t len, bool wide)
{
	char literal[SCAN_MAX_LITERAL];
	bool hex = len > 2 && (from[1] == 'x' || from[1] == 'X');
	long long v;

	if (len >= sizeof(literal))
		return scan_fail(s, t, "integer out of range: ", "more than 63 digits");
	memcpy(literal, from, len);
	literal[len] = '\0';
	errno = 0;
	v = strtoll(literal, NULL, hex ? 16 : 10);
	if (errno != 0)
		return scan_fail(s, t, "integer out of range: ", literal);
	if (!wide && (v < INT32_MIN || v > INT32_MAX))
		return scan_fail(s, t,
			"integer does not fit 32 bits (one that is meant to ends in L): ", literal);
	return 0;
}

static int scan_number(const struct scan *s, struct text *t)
{
	const char *from = t->p;
	bool real = false, wide = false;
	size_t len;

	if (*t->p == '-' || *t->p == '+')
		t->p++;
	if (starts(t, "0x") || starts(t, "0X")) {
		for (t->p += 2; t->p < t->end && isxdigit((unsigned char)*t->p);)
			t->p++;
	} else {
		while (t->p < t->end && isdigit((unsigned char)*t->p))
			t->p++;
		// A real number is no value of any key here: the walk says so, with the key's name.
		while (t->p < t->end && *t->p != '\0' && strchr(".eE", *t->p)) {
			real = true;
			t->p++;
			if (t->p < t->end && (*t->p == '-' || *t->p == '+'))
				t->p++;
			while (t->p < t->end && isdigit((unsigned char)*t->p))
				t->p++;
		}
	}
	len = (size_t)(t->p - from);
	while (t->p < t->end && *t->p == 'L') {
		wide = true;
		t->p++;
	}
	return real ? 0 : check_integer(s, t, from, len, wide);
}

// At "@include": the file between the quotes.
static int scan_include(struct scan *s, struct text *t)
{
	char name[256], file[512];
	size_t len = 0;

	t->p += strlen("@include");
	while (t->p < t->end && (*t->p == ' ' || *t->p == '\t'))
		t->p++;
	if (t->p == t->end || *t->p != '"')
		return scan_fail(s, t, "@include without a file name in quotes", "");
	for (t->p++; t->p < t->end && *t->p != '"' && *t->p != '\n'; t->p++) {
		if (*t->p == '\\' || *t->p == '\0' || len == sizeof(name) - 1)
			return scan_fail(s, t, "@include with a file name that cannot be used", "");
		name[len++] = *t->p;
	}
	if (t->p == t->end || *t->p != '"')
		return scan_fail(s, t, "@include without a closing quote", "");
	t->p++;
	name[len] = '\0';
	if (t->depth + 1 >= SCAN_MAX_DEPTH || s->n_files == SCAN_MAX_FILES)
		return scan_fail(s, t, "too many files included, the last one is ", name);
	if (snprintf(file, sizeof(file), "%s/%s", s->include_dir, name) >= (int)sizeof(file))
		return scan_fail(s, t, "@include with a file name that is too long", "");
	return scan_file(s, file, t->depth + 1, t);
}

static bool is_name(char c)
{
	return isalnum((unsigned char)c) || c == '_' || c == '-' || c == '*';
}

// The next token, or one octet that starts none.
static int scan_token(struct scan *s, struct text *t, bool line_start)
{
	char c = *t->p;

	if (c == '#' || starts(t, "//")) {
		skip_line(t);
	} else if (starts(t, "/*")) {
		return skip_block_comment(s, t);
	} else if (c == '"') {
		return scan_string(s, t);
	} else if (line_start && starts(t, "@include")) {
		return scan_include(s, t);
	} else if (isalpha((unsigned char)c) || c == '*') {
		while (t->p < t->end && is_name(*t->p))
			t->p++;
	} else if (isdigit((unsigned char)c) || ((c == '-' || c == '+') && t->p + 1 < t->end &&
							isdigit((unsigned char)t->p[1]))) {
		return scan_number(s, t);
	} else if (c == '.') {
		// ".5": digits of a real number are not an integer.
		for (t->p++; t->p < t->end && isdigit((unsigned char)*t->p);)
			t->p++;
	} else {
		t->p++;
	}
	return 0;
}

static int scan_text(struct scan *s, struct text *t)
{
	bool line_start = true;

	while (t->p < t->end) {
		int ret;

		if (*t->p == '\n') {
			t->line++;
			t->p++;
			line_start = true;
			continue;
		}
		if (*t->p == ' ' || *t->p == '\t') {
			t->p++;
			continue;
		}
		ret = scan_token(s, t, line_start);
		if (ret < 0)
			return ret;
		line_start = false;
	}
	return 0;
}

int config_file_read(const char *file, char **out, size_t *len)
{
	struct stat st;
	// A pipe without a writer would be waited for.
	int fd = open(file, O_RDONLY | O_NONBLOCK | O_CLOEXEC), ret = 0;
	FILE *f = fd < 0 ? NULL : fdopen(fd, "r");
	char *buf;

	if (!f) {
		ret = -errno;
		if (fd >= 0)
			close(fd);
		return ret;
	}
	if (fstat(fileno(f), &st) < 0) {
		ret = -errno;
		goto close;
	}
	if (!S_ISREG(st.st_mode)) {
		ret = S_ISDIR(st.st_mode) ? -EISDIR : -EINVAL;
		goto close;
	}
	if (st.st_size > CONFIG_MAX_OCTETS) {
		ret = -EFBIG;
		goto close;
	}
	buf = malloc((size_t)st.st_size + 1);
	if (!buf) {
		ret = -ENOMEM;
		goto close;
	}
	*len = fread(buf, 1, (size_t)st.st_size, f);
	if (ferror(f)) {
		ret = -EIO;
		free(buf);
		goto close;
	}
	buf[*len] = '\0';
	*out = buf;
close:
	fclose(f);
	return ret;
}

// from: the text that includes this file, NULL for the first.
static int scan_file(struct scan *s, const char *file, unsigned int depth, const struct text *from)
{
	struct text t = {.file = file, .line = 1, .depth = depth};
	char *buf = NULL;
	size_t len = 0;
	int ret = config_file_read(file, &buf, &len);

	if (ret < 0) {
		const char *why = ret == -EINVAL ? "not a regular file" : strerror(-ret);

		if (from)
			snprintf(s->err, CONFIG_ERR_LEN, "%.160s:%u: cannot read %.160s: %s",
				from->file, from->line, file, why);
		else
			snprintf(s->err, CONFIG_ERR_LEN, "%.255s: %s", file, why);
		return from ? -EINVAL : ret;
	}
	s->n_files++;
	t.p = buf;
	t.end = buf + len;
	ret = scan_text(s, &t);
	free(buf);
	return ret;
}

int config_scan(
	const char *path, const char *include_dir, unsigned int *n_files, char err[CONFIG_ERR_LEN])
{
	struct scan s = {.include_dir = include_dir, .err = err};
	int ret = scan_file(&s, path, 0, NULL);

	*n_files = s.n_files;
	return ret;
}
