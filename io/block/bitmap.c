/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/* Dirty bitmaps. See include/io/bitmap.h. */
#include "io/bitmap.h"

#include <string.h>

#define WORD 64u

static uint64_t words_for(uint64_t size, uint64_t granularity)
{
    uint64_t bits = size / granularity + (size % granularity != 0);

    return bits / WORD + 1;
}

DirtyBitmap *bitmap_new(const char *name, uint64_t size, uint64_t granularity)
{
    DirtyBitmap *b = g_new0(DirtyBitmap, 1);

    b->name = g_strdup(name);
    b->size = size;
    b->granularity = granularity;
    b->n_words = words_for(size, granularity);
    b->words = g_new0(uint64_t, b->n_words);
    return b;
}

void bitmap_free(DirtyBitmap *b)
{
    if (b) {
        g_free(b->name);
        g_free(b->words);
        g_free(b);
    }
}

DirtyBitmap *bitmap_copy(const DirtyBitmap *b)
{
    DirtyBitmap *c = bitmap_new(NULL, b->size, b->granularity);

    memcpy(c->words, b->words, b->n_words * sizeof(b->words[0]));
    return c;
}

static uint64_t last_bit(const DirtyBitmap *b, uint64_t off, uint64_t len)
{
    return (MIN(off + len, b->size) - 1) / b->granularity;
}

void bitmap_set(DirtyBitmap *b, uint64_t off, uint64_t len)
{
    if (len == 0 || off >= b->size) {
        return;
    }
    for (uint64_t i = off / b->granularity, last = last_bit(b, off, len); i <= last; i++) {
        uint64_t bit = 1ull << i % WORD, *w = &b->words[i / WORD];

        if (!(__atomic_load_n(w, __ATOMIC_RELAXED) & bit)) {
            __atomic_fetch_or(w, bit, __ATOMIC_RELAXED);
        }
    }
}

static bool bit_is_set(const DirtyBitmap *b, uint64_t i)
{
    return __atomic_load_n(&b->words[i / WORD], __ATOMIC_RELAXED) >> i % WORD & 1;
}

bool bitmap_any(const DirtyBitmap *b, uint64_t off, uint64_t len)
{
    if (len == 0 || off >= b->size) {
        return false;
    }
    for (uint64_t i = off / b->granularity, last = last_bit(b, off, len); i <= last; i++) {
        if (bit_is_set(b, i)) {
            return true;
        }
    }
    return false;
}

void bitmap_clear(DirtyBitmap *b)
{
    memset(b->words, 0, b->n_words * sizeof(b->words[0]));
}

void bitmap_merge(DirtyBitmap *to, const DirtyBitmap *from)
{
    for (uint64_t w = 0; w < from->n_words; w++) {
        uint64_t word = __atomic_load_n(&from->words[w], __ATOMIC_RELAXED);

        for (; word; word &= word - 1) {
            uint64_t i = w * WORD + __builtin_ctzll(word);

            bitmap_set(to, i * from->granularity, from->granularity);
        }
    }
}

uint64_t bitmap_count(const DirtyBitmap *b)
{
    uint64_t bits = 0;

    for (uint64_t w = 0; w < b->n_words; w++) {
        bits += __builtin_popcountll(__atomic_load_n(&b->words[w], __ATOMIC_RELAXED));
    }
    return MIN(bits * b->granularity, b->size);
}

void bitmaps_mark(DirtyBitmap *list, uint64_t off, uint64_t len)
{
    for (DirtyBitmap *b = list; b; b = b->next) {
        if (b->enabled) {
            bitmap_set(b, off, len);
        }
    }
}

void bitmaps_resize(DirtyBitmap *list, uint64_t size)
{
    for (DirtyBitmap *b = list; b; b = b->next) {
        uint64_t n = words_for(size, b->granularity), old = b->size;

        b->words = g_renew(uint64_t, b->words, n);
        for (uint64_t w = b->n_words; w < n; w++) {
            b->words[w] = 0;
        }
        b->n_words = n;
        b->size = size;
        for (uint64_t i = size / b->granularity + (size % b->granularity != 0);
             size < old && i < n * WORD; i++) {
            b->words[i / WORD] &= ~(1ull << i % WORD);
        }
    }
}

void bitmaps_free(DirtyBitmap *list)
{
    while (list) {
        DirtyBitmap *next = list->next;

        bitmap_free(list);
        list = next;
    }
}

DirtyBitmap *bitmap_find(DirtyBitmap *list, const char *name)
{
    while (list && strcmp(list->name, name)) {
        list = list->next;
    }
    return list;
}
