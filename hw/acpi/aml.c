/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * The writer of ACPI Machine Language. See hw/aml.h.
 *
 * A term with a length is a frame: the place where its length belongs. Its encoding has one to four
 * bytes and counts itself, so it is put in when the frame ends, and what is behind it moves.
 *
 * Test: tests/unit/test-acpi.c
 */
#include "hw/aml.h"

#include <string.h>

#define AML_MAX_DEPTH 16

enum {
    OP_ZERO = 0x00,
    OP_ONE = 0x01,
    OP_NAME = 0x08,
    OP_BYTE = 0x0a,
    OP_WORD = 0x0b,
    OP_DWORD = 0x0c,
    OP_STRING = 0x0d,
    OP_QWORD = 0x0e,
    OP_SCOPE = 0x10,
    OP_BUFFER = 0x11,
    OP_PACKAGE = 0x12,
    OP_METHOD = 0x14,
    OP_DUAL_NAME = 0x2e,
    OP_MULTI_NAME = 0x2f,
    OP_EXT = 0x5b,
    OP_DEVICE = 0x5b82,
    OP_IF = 0xa0,
    OP_ELSE = 0xa1,
};

typedef struct AmlFrame {
    unsigned start; /* where the length goes */
    bool resources;
} AmlFrame;

struct Aml {
    GByteArray *out;
    AmlFrame frame[AML_MAX_DEPTH];
    unsigned depth;
};

Aml *aml_new(void)
{
    Aml *a = g_new0(Aml, 1);

    a->out = g_byte_array_new();
    return a;
}

GByteArray *aml_finish(Aml *a)
{
    GByteArray *out = a->out;

    g_assert(a->depth == 0);
    g_free(a);
    return out;
}

static void put(Aml *a, const void *data, size_t len)
{
    g_byte_array_append(a->out, data, len);
}

static void put_le(Aml *a, uint64_t val, unsigned bytes)
{
    val = GUINT64_TO_LE(val);
    put(a, &val, bytes);
}

static void insert(Aml *a, unsigned at, const void *data, unsigned len)
{
    unsigned old = a->out->len;

    g_byte_array_set_size(a->out, old + len);
    memmove(a->out->data + at + len, a->out->data + at, old - at);
    memcpy(a->out->data + at, data, len);
}

/* ---- frames ---- */

static void frame_begin(Aml *a, unsigned opcode)
{
    g_assert(a->depth < AML_MAX_DEPTH);
    aml_op(a, opcode);
    a->frame[a->depth++] = (AmlFrame){a->out->len, opcode == OP_BUFFER};
}

/* PkgLength (20.2.4): up to 63 in one byte; else its low four bits and one to three bytes more,
 * whose number is in the top two bits of the first. */
static unsigned pkg_length(uint8_t out[4], uint32_t body)
{
    unsigned more = body + 1 < 1 << 6 ? 0 : body + 2 < 1 << 12 ? 1 : body + 3 < 1 << 20 ? 2 : 3;
    uint32_t len = body + 1 + more;

    g_assert(len < 1 << 28);
    out[0] = more ? more << 6 | (len & 15) : len;
    for (unsigned i = 1; i <= more; i++) {
        out[i] = len >> (8 * i - 4);
    }
    return 1 + more;
}

void aml_end(Aml *a)
{
    g_assert(a->depth > 0);
    AmlFrame *f = &a->frame[--a->depth];
    uint8_t len[4];

    if (f->resources) {
        Aml size = {.out = g_byte_array_new()};

        put_le(a, 0x79, 2); /* EndTag, no checksum */
        aml_int(&size, a->out->len - f->start);
        insert(a, f->start, size.out->data, size.out->len);
        g_byte_array_free(size.out, TRUE);
    }
    unsigned n = pkg_length(len, a->out->len - f->start);
    insert(a, f->start, len, n);
}

void aml_scope_begin(Aml *a, const char *path)
{
    frame_begin(a, OP_SCOPE);
    aml_path(a, path);
}

void aml_device_begin(Aml *a, const char *name)
{
    frame_begin(a, OP_DEVICE);
    aml_path(a, name);
}

void aml_method_begin(Aml *a, const char *name, unsigned args, bool serialized)
{
    frame_begin(a, OP_METHOD);
    aml_path(a, name);
    put_le(a, args | (unsigned)serialized << 3, 1);
}

void aml_package_begin(Aml *a, unsigned elements)
{
    g_assert(elements < 256);
    frame_begin(a, OP_PACKAGE);
    put_le(a, elements, 1);
}

void aml_if_begin(Aml *a)
{
    frame_begin(a, OP_IF);
}

void aml_else_begin(Aml *a)
{
    frame_begin(a, OP_ELSE);
}

void aml_resources_begin(Aml *a)
{
    frame_begin(a, OP_BUFFER);
}

/* ---- terms ---- */

void aml_op(Aml *a, unsigned opcode)
{
    if (opcode > 0xff) {
        put_le(a, OP_EXT, 1);
    }
    put_le(a, opcode & 0xff, 1);
}

void aml_path(Aml *a, const char *path)
{
    unsigned segments = 1;

    if (*path == '\\') {
        put(a, path++, 1);
    }
    for (const char *p = path; *p; p++) {
        segments += *p == '.';
    }
    if (segments == 2) {
        put_le(a, OP_DUAL_NAME, 1);
    } else if (segments > 2) {
        put_le(a, OP_MULTI_NAME | segments << 8, 2);
    }
    while (*path) {
        size_t len = strcspn(path, ".");

        g_assert(len > 0 && len <= 4);
        put(a, path, len);
        put(a, "___", 4 - len);
        path += len + (path[len] == '.');
    }
}

void aml_name(Aml *a, const char *name)
{
    aml_op(a, OP_NAME);
    aml_path(a, name);
}

void aml_name_int(Aml *a, const char *name, uint64_t val)
{
    aml_name(a, name);
    aml_int(a, val);
}

void aml_name_string(Aml *a, const char *name, const char *text)
{
    aml_name(a, name);
    aml_string(a, text);
}

void aml_int(Aml *a, uint64_t val)
{
    unsigned bytes = val <= 1            ? 0
                     : val <= UINT8_MAX  ? 1
                     : val <= UINT16_MAX ? 2
                     : val <= UINT32_MAX ? 4
                                         : 8;
    static const uint8_t op[] = {[1] = OP_BYTE, [2] = OP_WORD, [4] = OP_DWORD, [8] = OP_QWORD};

    if (bytes == 0) {
        aml_op(a, val ? OP_ONE : OP_ZERO);
    } else {
        aml_op(a, op[bytes]);
        put_le(a, val, bytes);
    }
}

void aml_string(Aml *a, const char *text)
{
    aml_op(a, OP_STRING);
    put(a, text, strlen(text) + 1);
}

void aml_buffer(Aml *a, const void *data, size_t len)
{
    frame_begin(a, OP_BUFFER);
    a->frame[a->depth - 1].resources = false;
    aml_int(a, len);
    put(a, data, len);
    aml_end(a);
}

void aml_unicode(Aml *a, const char *ascii)
{
    size_t len = strlen(ascii) + 1;
    g_autofree uint8_t *text = g_malloc0(2 * len);

    for (size_t i = 0; i < len; i++) {
        text[2 * i] = ascii[i];
    }
    aml_buffer(a, text, 2 * len);
}

/* Three letters of five bits, four hexadecimal digits, most significant byte first. */
void aml_eisaid(Aml *a, const char *id)
{
    uint32_t val = 0;

    g_assert(strlen(id) == 7);
    for (unsigned i = 0; i < 3; i++) {
        val = val << 5 | (id[i] & 0x1f);
    }
    for (unsigned i = 3; i < 7; i++) {
        val = val << 4 | g_ascii_xdigit_value(id[i]);
    }
    aml_op(a, OP_DWORD);
    put_le(a, GUINT32_SWAP_LE_BE(val), 4);
}

void aml_uuid(Aml *a, const char *text)
{
    /* Where the bytes stand in the text: the first three fields are little-endian numbers. */
    static const uint8_t at[16] = {6, 4, 2, 0, 11, 9, 16, 14, 19, 21, 24, 26, 28, 30, 32, 34};
    uint8_t bytes[16];

    g_assert(strlen(text) == 36);
    for (unsigned i = 0; i < 16; i++) {
        bytes[i] = g_ascii_xdigit_value(text[at[i]]) << 4 | g_ascii_xdigit_value(text[at[i] + 1]);
    }
    aml_buffer(a, bytes, sizeof(bytes));
}

/* ---- resource descriptors (6.4.3) ---- */

static void descriptor(Aml *a, uint8_t tag, unsigned len)
{
    put_le(a, tag, 1);
    put_le(a, len, 2);
}

void aml_memory32_fixed(Aml *a, uint32_t base, uint32_t len)
{
    descriptor(a, 0x86, 9);
    put_le(a, 1, 1); /* read and write */
    put_le(a, base, 4);
    put_le(a, len, 4);
}

void aml_interrupt(Aml *a, uint32_t gsi)
{
    descriptor(a, 0x89, 6);
    put_le(a, 1, 1); /* consumer */
    put_le(a, 1, 1); /* in the table */
    put_le(a, gsi, 4);
}

void aml_window(Aml *a, AmlRange range, unsigned bits, uint64_t min, uint64_t len, uint64_t offset)
{
    /* Of the type: read and write; both halves of ISA space. */
    static const uint8_t specific[] = {
        [AML_RANGE_MEMORY] = 1, [AML_RANGE_IO] = 3, [AML_RANGE_BUS] = 0};
    unsigned n = bits / 8;

    descriptor(a, bits == 16 ? 0x88 : bits == 32 ? 0x87 : 0x8a, 3 + 5 * n);
    put_le(a, range, 1);
    put_le(a, 0x0c, 1); /* minimum and maximum are fixed; positive decode; producer */
    put_le(a, specific[range], 1);
    put_le(a, 0, n); /* granularity */
    put_le(a, min, n);
    put_le(a, min + len - 1, n);
    put_le(a, offset, n);
    put_le(a, len, n);
}

void aml_gpio_interrupt(Aml *a, const char *controller, uint16_t pin)
{
    const unsigned pins = 23, source = pins + 2, vendor = source + strlen(controller) + 1;

    descriptor(a, 0x8c, vendor - 3);
    put_le(a, 1, 1); /* revision */
    put_le(a, 0, 1); /* interrupt */
    put_le(a, 1, 2); /* consumer */
    put_le(a, 1, 2); /* edge, active high, exclusive */
    put_le(a, 1, 1); /* pull-up */
    put_le(a, 0, 2); /* drive strength */
    put_le(a, 0, 2); /* debounce */
    put_le(a, pins, 2);
    put_le(a, 0, 1); /* resource source index */
    put_le(a, source, 2);
    put_le(a, vendor, 2);
    put_le(a, 0, 2); /* length of vendor data */
    put_le(a, pin, 2);
    put(a, controller, strlen(controller) + 1);
}
