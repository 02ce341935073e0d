/* SPDX-License-Identifier: ISC */

/* netd/reflection: the index of the real descriptors, and of damaged ones. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "netd/descriptors.h"
#include "netd/reflection.h"

static int
setup(void **state)
{
	*state = reflection_new(descriptors_pb, descriptors_pb_len);
	return (*state == NULL ? -1 : 0);
}

static int
teardown(void **state)
{
	reflection_free(*state);
	return (0);
}

static void
test_services(void **state)
{
	static const char *const want[] = { "telepilot.v1.TelePilot", "grpc.health.v1.Health",
	    "grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection" };
	size_t i, k, found = 0;
	const char *name;

	for (i = 0; (name = reflection_service(*state, i)) != NULL; i++)
		for (k = 0; k < 4; k++)
			found += strcmp(name, want[k]) == 0;
	assert_int_equal(i, 4);
	assert_int_equal(found, 4);
}

static void
test_symbols(void **state)
{
	static const char *const in_ours[] = { "telepilot.v1.TelePilot",
	    "telepilot.v1.TelePilot.StreamLogs", "telepilot.v1.Job", "telepilot.v1.JobState",
	    "telepilot.v1.Gap.Reason", "telepilot.v1.Gap.REASON_DISK_FULL",
	    "telepilot.v1.JOB_STATE_CREATED" };
	static const char *const in_none[] = { "", "telepilot", "telepilot.v1", "Job",
	    ".telepilot.v1.Job", "telepilot.v1.Job.", "telepilot.v1.Nope",
	    "telepilot.v1.JobState.JOB_STATE_CREATED" };
	int file = reflection_by_name(*state, "telepilot/v1/telepilot.proto");
	size_t i;

	assert_int_not_equal(file, -1);
	for (i = 0; i < sizeof(in_ours) / sizeof(in_ours[0]); i++)
		assert_int_equal(reflection_by_symbol(*state, in_ours[i]), file);
	for (i = 0; i < sizeof(in_none) / sizeof(in_none[0]); i++)
		assert_int_equal(reflection_by_symbol(*state, in_none[i]), -1);
	assert_int_equal(reflection_by_symbol(*state, "google.protobuf.Timestamp"),
	    reflection_by_name(*state, "google/protobuf/timestamp.proto"));
}

static void
test_files_with_imports(void **state)
{
	int files[REFLECTION_FILES_MAX];
	int file = reflection_by_name(*state, "telepilot/v1/telepilot.proto");
	size_t len;

	assert_int_equal(reflection_closure(*state, file, files), 2);
	assert_int_equal(files[0], file);
	assert_int_equal(files[1], reflection_by_name(*state, "google/protobuf/timestamp.proto"));
	assert_non_null(reflection_file(*state, file, &len));
	assert_in_range(len, 100, descriptors_pb_len);
	assert_int_equal(reflection_by_name(*state, "nope.proto"), -1);
}

/* Cut short or flipped, the set gives an index or none, and nothing worse. */
static void
test_damaged_sets(void **state)
{
	uint8_t *copy = malloc(descriptors_pb_len);
	int files[REFLECTION_FILES_MAX];
	size_t i;
	struct reflection *r;

	(void)state;
	assert_non_null(copy);
	for (i = 0; i < descriptors_pb_len; i += 7) {
		memcpy(copy, descriptors_pb, i);
		reflection_free(reflection_new(copy, i));
		memcpy(copy, descriptors_pb, descriptors_pb_len);
		copy[i] ^= 0x41;
		if ((r = reflection_new(copy, descriptors_pb_len)) != NULL)
			assert_true(reflection_closure(r, 0, files) <= REFLECTION_FILES_MAX);
		reflection_free(r);
	}
	free(copy);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_services),
		cmocka_unit_test(test_symbols),
		cmocka_unit_test(test_files_with_imports),
		cmocka_unit_test(test_damaged_sets),
	};

	return (cmocka_run_group_tests(tests, setup, teardown));
}
