/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * rhea-img: makes, examines, changes and converts disk images. Commands, options and output are
 * those of qemu-img, so that scripts need not know the difference; it also answers to that name.
 *
 * Test: tests/img/
 */
#include "img.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *usage;
} commands[] = {
    {"check", img_check, "[-q] [-f FMT] [--output=FMT] [-r [leaks | all]] [-U] FILE"},
    {"commit", img_commit, "[-q] [-f FMT] [-t CACHE] [-b BASE] [-d] [-p] FILE"},
    {"compare", img_compare, "[-f FMT] [-F FMT] [-T CACHE] [-p] [-q] [-s] [-U] FILE1 FILE2"},
    {"convert", img_convert,
     "[-U] [-c] [-p] [-q] [-n] [-f FMT] [-t CACHE] [-T CACHE] [-O FMT] [-B FILE [-F FMT]] [-o "
     "OPTS] "
     "[-S SIZE] [-W] [--target-is-zero] FILE [FILE2...] OUTPUT"},
    {"create", img_create, "[-q] [-f FMT] [-b FILE [-F FMT]] [-u] [-o OPTS] FILE [SIZE]"},
    {"dd", img_dd, "[-f FMT] [-O FMT] [bs=SIZE] [count=N] [skip=N] if=FILE of=FILE"},
    {"info", img_info, "[-f FMT] [--output=FMT] [--backing-chain] [-U] FILE"},
    {"map", img_map, "[-f FMT] [--output=FMT] [-U] FILE"},
    {"measure", img_measure, "[--output=FMT] [-O FMT] [-o OPTS] [--size N | [-f FMT] FILE]"},
    {"rebase", img_rebase, "[-q] [-f FMT] [-p] [-u] -b FILE [-F FMT] FILE"},
    {"resize", img_resize, "[-f FMT] [--preallocation=MODE] [-q] [--shrink] FILE [+|-]SIZE"},
    {"snapshot", img_snapshot, "[-q] [-l | -a NAME | -c NAME | -d NAME] FILE"},
};

int img_fail(GError *err)
{
    rhea_error_report("%s", err->message);
    g_error_free(err);
    return 1;
}

BlockNode *img_open(const NodeOptions *o)
{
    GError *err = NULL;
    BlockNode *n = node_open(o, &err);

    if (!n) {
        rhea_error_report("Could not open '%s': %s", o->path, err->message);
        g_error_free(err);
    }
    return n;
}

int img_getopt(int argc, char **argv, const char *short_options, const struct option *long_options)
{
    static const struct option none[] = {{NULL, 0, NULL, 0}};

    opterr = 1;
    return getopt_long(argc, argv, short_options, long_options ? long_options : none, NULL);
}

bool img_size(const char *text, uint64_t *size)
{
    GError *err = NULL;

    if (!opt_value_size("size", text, 1, size, &err) || *size > INT64_MAX) {
        g_clear_error(&err);
        rhea_error_report(
            "Invalid image size specified. You may use k, M, G, T, P or E suffixes for "
            "kilobytes, megabytes, gigabytes, terabytes, petabytes and exabytes.");
        return false;
    }
    return true;
}

char *img_size_text(uint64_t bytes)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    double v = bytes;
    unsigned i = 0;

    while (v >= 1000 && i + 1 < G_N_ELEMENTS(units)) {
        v /= 1024;
        i++;
    }
    return g_strdup_printf("%0.3g %s", v, units[i]);
}

bool img_output(const char *arg, bool *json)
{
    *json = strcmp(arg, "json") == 0;
    if (!*json && strcmp(arg, "human") != 0) {
        rhea_error_report("--output must be used with human or json as argument.");
        return false;
    }
    return true;
}

bool img_prealloc(const char *text, NodePrealloc *how)
{
    static const char *const names[] = {"off", "metadata", "falloc", "full"};

    for (unsigned i = 0; i < G_N_ELEMENTS(names); i++) {
        if (strcmp(text, names[i]) == 0) {
            *how = i;
            return true;
        }
    }
    rhea_error_report("Invalid preallocation mode '%s'", text);
    return false;
}

bool img_add_options(OptDict **o, const char *text)
{
    GError *err = NULL;
    g_autoptr(OptDict) more = opt_parse(text, NULL, &err);
    const char *key, *value;

    if (!more) {
        img_fail(err);
        return false;
    }
    *o = *o ? *o : opt_new();
    for (unsigned i = 0; opt_at(more, i, &key, &value); i++) {
        opt_set(*o, key, value);
    }
    return true;
}

void img_progress(Progress *p, uint64_t done, uint64_t total)
{
    double percent = total ? 100.0 * done / total : 100;

    if (p->on && (percent - p->shown >= 1 || done == 0 || done >= total)) {
        p->shown = percent;
        printf("    (%3.2f/100%%)\r", percent);
        fflush(stdout);
    }
}

void img_json_string(const char *text)
{
    putchar('"');
    for (; *text; text++) {
        unsigned char c = *text;
        if (c == '"' || c == '\\') {
            printf("\\%c", c);
        } else if (c < 0x20) {
            printf("\\u%04x", c);
        } else {
            putchar(c);
        }
    }
    putchar('"');
}

static void help(void)
{
    printf("rhea-img version 0.1.0\nusage: %s [standard options] command [command options]\n\n"
           "Commands:\n\n",
           g_get_prgname());
    for (unsigned i = 0; i < G_N_ELEMENTS(commands); i++) {
        printf("  %s %s\n", commands[i].name, commands[i].usage);
    }
    printf("\nSupported formats: file host_device qcow2 raw\n");
}

int main(int argc, char **argv)
{
    g_autofree char *name = g_path_get_basename(argv[0]);

    g_set_prgname(name);
    if (argc < 2) {
        rhea_error_report("Not enough arguments");
        return 1;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        help();
        return 0;
    }
    if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0) {
        printf("%s version 0.1.0\n", g_get_prgname());
        return 0;
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(commands); i++) {
        if (strcmp(argv[1], commands[i].name)) {
            continue;
        }
        if (argc > 2 && (strcmp(argv[2], "--help") == 0 || strcmp(argv[2], "-h") == 0)) {
            printf("usage: %s %s %s\n", g_get_prgname(), commands[i].name, commands[i].usage);
            return 0;
        }
        int ret = commands[i].run(argc - 1, argv + 1);
        if (fflush(stdout) != 0 || ferror(stdout)) {
            rhea_error_report("standard output: %s", g_strerror(errno));
            ret = ret ? ret : 1;
        }
        return ret;
    }
    rhea_error_report("Command not found: %s", argv[1]);
    fprintf(stderr, "Try '%s --help' for more information\n", g_get_prgname());
    return 1;
}
