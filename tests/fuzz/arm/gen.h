/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * Random Arm code from the INSN rows, for armfuzz: code that stays in its block and in its data
 * (see fuzz_state.h), and that the manual defines.
 */
#ifndef RHEA_FUZZ_GEN_H
#define RHEA_FUZZ_GEN_H

#include <glib.h>
#include "target/arm/a32.h"
#include "target/arm/vfp.h"

typedef enum GenIsa { GEN_A64, GEN_A32, GEN_T32 } GenIsa;

typedef struct GenRow {
    const InsnRow *row;
    unsigned id;
    bool vfp; /* of VFP and Advanced SIMD in AArch32: encodings are A32's */
} GenRow;

enum { GEN_MAX_ITEMS = 256, GEN_MAX_BYTES = 8192 };

/* A block. Items are what branches may go to: an instruction, or a few that belong together. */
typedef struct GenCode {
    GenIsa isa;
    unsigned bytes, items;
    uint8_t code[GEN_MAX_BYTES];
    uint16_t starts[GEN_MAX_ITEMS];
    unsigned nbranches;
    struct {
        uint16_t at;
        uint8_t kind;
    } branches[GEN_MAX_ITEMS];
} GenCode;

/* Rows of these names, or in files of these names; no names: all. */
GArray *gen_rows(GenIsa isa, const GPtrArray *only);
/* One item of one of the rows. */
void gen_item(GenCode *g, const GArray *rows, uint64_t *s);
/* `length` items; branches among them if it says so. The end of the block, UDF, is included. */
void gen_block(GenCode *g, GenIsa isa, const GArray *rows, bool branches, unsigned length,
               uint64_t *s);
/* Words with these bits, one in a block. False: one that this program cannot hold. */
bool gen_word(GenCode *g, GenIsa isa, uint32_t match, uint32_t mask, uint64_t *s);
/* The same code with UDF in the place of each item from this one on. */
void gen_cut(GenCode *out, const GenCode *g, unsigned item);
/* What decodes the instruction at p: NULL if nothing does. *w: in the form of its row. */
const InsnRow *gen_decode(GenIsa isa, const uint8_t *p, uint32_t *w, unsigned *bytes);
unsigned gen_udf_bytes(GenIsa isa);
/* May instructions of the row change memory? */
bool gen_row_stores(const GenRow *r);
static inline bool gen_aarch32(GenIsa isa)
{
    return isa != GEN_A64;
}

#endif
