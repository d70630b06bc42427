/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/* The -d log: items, file names, address filter, whole lines from several threads. */
#include "rhea/error.h"
#include "rhea/log.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void test_items(void)
{
    GError *err = NULL;
    g_assert_true(rhea_log_set_items("in_asm,int", &err));
    g_assert_cmphex(rhea_log_mask_bits, ==, LOG_IN_ASM | LOG_INT);
    g_assert_true(rhea_log_on(LOG_INT) && !rhea_log_on(LOG_CPU));
    g_assert_false(rhea_log_set_items("int,foo", &err));
    g_assert_cmpstr(err->message, ==, "unknown log item 'foo' (use '-d help' for a list)");
    g_clear_error(&err);
    g_assert_cmphex(rhea_log_mask_bits, ==, LOG_IN_ASM | LOG_INT);
    g_assert_true(rhea_log_set_items("guest_errors,unimp", &err));
    g_assert_cmphex(rhea_log_mask_bits, ==, LOG_GUEST_ERROR | LOG_UNIMP);
}

static void test_filter(void)
{
    GError *err = NULL;
    g_assert_true(rhea_log_in_filter(0x1234));
    static const char *const bad[] = {"",     "foo",       "1",     "1..",
                                      "..2",  "0x10..0x5", "1+0",   "1-0",
                                      "1+2x", "1*2",       "1..2,", "0xfffffffffffffffff..1"};
    for (unsigned i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_assert_false(rhea_log_set_filter(bad[i], &err));
        g_assert_nonnull(strstr(err->message, "Bad range specifier"));
        g_clear_error(&err);
    }
    g_assert_true(rhea_log_set_filter("0x1000..0x1fff,0x8000+0x10,0x5000-0x10", &err));
    g_assert_true(rhea_log_in_filter(0x1000) && rhea_log_in_filter(0x1fff));
    g_assert_false(rhea_log_in_filter(0xfff) || rhea_log_in_filter(0x2000));
    g_assert_true(rhea_log_in_filter(0x8000) && rhea_log_in_filter(0x800f));
    g_assert_false(rhea_log_in_filter(0x8010));
    g_assert_true(rhea_log_in_filter(0x5000) && rhea_log_in_filter(0x4ff1));
    g_assert_false(rhea_log_in_filter(0x5001) || rhea_log_in_filter(0x4ff0));
    g_assert_true(rhea_log_set_filter("0xfffffffffffffff0+0x10", &err));
    g_assert_true(rhea_log_in_filter(UINT64_MAX) && !rhea_log_in_filter(0));
}

static gpointer writer(gpointer opaque)
{
    for (int i = 0; i < 500; i++) {
        if (i % 2) {
            rhea_log("line %s\n", (char *)opaque);
        } else {
            FILE *f = rhea_log_lock();
            fprintf(f, "block %s\n", (char *)opaque);
            fprintf(f, "end %s\n", (char *)opaque);
            rhea_log_unlock(f);
        }
    }
    return NULL;
}

static void test_file(void)
{
    GError *err = NULL;
    g_autofree char *dir = g_dir_make_tmp("rhea-log-XXXXXX", NULL), *text = NULL;
    g_autofree char *path = g_strdup_printf("%s/log-%%d.txt", dir);
    g_autofree char *real = g_strdup_printf("%s/log-%d.txt", dir, (int)getpid());
    static const char *const bad[] = {"/nonexistent/log", "a%s", "a%d%d", "%"};
    for (unsigned i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_assert_false(rhea_log_set_file(bad[i], &err));
        g_clear_error(&err);
    }
    g_assert_true(rhea_log_set_file(path, &err));
    GThread *a = g_thread_new("a", writer, "aaaa"), *b = g_thread_new("b", writer, "bbbb");
    g_thread_join(a);
    g_thread_join(b);
    fflush(NULL);
    g_assert_true(g_file_get_contents(real, &text, NULL, NULL));
    g_auto(GStrv) lines = g_strsplit(text, "\n", 0);
    g_assert_cmpuint(g_strv_length(lines), ==, 1501);
    for (unsigned i = 0; i < 1500; i++) {
        if (g_str_has_prefix(lines[i], "block ")) {
            g_assert_cmpstr(lines[i] + 6, ==, lines[i + 1] + 4);
        }
    }
    unlink(real);
    rmdir(dir);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/log/items", test_items);
    g_test_add_func("/log/filter", test_filter);
    g_test_add_func("/log/file", test_file);
    return g_test_run();
}
