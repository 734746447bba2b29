// SPDX-License-Identifier: BSD-3-Clause
#ifndef TEST_BENCH_TESTS_H
#define TEST_BENCH_TESTS_H

// test_json.c
void members_of_an_object(void **state);
void no_json(void **state);
void cases_in_any_order(void **state);
void worse_and_wrong(void **state);

// test_forward.c
void frames_of_a_relay(void **state);
void frames_that_came_out(void **state);
void captures_in_memory(void **state);
void quantiles_of_a_histogram(void **state);
void channels_of_the_socket_gateway(void **state);

#endif
