// SPDX-License-Identifier: BSD-3-Clause
#include "console/listen.h"

#include <errno.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static int fail(char err[CONSOLE_ERR_LEN], const char *path, const char *what, int error)
{
	snprintf(err, CONSOLE_ERR_LEN, "%.120s: %s%s%s", path, what, error ? ": " : "",
		error ? strerror(error) : "");
	return error ? -error : -EINVAL;
}

static int make_directory(const char *path, char err[CONSOLE_ERR_LEN])
{
	char copy[sizeof(((struct sockaddr_un *)0)->sun_path)];
	const char *dir;

	snprintf(copy, sizeof(copy), "%s", path);
	dir = dirname(copy);
	if (mkdir(dir, 0755) < 0 && errno != EEXIST)
		return fail(err, dir, "cannot make the directory", errno);
	return 0;
}

static int new_socket(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	return fd < 0 ? -errno : fd;
}

// What stands at path: a socket that a dead process left is removed, anything else is not ours.
static int remove_stale(const struct sockaddr_un *un, char err[CONSOLE_ERR_LEN])
{
	struct stat st;
	int fd, error;

	if (lstat(un->sun_path, &st) < 0)
		return errno == ENOENT ? 0 : fail(err, un->sun_path, "cannot look at it", errno);
	if (!S_ISSOCK(st.st_mode)) {
		fail(err, un->sun_path, "exists and is no socket", 0);
		return -EEXIST;
	}
	fd = new_socket();
	if (fd < 0)
		return fail(err, un->sun_path, "no socket", -fd);
	error = connect(fd, (const struct sockaddr *)un, sizeof(*un)) == 0 ? 0 : errno;
	close(fd);
	// EAGAIN: somebody listens, with a full backlog.
	if (error == 0 || error == EAGAIN) {
		fail(err, un->sun_path, "another process listens there", 0);
		return -EADDRINUSE;
	}
	if (error != ECONNREFUSED && error != ENOENT)
		return fail(err, un->sun_path, "cannot tell who listens there", error);
	if (unlink(un->sun_path) < 0 && errno != ENOENT)
		return fail(err, un->sun_path, "cannot remove the old socket", errno);
	return 0;
}

int listen_path_open(struct listen_path *at, const char *path, char err[CONSOLE_ERR_LEN])
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	struct stat st;
	mode_t old;
	int fd, ret;

	if (strlen(path) >= sizeof(un.sun_path))
		return fail(err, path, "path too long for a socket", 0);
	memcpy(un.sun_path, path, strlen(path) + 1);
	memcpy(at->path, path, strlen(path) + 1);
	ret = make_directory(path, err);
	if (ret < 0)
		return ret;
	ret = remove_stale(&un, err);
	if (ret < 0)
		return ret;
	fd = new_socket();
	if (fd < 0)
		return fail(err, path, "no socket", -fd);
	// The mode is right from the beginning, so that nobody slips in before a chmod.
	old = umask(0117);
	ret = bind(fd, (const struct sockaddr *)&un, sizeof(un)) < 0 ? errno : 0;
	umask(old);
	if (ret == 0 && stat(path, &st) < 0)
		ret = errno;
	if (ret != 0) {
		close(fd);
		return fail(err, path, "cannot bind", ret);
	}
	at->dev = st.st_dev;
	at->ino = st.st_ino;
	return fd;
}

void listen_path_close(const struct listen_path *at)
{
	struct stat st;

	if (lstat(at->path, &st) == 0 && st.st_dev == at->dev && st.st_ino == at->ino)
		unlink(at->path);
}
