/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * A device's state list at work: reset values and snapshots.
 *
 * Stream of one device, all numbers little-endian:
 *     name, u32 version, u32 number of fields, fields
 *     field:  name, u8 element size (0: structs), u32 count, then count elements;
 *             an element that is a struct is u32 number of fields, fields
 *     name:   u8 length, bytes
 * Nothing in a stream is trusted. Called with the device's lock held.
 *
 * Test: tests/unit/test-device-snapshot.c
 */
#include "hw/core/private.h"
#include "rhea/error.h"

#include <string.h>

static void *field_data(const StateField *f, void *obj, uint32_t *count)
{
    uint8_t *p = (uint8_t *)obj + f->offset;

    if (f->count_offset) {
        *count = *(uint32_t *)((uint8_t *)obj + f->count_offset);
        return *(void **)p;
    }
    *count = f->count;
    return p;
}

uint64_t int_load(const void *p, unsigned size)
{
    uint64_t val = 0;

    switch (size) {
    case 1:
        return *(const uint8_t *)p;
    case 2:
        return *(const uint16_t *)p;
    case 4:
        return *(const uint32_t *)p;
    case 8:
        return *(const uint64_t *)p;
    }
    return val;
}

void int_store(void *p, unsigned size, uint64_t val)
{
    switch (size) {
    case 1:
        *(uint8_t *)p = val;
        break;
    case 2:
        *(uint16_t *)p = val;
        break;
    case 4:
        *(uint32_t *)p = val;
        break;
    case 8:
        *(uint64_t *)p = val;
        break;
    }
}

void state_reset(StateTable *table, void *obj)
{
    state_reset_from(table, obj, NULL);
}

void state_reset_from(StateTable *table, void *obj, const char *first)
{
    unsigned n, i = 0;
    const StateField *fields = table(&n);

    while (first && i < n && strcmp(fields[i].name, first) != 0) {
        i++;
    }
    for (; i < n; i++) {
        const StateField *f = &fields[i];
        uint32_t count;
        uint8_t *p = field_data(f, obj, &count);

        if (f->kind == STATE_STRUCT) {
            for (uint32_t e = 0; e < count; e++) {
                state_reset(f->sub, p + (size_t)e * f->elem_size);
            }
        } else if (f->reset == 0) {
            if (count) {
                memset(p, 0, (size_t)count * f->elem_size);
            }
        } else if (f->reset != KEEP) {
            for (uint32_t e = 0; e < count; e++) {
                int_store(p + (size_t)e * f->elem_size, f->elem_size, f->reset);
            }
        }
    }
}

void state_alloc(StateTable *table, void *obj)
{
    unsigned n;
    const StateField *fields = table(&n);

    for (unsigned i = 0; i < n; i++) {
        const StateField *f = &fields[i];

        if (f->count_offset) {
            uint32_t count = *(uint32_t *)((uint8_t *)obj + f->count_offset);
            void **p = (void **)((uint8_t *)obj + f->offset);

            *p = *p ? *p : g_malloc0_n(count, f->elem_size);
        } else if (f->kind == STATE_STRUCT) {
            for (uint32_t e = 0; e < f->count; e++) {
                state_alloc(f->sub, (uint8_t *)obj + f->offset + (size_t)e * f->elem_size);
            }
        }
    }
}

void state_free(StateTable *table, void *obj)
{
    unsigned n;
    const StateField *fields = table(&n);

    for (unsigned i = 0; i < n; i++) {
        const StateField *f = &fields[i];
        uint32_t count;
        uint8_t *p = field_data(f, obj, &count);

        for (uint32_t e = 0; f->kind == STATE_STRUCT && p && e < count; e++) {
            state_free(f->sub, p + (size_t)e * f->elem_size);
        }
        if (f->count_offset) {
            g_free(p);
        }
    }
}

/* ---- save ---- */

static void put_int(GByteArray *out, uint64_t val, unsigned size)
{
    uint64_t le = GUINT64_TO_LE(val);

    g_byte_array_append(out, (const guint8 *)&le, size);
}

static void put_name(GByteArray *out, const char *name)
{
    size_t len = strlen(name);

    g_assert(len < 256);
    put_int(out, len, 1);
    g_byte_array_append(out, (const guint8 *)name, len);
}

static void put_fields(GByteArray *out, StateTable *table, void *obj)
{
    unsigned n;
    const StateField *fields = table(&n);

    put_int(out, n, 4);
    for (unsigned i = 0; i < n; i++) {
        const StateField *f = &fields[i];
        uint32_t count;
        const uint8_t *p = field_data(f, obj, &count);

        put_name(out, f->name);
        put_int(out, f->kind == STATE_STRUCT ? 0 : f->elem_size, 1);
        put_int(out, count, 4);
        for (uint32_t e = 0; e < count; e++, p += f->elem_size) {
            if (f->kind == STATE_STRUCT) {
                put_fields(out, f->sub, (void *)p);
            } else {
                put_int(out, int_load(p, f->elem_size), f->elem_size);
            }
        }
    }
}

void state_save(const char *name, unsigned version, StateTable *table, void *obj, GByteArray *out)
{
    put_name(out, name);
    put_int(out, version, 4);
    put_fields(out, table, obj);
}

/* ---- load ---- */

typedef struct Stream {
    const uint8_t *p;
    size_t len;
    bool bad; /* ended too early */
} Stream;

static uint64_t get_int(Stream *s, unsigned size)
{
    uint64_t le = 0;

    if (s->len < size) {
        s->bad = true;
        s->len = 0;
        return 0;
    }
    memcpy(&le, s->p, size);
    s->p += size;
    s->len -= size;
    return GUINT64_FROM_LE(le);
}

/* name must hold 256 bytes. */
static void get_name(Stream *s, char *name)
{
    size_t len = get_int(s, 1);

    if (s->len < len) {
        s->bad = true;
        s->len = len = 0;
    }
    memcpy(name, s->p, len);
    name[len] = 0;
    s->p += len;
    s->len -= len;
}

static bool get_fields(Stream *s, StateTable *table, void *obj, bool same_version, GError **err)
{
    unsigned n;
    const StateField *fields = table(&n);
    uint32_t n_stream = get_int(s, 4);

    if (s->bad || n_stream > n || (same_version && n_stream != n)) {
        rhea_error_set(err, "snapshot: %u fields where %u are known", n_stream, n);
        return false;
    }
    for (uint32_t i = 0; i < n_stream; i++) {
        char name[256];
        const StateField *f = NULL;
        uint32_t count;

        get_name(s, name);
        for (unsigned k = 0; k < n; k++) {
            /* Streams of the same version come in order, so the first try hits. */
            const StateField *try = &fields[(i + k) % n];

            if (strcmp(try->name, name) == 0) {
                f = try;
                break;
            }
        }
        unsigned elem = get_int(s, 1);
        uint32_t n_elem = get_int(s, 4);
        if (!f || s->bad) {
            rhea_error_set(err,
                           s->bad ? "snapshot: ends too early at field '%s'"
                                  : "snapshot: unknown field '%s'",
                           name);
            return false;
        }
        uint8_t *p = field_data(f, obj, &count);
        if (elem != (f->kind == STATE_STRUCT ? 0 : f->elem_size) || n_elem != count) {
            rhea_error_set(err, "snapshot: field '%s' has another size", name);
            return false;
        }
        for (uint32_t e = 0; e < count; e++, p += f->elem_size) {
            if (f->kind == STATE_STRUCT) {
                if (!get_fields(s, f->sub, p, same_version, err)) {
                    return false;
                }
                continue;
            }
            uint64_t val = get_int(s, f->elem_size);
            if (f->is_bool && val > 1) {
                rhea_error_set(err, "snapshot: field '%s' is no truth value", name);
                return false;
            }
            int_store(p, f->elem_size, val);
        }
    }
    if (s->bad) {
        rhea_error_set(err, "snapshot: ends too early");
    }
    return !s->bad;
}

bool state_load(const char *name, unsigned version, StateTable *table, void *obj,
                const uint8_t **data, size_t *len, GError **err)
{
    Stream s = {*data, *len, false};
    char found[256];

    get_name(&s, found);
    uint32_t found_version = get_int(&s, 4);
    if (s.bad || strcmp(found, name) != 0) {
        rhea_error_set(err, "snapshot: device '%s' where '%s' is due", found, name);
        return false;
    }
    if (found_version > version) {
        rhea_error_set(err, "snapshot: version %u is newer than %u", found_version, version);
        return false;
    }
    if (!get_fields(&s, table, obj, found_version == version, err)) {
        return false;
    }
    *data = s.p;
    *len = s.len;
    return true;
}
