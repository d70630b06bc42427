/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/* A pair of pipes as the back end of a serial port: the test holds the host's ends. */
#ifndef TESTS_UNIT_CHARDEV_TEST_H
#define TESTS_UNIT_CHARDEV_TEST_H

#include "tests/unit/device-test.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct TestPipe {
    char *dir;
    int to_uart, from_uart;
} TestPipe;

/* Make it and give it to d's property "chardev". */
static inline void test_pipe_attach(TestPipe *p, TestMachine *t, void *d)
{
    GError *err = NULL;
    g_autofree char *in = NULL, *out = NULL, *text = NULL;
    Chardev *chr;

    p->dir = g_dir_make_tmp("rhea-uart-XXXXXX", NULL);
    in = g_strdup_printf("%s/p.in", p->dir);
    out = g_strdup_printf("%s/p.out", p->dir);
    text = g_strdup_printf("pipe:%s/p", p->dir);
    g_assert_cmpint(mkfifo(in, 0600), ==, 0);
    g_assert_cmpint(mkfifo(out, 0600), ==, 0);
    p->to_uart = open(in, O_RDWR | O_NONBLOCK);
    p->from_uart = open(out, O_RDWR | O_NONBLOCK);
    chardev_new_short(t->m->chars, "serial0", text, &chr, &err);
    g_assert_no_error(err);
    device_set_pointer(d, "chardev", chr);
}

static inline void test_pipe_clear(TestPipe *p)
{
    if (p->dir) {
        g_autofree char *in = g_strdup_printf("%s/p.in", p->dir);
        g_autofree char *out = g_strdup_printf("%s/p.out", p->dir);

        unlink(in);
        unlink(out);
        rmdir(p->dir);
        g_free(p->dir);
        close(p->to_uart);
        close(p->from_uart);
    }
}

#endif
