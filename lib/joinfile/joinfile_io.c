// SPDX-License-Identifier: BSD-3-Clause
#include "joinfile/joinfile_io.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

// IN_MODIFY is not among them: a file that is being written in place is of no use before its writer
// closes it (it may have been cut to nothing first), and the folder may have other, busier files.
#define EVENTS                                                                              \
	(IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_CREATE | IN_DELETE | IN_ATTRIB | \
		IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR)

struct joinfile_watch {
	int fd;
	int wd;	    // -1: the folder is not watched
	char *path; // of the file
	char *folder;
	const char *name; // in path
};

static struct joinfile_id id_of(const struct stat *st)
{
	return (struct joinfile_id){
		.dev = st->st_dev, .ino = st->st_ino, .size = st->st_size, .mtime = st->st_mtim};
}

static bool id_eq(const struct joinfile_id *a, const struct joinfile_id *b)
{
	return a->dev == b->dev && a->ino == b->ino && a->size == b->size &&
	       a->mtime.tv_sec == b->mtime.tv_sec && a->mtime.tv_nsec == b->mtime.tv_nsec;
}

// Up to room octets; how many, or a negative errno.
static ssize_t read_all(int fd, char *buf, size_t room)
{
	size_t len = 0;

	while (len < room) {
		ssize_t n = read(fd, buf + len, room - len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		len += (size_t)n;
	}
	return (ssize_t)len;
}

static int read_fd(int fd, size_t max, char **text, size_t *len, struct joinfile_id *id)
{
	struct joinfile_id after;
	struct stat st;
	ssize_t n;
	char *buf;

	if (fstat(fd, &st) < 0)
		return -errno;
	*id = id_of(&st);
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	if ((uint64_t)st.st_size > max)
		return -EFBIG;
	buf = malloc((size_t)st.st_size + 1);
	if (!buf)
		return -ENOMEM;
	// One octet more than there was, to see one that was added.
	n = read_all(fd, buf, (size_t)st.st_size + 1);
	if (n < 0 || fstat(fd, &st) < 0) {
		free(buf);
		return n < 0 ? (int)n : -EIO;
	}
	after = id_of(&st);
	if (n != st.st_size || !id_eq(id, &after)) {
		free(buf);
		return -EAGAIN;
	}
	*text = buf;
	*len = (size_t)n;
	return 0;
}

int joinfile_read(const char *path, size_t max, char **text, size_t *len, struct joinfile_id *id)
{
	// O_NONBLOCK: a FIFO must not hold the control thread.
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY), ret;

	if (fd < 0) {
		struct stat st;

		ret = -errno;
		*id = stat(path, &st) == 0 ? id_of(&st) : (struct joinfile_id){0};
		return ret;
	}
	ret = read_fd(fd, max, text, len, id);
	close(fd);
	return ret;
}

size_t joinfile_size(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 ? (size_t)st.st_size : 0;
}

static int write_all(int fd, const char *text, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, text, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		text += n;
		len -= (size_t)n;
	}
	return 0;
}

int joinfile_write(const char *path, const char *text, size_t len)
{
	char tmp[PATH_MAX];
	int fd, ret;

	if ((size_t)snprintf(tmp, sizeof(tmp), "%s.tmp", path) >= sizeof(tmp))
		return -ENAMETOOLONG;
	fd = open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (fd < 0)
		return -errno;
	ret = write_all(fd, text, len);
	if (close(fd) < 0 && ret == 0)
		ret = -errno;
	if (ret == 0 && rename(tmp, path) < 0)
		ret = -errno;
	if (ret < 0)
		unlink(tmp);
	return ret;
}

bool joinfile_watch_again(struct joinfile_watch *w)
{
	if (w->wd < 0)
		w->wd = inotify_add_watch(w->fd, w->folder, EVENTS);
	return w->wd >= 0;
}

struct joinfile_watch *joinfile_watch_open(const char *path)
{
	struct joinfile_watch *w = calloc(1, sizeof(*w));
	char *slash;
	int err = ENOMEM;

	if (!w)
		return NULL;
	w->wd = -1;
	w->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (w->fd < 0)
		err = errno;
	w->path = strdup(path);
	w->folder = strdup(path);
	slash = w->folder ? strrchr(w->folder, '/') : NULL;
	if (w->fd < 0 || !w->path || !slash) {
		joinfile_watch_close(w);
		errno = err;
		return NULL;
	}
	w->name = w->path + (slash - w->folder) + 1;
	slash[slash == w->folder] = '\0'; // "/joins" is in "/"
	joinfile_watch_again(w);
	return w;
}

void joinfile_watch_close(struct joinfile_watch *w)
{
	if (!w)
		return;
	if (w->fd >= 0)
		close(w->fd);
	free(w->folder);
	free(w->path);
	free(w);
}

int joinfile_watch_fd(const struct joinfile_watch *w)
{
	return w->fd;
}

bool joinfile_watch_lost(const struct joinfile_watch *w)
{
	return w->wd < 0;
}

// Another name in the folder was put in place: a link that the path goes through may be it. The
// same file with other contents is not: that is somebody writing it in place, who has not closed it
// yet.
static enum joinfile_event look(const struct joinfile_watch *w, const struct joinfile_id *id)
{
	struct stat st;

	if (stat(w->path, &st) < 0)
		return id->ino ? JOINFILE_CHANGED : JOINFILE_NOTHING;
	return st.st_dev == id->dev && st.st_ino == id->ino ? JOINFILE_NOTHING : JOINFILE_REPLACED;
}

// A new name. One that was just created for writing is waited for until it is closed; a link to a
// file that is there already is never written here.
static enum joinfile_event created(const struct joinfile_watch *w)
{
	struct stat st;

	if (lstat(w->path, &st) < 0)
		return JOINFILE_NOTHING; // gone again, which is an event of its own
	return S_ISLNK(st.st_mode) || st.st_nlink > 1 ? JOINFILE_CHANGED : JOINFILE_NOTHING;
}

static enum joinfile_event one_event(
	struct joinfile_watch *w, const struct inotify_event *ev, const struct joinfile_id *id)
{
	if (ev->mask & IN_Q_OVERFLOW)
		return JOINFILE_CHANGED;
	if (ev->wd != w->wd)
		return JOINFILE_NOTHING; // what was left of a folder that is gone
	if (ev->mask & (IN_DELETE_SELF | IN_MOVE_SELF | IN_IGNORED | IN_UNMOUNT)) {
		if (!(ev->mask & IN_IGNORED))
			inotify_rm_watch(w->fd, w->wd);
		w->wd = -1;
		return JOINFILE_CHANGED;
	}
	if (ev->len == 0 || strcmp(ev->name, w->name) != 0)
		return ev->mask & IN_MOVED_TO ? look(w, id) : JOINFILE_NOTHING;
	if (ev->mask & IN_MOVED_TO)
		return JOINFILE_REPLACED;
	return ev->mask & IN_CREATE ? created(w) : JOINFILE_CHANGED;
}

enum joinfile_event joinfile_watch_input(struct joinfile_watch *w, const struct joinfile_id *id)
{
	char buf[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
	enum joinfile_event strongest = JOINFILE_NOTHING;
	ssize_t n;

	while ((n = read(w->fd, buf, sizeof(buf))) > 0) {
		for (char *p = buf; p < buf + n;) {
			const struct inotify_event *ev = (const void *)p;
			enum joinfile_event what = one_event(w, ev, id);

			if (what > strongest)
				strongest = what;
			p += sizeof(*ev) + ev->len;
		}
	}
	return strongest;
}
