/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/* Key=value lists, JSON and scalars of softmmu/opts.c. */
#include "softmmu/opts.h"
#include <string.h>

/* Every pair as "k=v;k=v;", or "!message". */
static char *show(const char *text, const char *implied)
{
    GError *err = NULL;
    GString *s = g_string_new(NULL);
    g_autoptr(OptDict) d = opt_parse(text, implied, &err);
    const char *k, *v;
    if (!d) {
        g_string_printf(s, "!%s", err->message);
        g_error_free(err);
        return g_string_free(s, FALSE);
    }
    g_assert_null(err);
    for (unsigned i = 0; opt_at(d, i, &k, &v); i++) {
        g_string_append_printf(s, "%s=%s;", k, v);
    }
    if (opt_wants_help(d)) {
        g_string_append(s, "HELP");
    }
    return g_string_free(s, FALSE);
}

static const struct {
    const char *text, *implied, *expect;
} cases[] = {
    {"", "driver", ""},
    {"foo", "driver", "driver=foo;"},
    {"foo,bar=1,baz", "driver", "driver=foo;bar=1;baz=on;"},
    {"foo,nowait,server", "driver", "driver=foo;wait=off;server=on;"},
    {"a=1,b=2", "driver", "a=1;b=2;"},
    {"file=a,,b,,,,c,x=1", NULL, "file=a,b,,c;x=1;"},
    {"a=,b=", NULL, "a=;b=;"},
    {"a==b", NULL, "a==b;"},
    {"a=1,", NULL, "a=1;"},
    {"help", "driver", "HELP"},
    {"?", "driver", "HELP"},
    {"foo,help", "driver", "driver=foo;HELP"},
    {"foo,?", "driver", "driver=foo;HELP"},
    {"a=help", NULL, "a=help;"},
    {"=1", NULL, "!Expected a parameter name before '=1'"},
    {"a=1,,b", NULL, "a=1,b;"},
    {",a=1", NULL, "!Expected a parameter before ','"},
    {",,a", "driver", "driver=,a;"},
    {"no", NULL, "no=on;"},
    {"a.b=1,a.c=2", NULL, "a.b=1;a.c=2;"},
    {"{}", NULL, ""},
    {"{\"a\":1}", NULL, "a=1;"},
    {"{\"a\":{\"b\":[1,true,{\"c\":\"x,y\"}]},\"d\":null}", NULL, "a.b.0=1;a.b.1=on;a.b.2.c=x,y;"},
    {" {\"a\":1}", NULL, " {\"a\":1}=on;"},
    {"{'a':'b'}", NULL, "a=b;"},
    {"{\"a\":-1.5e3,\"b\":false}", NULL, "a=-1.5e3;b=off;"},
    {"{\"a\":\"\\u00e9\\ud83d\\ude00\\n\\\"\"}", NULL, "a=\xc3\xa9\xf0\x9f\x98\x80\n\";"},
    {"{\"a\":", NULL, "!1:6: JSON parse error, premature end of input"},
    {"{", NULL, "!1:2: JSON parse error, premature end of input"},
    {"{\"a", NULL, "!1:4: JSON parse error, premature end of input"},
    {"{\"a\":1}x", NULL, "!1:8: JSON parse error, text after the object"},
    {"{\"a\":1 \"b\":2}", NULL, "!1:8: JSON parse error, expected ',' or '}'"},
    {"{\"a\":\"\\ud800\"}", NULL, "!1:13: JSON parse error, invalid character in \\u escape"},
    {"{\"a\":01}", NULL, "!1:8: JSON parse error, invalid number"},
    {"{\"a\":nul}", NULL, "!1:6: JSON parse error, unexpected text"},
    {"{\"a\":1,\"b\":{\"c\":2,\"c\":3}}", NULL, "!1:23: JSON parse error, duplicate key"},
    {"{a:1}", NULL, "!1:2: JSON parse error, expected a key"},
};

static void test_parse(void)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *got = show(cases[i].text, cases[i].implied);
        g_assert_cmpstr(got, ==, cases[i].expect);
    }
}

static void test_json_depth(void)
{
    g_autoptr(GString) s = g_string_new("{\"a\":");
    for (int i = 0; i < 100000; i++) {
        g_string_append_c(s, '[');
    }
    g_autofree char *got = show(s->str, NULL);
    g_assert_nonnull(strstr(got, "nested too deeply"));
}

static gboolean is_not_a(const char *key, void *opaque)
{
    return *key && *key != 'a';
}

static void test_kinds(void)
{
    g_autoptr(OptDict) d = opt_parse_json(
        "{\"a\": {\"b\": [], \"c\": null, \"d\": [1, 1.5]}, \"e\": true, \"f\": \"x\"}", NULL);
    static const struct {
        const char *key;
        OptKind kind;
    } rows[] = {{"", JSON_OBJECT},      {"a", JSON_OBJECT}, {"a.b", JSON_LIST},
                {"a.c", JSON_NULL},     {"a.d", JSON_LIST}, {"a.d.0", JSON_INTEGER},
                {"a.d.1", JSON_REAL},   {"e", JSON_BOOL},   {"f", JSON_STRING},
                {"a.b.0", JSON_ABSENT}, {"g", JSON_ABSENT}};

    for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_assert_cmpint(opt_kind(d, rows[i].key), ==, rows[i].kind);
    }
    g_assert_null(opt_get(d, "a.c"));
    g_assert_cmpstr(opt_json(d, "a"), ==, "{\"b\": [], \"c\": null, \"d\": [1, 1.5]}");
    g_autoptr(OptDict) a = opt_sub(d, "a");
    g_assert_cmpint(opt_kind(a, "c"), ==, JSON_NULL);
    g_assert_cmpstr(opt_get(a, "d.1"), ==, "1.5");
    g_autofree char *first = opt_first_key(d, is_not_a, NULL);
    g_assert_cmpstr(first, ==, "e");
    g_autoptr(OptDict) list = opt_parse_json("[1]", NULL);
    g_assert_cmpint(opt_kind(list, ""), ==, JSON_LIST);
}

static void test_dict(void)
{
    GError *err = NULL;
    g_autoptr(OptDict) d = opt_parse("x=1,y=2,x=3,z=on", NULL, NULL);
    g_assert_cmpstr(opt_get(d, "x"), ==, "3");
    g_assert_null(opt_get(d, "nope"));
    g_assert_cmpstr(opt_take(d, "x"), ==, "3");
    bool z = false;
    g_assert_true(opt_take_bool(d, "z", &z, NULL) && z);
    g_assert_false(opt_check_unused(d, &err));
    g_assert_cmpstr(err->message, ==, "Invalid parameter 'y'");
    g_clear_error(&err);
    opt_mark_used(d, "y");
    g_assert_true(opt_check_unused(d, &err));
    opt_set(d, "x", "9");
    g_assert_cmpstr(opt_get(d, "x"), ==, "9");
    g_assert_true(opt_remove(d, "x"));
    g_assert_false(opt_remove(d, "x"));
    static const char *const values[] = {"red", "green", NULL};
    int index = -1;
    opt_set(d, "c", "green");
    g_assert_true(opt_take_enum(d, "c", values, &index, NULL) && index == 1);
    opt_set(d, "c", "blue");
    g_assert_false(opt_take_enum(d, "c", values, &index, &err));
    g_assert_cmpstr(err->message, ==,
                    "Parameter 'c' does not accept value 'blue' (valid: red, green)");
    g_clear_error(&err);
    opt_set_location(d, "-device foo");
    g_assert_cmpstr(opt_location(d), ==, "-device foo");
    g_assert_true(opt_check_id("a1-b._c", NULL));
    g_assert_false(opt_check_id("1a", NULL));
    g_assert_false(opt_check_id("", NULL));
    g_assert_false(opt_check_id("a b", NULL));
}

static void test_scalars(void)
{
    static const struct {
        const char *text;
        uint64_t unit, value;
        bool ok;
    } sizes[] = {
        {"0", 1, 0, true},
        {"1", 1 << 20, 1 << 20, true},
        {"1k", 1, 1024, true},
        {"1K", 1 << 20, 1024, true},
        {"2M", 1, 2 << 20, true},
        {"1.5G", 1, 3ull << 29, true},
        {"1T", 1, 1ull << 40, true},
        {"15E", 1, 15ull << 60, true},
        {"16E", 1, 0, false},
        {"0x10", 1, 16, true},
        {"0x10M", 1, 16 << 20, true},
        {"512", 1, 512, true},
        {"1.5", 1, 0, false},
        {"1.5", 1 << 20, 3 << 19, true},
        {"", 1, 0, false},
        {"-1", 1, 0, false},
        {"1x", 1, 0, false},
        {"1Mx", 1, 0, false},
        {"18446744073709551615", 1, UINT64_MAX, true},
        {"18446744073709551616", 1, 0, false},
        {" 1", 1, 0, false},
        {"3B", 1 << 20, 3, true},
    };
    for (unsigned i = 0; i < G_N_ELEMENTS(sizes); i++) {
        uint64_t v = 77;
        GError *err = NULL;
        bool ok = opt_value_size("size", sizes[i].text, sizes[i].unit, &v, &err);
        g_assert_cmpint(ok, ==, sizes[i].ok);
        g_assert_cmpint(err != NULL, ==, !ok);
        g_assert_cmpuint(v, ==, ok ? sizes[i].value : 77);
        g_clear_error(&err);
    }
    uint64_t u;
    int64_t s;
    bool b;
    g_assert_true(opt_value_u64("n", "0x1f", &u, NULL) && u == 31);
    g_assert_true(opt_value_u64("n", "010", &u, NULL) && u == 8);
    g_assert_false(opt_value_u64("n", "-1", &u, NULL));
    g_assert_false(opt_value_u64("n", "99999999999999999999", &u, NULL));
    g_assert_true(opt_value_i64("n", "-5", &s, NULL) && s == -5);
    g_assert_false(opt_value_i64("n", "- 5", &s, NULL));
    g_assert_true(opt_value_bool("b", "yes", &b, NULL) && b);
    g_assert_true(opt_value_bool("b", "off", &b, NULL) && !b);
    g_assert_false(opt_value_bool("b", "ON", &b, NULL));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/opts/parse", test_parse);
    g_test_add_func("/opts/json-depth", test_json_depth);
    g_test_add_func("/opts/dict", test_dict);
    g_test_add_func("/opts/kinds", test_kinds);
    g_test_add_func("/opts/scalars", test_scalars);
    return g_test_run();
}
