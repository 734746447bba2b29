// SPDX-License-Identifier: BSD-3-Clause
#ifndef TEST_BENCH_TESTS_H
#define TEST_BENCH_TESTS_H

// test_json.c
void members_of_an_object(void **state);
void no_json(void **state);
void cases_in_any_order(void **state);
void worse_and_wrong(void **state);

#endif
