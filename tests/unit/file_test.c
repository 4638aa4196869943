#include "unit.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/file.h"

TEST(paths_that_links_lead_out)
{
	autoarena struct arena a = {0};
	autoerror struct error err = {0};
	autofree char *here = realpath(".", NULL);
	const char *root = path_join(&a, here, "root");

	assert_int_equal(mkdir(root, 0700), 0);
	assert_int_equal(mkdir("root-beside", 0700), 0);
	assert_int_equal(file_write("root/file", "x", 1, &err), 0);
	assert_int_equal(symlink("file", "root/inside"), 0);
	assert_int_equal(symlink("../root-beside", "root/beside"), 0);
	assert_int_equal(symlink("/nowhere/at/all", "root/broken"), 0);
	assert_null(path_leads_out(&a, root, "file"));
	assert_null(path_leads_out(&a, root, "inside"));
	assert_null(path_leads_out(&a, root, "not/there/yet"));
	assert_string_equal(path_leads_out(&a, root, "beside"), arena_printf(&a, "%s-beside", root));
	assert_string_equal(path_leads_out(&a, root, "beside/not/there/yet"), arena_printf(&a, "%s-beside", root));
	assert_non_null(path_leads_out(&a, root, "broken"));
}

TEST(nothing_leads_out_of_the_topmost_folder)
{
	autoarena struct arena a = {0};

	assert_null(path_leads_out(&a, "/", "etc"));
	assert_null(path_leads_out(&a, "/", "proc/self/cwd"));
	assert_null(path_leads_out(&a, "/", "nowhere"));
	assert_null(path_leads_out(&a, "/", "nowhere/at/all"));
}
