// SPDX-License-Identifier: BSD-3-Clause
#include "bench/popularity.h"

#include <math.h>

// The integral of x^-s, and its inverse.
static double integral(double s, double x)
{
	return fabs(s - 1) < 1e-9 ? log(x) : (pow(x, 1 - s) - 1) / (1 - s);
}

static double inverse(double s, double y)
{
	return fabs(s - 1) < 1e-9 ? exp(y) : pow(1 + y * (1 - s), 1 / (1 - s));
}

static uint32_t gcd(uint32_t a, uint32_t b)
{
	while (b) {
		uint32_t rest = a % b;

		a = b;
		b = rest;
	}
	return a;
}

void popularity_init(struct popularity *p, uint32_t n, double s)
{
	*p = (struct popularity){.n = n, .s = s};
	if (s == 0)
		return;
	p->low = integral(s, 1.5) - 1;
	p->high = integral(s, n + 0.5);
	p->cut = 2 - inverse(s, integral(s, 2.5) - pow(2, -s));
	// About the golden ratio, and without a common factor, so that each channel has one rank.
	p->step = (uint32_t)(n * 0.6180339887) + 1;
	while (gcd(p->step, n) != 1)
		p->step++;
}

uint32_t popularity_draw(const struct popularity *p, struct rng *rng)
{
	if (p->s == 0)
		return (uint32_t)rng_below(rng, p->n);
	for (;;) {
		double u = (double)(rng_u64(rng) >> 11) * 0x1p-53;
		double y = p->high + u * (p->low - p->high), x = inverse(p->s, y);
		double k = fmin(fmax(floor(x + 0.5), 1), p->n);

		if (k - x <= p->cut || y >= integral(p->s, k + 0.5) - pow(k, -p->s))
			return (uint32_t)((uint64_t)k * p->step % p->n);
	}
}
