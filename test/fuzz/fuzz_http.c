// SPDX-License-Identifier: BSD-3-Clause
// The head of a request to the metrics endpoint: what it says of it holds for every shorter piece
// as well, as it comes in from a socket.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "metrics/http.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool ok)
{
	if (!ok)
		abort();
}

static int parse(const uint8_t *data, size_t len, struct http_request *out)
{
	char *copy = malloc(len ? len : 1); // so that a read past the end is seen
	int ret;

	require(copy != NULL);
	memcpy(copy, data, len);
	ret = http_request_parse(copy, len, out);
	free(copy);
	return ret;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct http_request all, piece;
	int ret = parse(data, size, &all);

	require(ret <= (int)size && ret <= HTTP_HEAD_MAX);
	if (ret < 0) {
		require(ret <= -400 && ret > -600 && http_reason(-ret)[0]);
		return 0;
	}
	if (ret == 0)
		return 0;
	require(all.path[0] == '/' && strlen(all.path) < sizeof(all.path));
	require(!strchr(all.path, '\n') && !strchr(all.path, ' ') && !strchr(all.path, '?'));
	// What follows the head is another's; of less than the head nothing is known.
	require(parse(data, (size_t)ret, &piece) == ret && strcmp(piece.path, all.path) == 0);
	require(piece.openmetrics == all.openmetrics && piece.head == all.head);
	require(parse(data, (size_t)ret - 1, &piece) == 0);
	require(parse(data, (size_t)ret / 2, &piece) == 0);
	return 0;
}
