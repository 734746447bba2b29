// SPDX-License-Identifier: BSD-3-Clause
// What runs, written back to the configuration file: its text as it was read, with what was changed
// since. Beside the file first, where it is read as at a start and must say what runs; then it is
// renamed over it.
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "inlet.h"

struct save {
	char path[PATH_MAX]; // links followed
	char temp[PATH_MAX + 16];
	struct stat like; // whose mode and owner it gets
	bool there;	  // the file
	bool ours;	  // it is the one that was read
};

static int refuse(char why[OBSERVE_WHY_LEN], const char *path, const char *what, int err)
{
	snprintf(why, OBSERVE_WHY_LEN, "save: %.200s: %.200s%s%s", path, what, err ? ": " : "",
		err ? strerror(err) : "");
	return err ? -err : -EINVAL;
}

// Where it goes, and how it is to look.
static int place(const struct inlet *in, const char *path, struct save *s, char *why)
{
	struct stat ours;

	s->ours = !path;
	if (!path)
		path = in->path;
	else if (path[0] != '/' || path[strlen(path) - 1] == '/')
		return refuse(why, path, "not the absolute path of a file", 0);
	s->there = realpath(path, s->path) != NULL;
	if (!s->there && errno != ENOENT)
		return refuse(why, path, "cannot be found", errno);
	if (!s->there)
		snprintf(s->path, sizeof(s->path), "%s", path);
	if (stat(in->path, &ours) < 0) {
		memset(&ours, 0, sizeof(ours));
		ours.st_mode = S_IRUSR | S_IWUSR | S_IRGRP;
		ours.st_uid = geteuid();
		ours.st_gid = getegid();
	}
	if (!s->there || stat(s->path, &s->like) < 0)
		s->like = ours;
	else if (!S_ISREG(s->like.st_mode))
		return refuse(why, path, "not a regular file", 0);
	else if (s->like.st_dev == ours.st_dev && s->like.st_ino == ours.st_ino)
		s->ours = true;
	return 0;
}

// Another file is only written over when it is a configuration.
static int check_other(const struct save *s, char *why)
{
	struct config *c = calloc(1, sizeof(*c));
	char err[CONFIG_ERR_LEN];
	int ret = c ? config_load(s->path, c, err) : -ENOMEM;

	free(c);
	return ret < 0 ? refuse(why, s->path, "is there, and is no configuration of inletd", 0) : 0;
}

static int write_temp(struct save *s, const char *text, size_t len, char *why)
{
	int fd, ret = 0;

	snprintf(s->temp, sizeof(s->temp), "%s.XXXXXX", s->path);
	fd = mkstemp(s->temp);
	if (fd < 0) {
		ret = refuse(why, s->path, "cannot be written", errno);
		s->temp[0] = '\0';
		return ret;
	}
	for (size_t done = 0; done < len && ret == 0;) {
		ssize_t n = write(fd, text + done, len - done);

		if (n > 0)
			done += (size_t)n;
		else if (n < 0 && errno != EINTR)
			ret = refuse(why, s->path, "cannot be written", errno);
	}
	if (ret == 0 && (fchown(fd, s->like.st_uid, s->like.st_gid) < 0 ||
				fchmod(fd, s->like.st_mode & 07777) < 0 || fsync(fd) < 0))
		ret = refuse(why, s->path, "cannot be written", errno);
	close(fd);
	return ret;
}

// What was written, read as at a start, must say what runs. *file is the caller's to free.
static int check_temp(struct inlet *in, const struct save *s, struct config **file, char *why)
{
	struct config *to = malloc(sizeof(*to));
	int ret = -ENOMEM;

	*file = calloc(1, sizeof(**file));
	if (*file && to)
		ret = config_load(s->temp, *file, why);
	else
		snprintf(why, OBSERVE_WHY_LEN, "out of memory");
	if (ret == 0) {
		config_target(&in->cfg, *file, to);
		ret = config_diff(&in->cfg, to, NULL, NULL);
		if (ret != 0)
			ret = refuse(why, s->path,
				"what would be written is not what runs; nothing was written", 0);
	}
	free(to);
	return ret;
}

// What somebody has written into the file since it was read is put aside, not lost.
static int keep_unread(
	const struct inlet *in, const struct save *s, struct observe_saved *out, char *why)
{
	char *now = NULL;
	struct stat st;
	bool same = false;
	FILE *f = fopen(s->path, "re");

	if (!f)
		return errno == ENOENT ? 0 : refuse(why, s->path, "cannot be read", errno);
	if (fstat(fileno(f), &st) == 0 && in->text && (size_t)st.st_size == in->text_len) {
		now = malloc(in->text_len + 1);
		same = now && fread(now, 1, in->text_len, f) == in->text_len &&
		       memcmp(now, in->text, in->text_len) == 0;
	}
	free(now);
	fclose(f);
	if (same)
		return 0;
	if (snprintf(out->kept, sizeof(out->kept), "%s.unread", s->path) >= (int)sizeof(out->kept))
		return refuse(why, s->path, "has changed since it was read; reload it first", 0);
	if ((unlink(out->kept) < 0 && errno != ENOENT) || link(s->path, out->kept) < 0)
		return refuse(why, out->kept, "cannot be made", errno);
	return 0;
}

static int save(struct inlet *in, struct save *s, struct observe_saved *out, char *why)
{
	struct config *target = malloc(sizeof(*target)), *file = NULL;
	char edit_why[CONFIG_VALUE_LEN], *text = NULL;
	int ret = -ENOMEM;

	snprintf(why, OBSERVE_WHY_LEN, "out of memory");
	if (!target)
		return ret;
	config_target(&in->cfg, in->file, target);
	ret = config_edit(in->text, target, &in->cfg, &text, edit_why);
	if (ret == -EINVAL)
		refuse(why, in->path, edit_why, 0);
	if (ret < 0)
		goto out;
	out->changes = (unsigned int)ret;
	ret = write_temp(s, text, strlen(text), why);
	if (ret == 0)
		ret = check_temp(in, s, &file, why);
	if (ret == 0 && s->ours)
		ret = keep_unread(in, s, out, why);
	if (ret == 0 && rename(s->temp, s->path) < 0)
		ret = refuse(why, s->path, "cannot be replaced", errno);
	if (ret == 0 && s->ours) {
		free(in->text);
		in->text = text;
		in->text_len = strlen(text);
		*in->file = *file;
		text = NULL;
	}
out:
	if (ret < 0 && s->temp[0])
		unlink(s->temp);
	free(target);
	free(file);
	free(text);
	return ret;
}

int save_run(
	struct inlet *in, const char *path, struct observe_saved *out, char why[OBSERVE_WHY_LEN])
{
	struct save *s = calloc(1, sizeof(*s));
	int ret;

	memset(out, 0, sizeof(*out));
	if (!s || !in->text || !in->file)
		ret = refuse(why, in->path, "its text is not known; reload it first", 0);
	else if (in->reload_job || wants_busy(in))
		ret = refuse(why, in->path, "a reload is under way", 0);
	else
		ret = place(in, path, s, why);
	if (ret == 0 && s->there && !s->ours)
		ret = check_other(s, why);
	if (ret == 0)
		ret = save(in, s, out, why);
	if (ret == 0) {
		in->reload.saves++;
		in->reload.error[0] = '\0';
		snprintf(out->path, sizeof(out->path), "%.*s", (int)sizeof(out->path) - 1, s->path);
		log_info("inletd", "configuration saved file=%s changes=%u", s->path, out->changes);
	} else {
		in->reload.save_failures++;
		snprintf(in->reload.error, sizeof(in->reload.error), "%s", why);
		log_error("inletd", "%s", why);
	}
	free(s);
	return ret;
}
