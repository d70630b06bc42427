/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/* The device framework: hw/core. A device of every kind of row, made for the test. */
#include "softmmu/opts.h"
#include "tests/unit/device-test.h"

#include <string.h>

#define LANE_STATE(F, A, D, N) F(uint16_t, level, 3) F(bool, on, true)
SUBSTATE(lane, Lane, LANE_STATE, unsigned runtime;)

#define TOY_STATE(F, A, D, N)                                                                      \
    F(uint32_t, control, 0x10)                                                                     \
    F(uint8_t, status, 0xff)                                                                       \
    F(uint64_t, kept, KEEP)                                                                        \
    F(int64_t, sum, -1)                                                                            \
    A(uint16_t, table, 4, 7)                                                                       \
    D(uint32_t, slot, n_slots, 9)                                                                  \
    N(Lane, lane, 2, lane)

STATE(toy, Toy, TOY_STATE, uint32_t n_slots; bool flag; uint8_t small; int32_t offset;
      uint64_t limit; char *text; int colour; int choice; unsigned writes; DeviceBus bus;)

static const char *const colours[] = {"red", "green", NULL};

// clang-format off
PROPS(toy, Toy,
    PROP("slots", U32, n_slots, "3", PUBLIC, "number of slots"),
    PROP("flag", BOOL, flag, NULL, PUBLIC, "a flag"),
    PROP("small", U8, small, "0x20", PUBLIC, "a byte"),
    PROP("offset", I32, offset, "-5", PUBLIC, "a signed number"),
    PROP("limit", SIZE, limit, "1M", PUBLIC, "bytes"),
    PROP("text", STRING, text, "hello", PUBLIC, "a text"),
    PROP("colour", ENUM, colour, "green", PUBLIC, "a colour", .values = colours),
    PROP("choice", ONOFFAUTO, choice, "auto", PUBLIC, "on, off or auto"),
    PROP("secret", BOOL, flag, NULL, INTERNAL, "for boards"))
// clang-format on

static uint64_t sum_read(void *opaque, unsigned i)
{
    return ((Toy *)opaque)->sum;
}

static void sum_write(void *opaque, unsigned i, uint64_t val)
{
    ((Toy *)opaque)->sum = val;
}

static void toy_after(void *opaque, unsigned i)
{
    ((Toy *)opaque)->writes++;
}

// clang-format off
REGS(toy, Toy,
    REG(CONTROL, 0x00, 4, RW,  IN(control), .mask = 0xff, .after = toy_after),
    REG(STATUS,  0x04, 1, W1C, IN(status), .mask = 0x0f),
    REG(SET,     0x05, 1, W1S, IN(status)),
    REG(ID,      0x08, 4, RO,  IN(control)),
    REG(GO,      0x0c, 4, WO,  .write = sum_write),
    REG(SUM,     0x10, 8, RW,  .split = true, .read = sum_read, .write = sum_write),
    REG(TABLE,   0x20, 2, RW,  .count = 4, .stride = 4, IN_ARRAY(table)),
    REG(SLOT,    0x40, 4, RW,  .count = 16, .limit = FIELD(n_slots), IN_DYNAMIC(slot)),
    REG(ZERO,    0x80, 4, RZ))
// clang-format on

static bool toy_realize(void *opaque, GError **err)
{
    Toy *s = opaque;

    device_state_alloc(s);
    device_bus_init(&s->bus, s->dev.machine, &s->dev, "toy-bus", "toy-bus.0", 1);
    return true;
}

static void toy_unrealize(void *opaque)
{
    device_bus_destroy(&((Toy *)opaque)->bus);
}

// clang-format off
DEVICE(toy, Toy,
    .name = "toy", .alias = "plaything", .desc = "test device", .bus = "System",
    .category = DEVICE_MISC, .user_creatable = true, .props = toy_props, .version = 2, .n_irqs = 1,
    .bank = {{.size = 0x100, .regs = toy_regs}},
    .realize = toy_realize, .unrealize = toy_unrealize);
// clang-format on

STATE(leaf, Leaf, NO_STATE, unsigned unused;)
DEVICE(leaf, Leaf, .name = "toy-leaf", .bus = "toy-bus", .category = DEVICE_MISC,
       .user_creatable = true);

static Toy *toy_make(TestMachine *t)
{
    test_machine_init(t);
    Toy *s = test_device_new(t, "plaything");
    test_device_realize(s);
    return s;
}

static void test_regs(void)
{
    TestMachine t;
    Toy *s = toy_make(&t);

    g_assert_cmphex(reg_read(s, 0, 0, 4), ==, 0x10);
    reg_write(s, 0, 0, 4, 0xffffffff);
    g_assert_cmphex(s->control, ==, 0xff);
    g_assert_cmpuint(s->writes, ==, 1);
    reg_write(s, 0, 0, 2, 0); /* wrong size */
    g_assert_cmphex(s->control, ==, 0xff);
    g_assert_cmphex(reg_read(s, 0, 0, 2), ==, 0);
    reg_write(s, 0, 4, 1, 0x33); /* bits 4-7 are out of reach */
    g_assert_cmphex(s->status, ==, 0xfc);
    reg_write(s, 0, 5, 1, 0x01);
    g_assert_cmphex(reg_read(s, 0, 4, 1), ==, 0xfd);
    reg_write(s, 0, 8, 4, 0);
    g_assert_cmphex(reg_read(s, 0, 8, 4), ==, 0xff);
    reg_write(s, 0, 0xc, 4, 5);
    g_assert_cmphex(reg_read(s, 0, 0xc, 4), ==, 0);
    g_assert_cmphex(reg_read(s, 0, 0x10, 8), ==, 5);
    reg_write(s, 0, 0x14, 4, 0x11223344);
    reg_write(s, 0, 0x12, 1, 0x99);
    g_assert_cmphex(reg_read(s, 0, 0x10, 8), ==, 0x1122334400990005);
    g_assert_cmphex(reg_read(s, 0, 0x16, 2), ==, 0x1122);
    reg_write(s, 0, 0x28, 2, 0xabcd);
    g_assert_cmphex(s->table[2], ==, 0xabcd);
    g_assert_cmphex(reg_read(s, 0, 0x2a, 2), ==, 0); /* between two elements */
    reg_write(s, 0, 0x48, 4, 1);
    g_assert_cmphex(s->slot[2], ==, 1);
    reg_write(s, 0, 0x4c, 4, 1); /* slot 3 of 3 */
    g_assert_cmphex(reg_read(s, 0, 0x4c, 4), ==, 0);
    reg_write(s, 0, 0x80, 4, 1);
    g_assert_cmphex(reg_read(s, 0, 0x80, 4), ==, 0);
    g_assert_cmphex(reg_read(s, 0, 0xf0, 4), ==, 0);
    test_machine_clear(&t);
}

static void test_state(void)
{
    TestMachine t;
    Toy *s = toy_make(&t);
    g_autoptr(GByteArray) out = g_byte_array_new();
    GError *err = NULL;

    g_assert_true(s->sum == -1 && s->table[3] == 7 && s->slot[2] == 9 && s->lane[1].on &&
                  s->lane[1].level == 3 && s->kept == 0);
    s->kept = 77;
    s->lane[0].level = 5;
    s->lane[0].on = false;
    s->slot[0] = 1234;
    test_snapshot(s);
    g_assert_true(s->kept == 77 && s->lane[0].level == 5 && s->slot[0] == 1234 && !s->lane[0].on);
    device_save(&s->dev, out);
    device_reset(&s->dev);
    g_assert_true(s->kept == 77 && s->lane[0].level == 3 && s->slot[0] == 9 && s->lane[0].on);

    /* An older stream may lack a field, one of the same version not; a newer one is refused. */
    const uint8_t *data;
    size_t len;
    uint8_t *version = memchr(out->data + 1, 'y', out->len);
    g_assert_true(version && version[1] == 2);
    version[1] = 3;
    data = out->data;
    len = out->len;
    g_assert_false(device_load(&s->dev, &data, &len, &err));
    g_clear_error(&err);
    version[1] = 2;
    version[5]--; /* number of fields */
    data = out->data;
    len = out->len;
    g_assert_false(device_load(&s->dev, &data, &len, &err));
    g_clear_error(&err);
    version[1] = 1;
    data = out->data;
    len = out->len;
    g_assert_true(device_load(&s->dev, &data, &len, &err));
    g_assert_true(s->lane[0].level == 3 && s->slot[0] == 1234);
    test_machine_clear(&t);
}

static const struct {
    const char *prop, *text, *result; /* result NULL: an error */
} values[] = {
    {"flag", "on", "on"},           {"flag", "maybe", NULL},
    {"small", "255", "255"},        {"small", "256", NULL},
    {"small", "-1", NULL},          {"offset", "-7", "-7"},
    {"offset", "3000000000", NULL}, {"limit", "2K", "2048"},
    {"limit", "x", NULL},           {"text", "", ""},
    {"colour", "red", "red"},       {"colour", "blue", NULL},
    {"choice", "off", "off"},       {"choice", "perhaps", NULL},
    {"nothing", "1", NULL},
};

static void test_props(void)
{
    TestMachine t;

    test_machine_init(&t);
    Device *d = test_device_new(&t, "toy");
    Toy *s = (Toy *)d;
    g_assert_true(s->n_slots == 3 && !s->flag && s->small == 0x20 && s->offset == -5 &&
                  s->limit == 1 << 20 && s->colour == 1 && s->choice == ONOFFAUTO_AUTO);
    g_assert_cmpstr(s->text, ==, "hello");
    for (unsigned i = 0; i < G_N_ELEMENTS(values); i++) {
        GError *err = NULL;
        bool ok = device_set(d, values[i].prop, values[i].text, &err);

        g_assert_true(ok == (values[i].result != NULL) && ok == (err == NULL));
        g_clear_error(&err);
        if (ok) {
            g_autofree char *text = device_get(d, values[i].prop, NULL);

            g_assert_cmpstr(text, ==, values[i].result);
        }
    }
    device_free(d);
    test_machine_clear(&t);
}

static char *create(TestMachine *t, const char *text)
{
    GError *err = NULL;
    g_autoptr(OptDict) o = opt_parse(text, "driver", NULL);
    Device *d = device_create_from_opts(t->m, o, &err);
    char *message = err ? g_strdup(err->message) : NULL;

    g_assert_true((d != NULL) == (err == NULL));
    g_clear_error(&err);
    return message;
}

static const struct {
    const char *text, *error;
} options[] = {
    {"id=a", "Parameter 'driver' is missing"},
    {"nothing", "'nothing' is not a valid device model name"},
    {"goldfish_rtc", "Parameter 'driver' expects a pluggable device type"},
    {"toy-leaf", "No 'toy-bus' bus found for device 'toy-leaf'"},
    {"toy,secret=on", "Property 'toy.secret' cannot be set by the user"},
    {"toy,colours=1", "Property 'toy.colours' not found"},
    {"toy,id=a,slots=5", NULL},
    {"toy-leaf,id=a", "Duplicate ID 'a' for device"},
    {"toy-leaf,bus=x", "Bus 'x' not found"},
    {"toy,bus=toy-bus.0", "Device 'toy' can't go on toy-bus bus"},
    {"toy-leaf,id=b,bus=toy-bus.0", NULL},
    {"toy-leaf,bus=toy-bus.0", "Bus 'toy-bus.0' is full"},
    {"toy-leaf", "A 'toy-bus' bus was found but is full"},
};

static void test_create(void)
{
    TestMachine t;

    test_machine_init(&t);
    for (unsigned i = 0; i < G_N_ELEMENTS(options); i++) {
        g_autofree char *error = create(&t, options[i].text);

        g_assert_cmpstr(error, ==, options[i].error);
    }
    g_assert_cmpuint(((Toy *)device_find(t.m, "a"))->n_slots, ==, 5);
    g_assert_true(device_find(t.m, "b")->parent == &((Toy *)device_find(t.m, "a"))->bus);
    g_autofree char *bad = create(&t, "toy,id=1a");
    g_assert_true(g_str_has_prefix(bad, "Parameter 'id' expects an identifier"));
    test_machine_clear(&t);
}

static void test_globals(void)
{
    TestMachine t;
    OptDict *g = opt_new(), *h = opt_new();
    GError *err = NULL;

    test_machine_init(&t);
    opt_set(g, "driver", "toy");
    opt_set(g, "property", "slots");
    opt_set(g, "value", "8");
    g_ptr_array_add(t.m->globals, g);
    Device *d = test_device_new(&t, "toy");
    g_assert_cmpuint(((Toy *)d)->n_slots, ==, 8);
    device_free(d);
    opt_set(h, "driver", "toy");
    opt_set(h, "property", "nothing");
    opt_set(h, "value", "8");
    g_ptr_array_add(t.m->globals, h);
    d = test_device_new(&t, "toy");
    g_assert_false(device_realize(d, NULL, &err));
    g_assert_cmpstr(err->message, ==,
                    "can't apply global toy.nothing=8: Property 'toy.nothing' not found");
    g_error_free(err);
    device_free(d);
    test_machine_clear(&t);
}

static void test_help(void)
{
    char *text = NULL;
    size_t len;
    FILE *f = open_memstream(&text, &len);

    g_assert_true(device_print_help("toy", f, NULL));
    device_print_list(f);
    fclose(f);
    g_assert_nonnull(strstr(text, "  limit=<size>           - bytes (default: 1M)\n"));
    g_assert_nonnull(strstr(text, "  flag=<bool>            - a flag (default: off)\n"));
    g_assert_null(strstr(text, "secret"));
    g_assert_nonnull(strstr(text, "\nname \"toy\", bus System, alias \"plaything\", desc \"test"));
    g_assert_null(strstr(text, "goldfish"));
    free(text);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/device/regs", test_regs);
    g_test_add_func("/device/state", test_state);
    g_test_add_func("/device/props", test_props);
    g_test_add_func("/device/create", test_create);
    g_test_add_func("/device/globals", test_globals);
    g_test_add_func("/device/help", test_help);
    return g_test_run();
}
