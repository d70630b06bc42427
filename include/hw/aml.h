/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * A writer of ACPI Machine Language: ACPI specification 6.4, chapter 20 (encoding), 6.4 (resource
 * descriptors).
 *
 * Terms are written in the order in which they stand in the table. Those with a length are opened
 * by aml_*_begin() and closed by aml_end(), which puts in the length (and the size of a buffer)
 * when it is known. An operator takes as its operands the terms that are written behind it.
 *
 * Any one thread. Test: tests/unit/test-acpi.c
 */
#ifndef HW_AML_H
#define HW_AML_H

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct Aml Aml;

/* Opcodes for aml_op() (20.3); those above 0xff are extended ones, 0x5b before the low byte. */
enum {
    AML_CREATE_DWORD_FIELD = 0x8a,
    AML_LOCAL0 = 0x60,
    AML_ARG0 = 0x68,
    AML_ARG1 = 0x69,
    AML_ARG2 = 0x6a,
    AML_ARG3 = 0x6b,
    AML_STORE = 0x70,
    AML_AND = 0x7b,
    AML_OR = 0x7d,
    AML_NOTIFY = 0x86,
    AML_NOT = 0x92,
    AML_EQUAL = 0x93,
    AML_RETURN = 0xa4,
};

Aml *aml_new(void);
/* The encoded terms; ends the writer. All that was opened is closed. */
GByteArray *aml_finish(Aml *a);

/* ---- terms with a length ---- */

void aml_scope_begin(Aml *a, const char *path);
void aml_device_begin(Aml *a, const char *name);
void aml_method_begin(Aml *a, const char *name, unsigned args, bool serialized);
void aml_package_begin(Aml *a, unsigned elements);
void aml_if_begin(Aml *a);
void aml_else_begin(Aml *a);
/* A buffer that is a resource template; its end tag comes with aml_end(). */
void aml_resources_begin(Aml *a);
void aml_end(Aml *a);

/* ---- terms ---- */

/* Name(name, ...): the value is the term behind it. */
void aml_name(Aml *a, const char *name);
void aml_name_int(Aml *a, const char *name, uint64_t val);
void aml_name_string(Aml *a, const char *name, const char *text);
void aml_op(Aml *a, unsigned opcode);
/* A name string: segments of up to four characters with dots between, a backslash before. */
void aml_path(Aml *a, const char *path);
void aml_int(Aml *a, uint64_t val);
void aml_string(Aml *a, const char *text);
void aml_buffer(Aml *a, const void *data, size_t len);
void aml_unicode(Aml *a, const char *ascii);
/* "PNP0A08" as a number (5.6.7 of the EISA specification; 19.3.4). */
void aml_eisaid(Aml *a, const char *id);
/* "33db4d5b-1ff7-401c-9657-7441c03dd766" as a buffer of 16 bytes (19.6.142). */
void aml_uuid(Aml *a, const char *text);

/* ---- resource descriptors, between aml_resources_begin() and aml_end() ---- */

typedef enum { AML_RANGE_MEMORY, AML_RANGE_IO, AML_RANGE_BUS } AmlRange;

void aml_memory32_fixed(Aml *a, uint32_t base, uint32_t len);
/* ExtendedInterrupt of a consumer: level, active high, exclusive. */
void aml_interrupt(Aml *a, uint32_t gsi);
/* Windows that a bridge passes on, [min, min + len), of memory that is not cacheable, of ports or
 * of bus numbers; bits is the size of the descriptor's fields: 16, 32, 64. The other side of the
 * bridge sees min, this side min + offset. */
void aml_window(Aml *a, AmlRange range, unsigned bits, uint64_t min, uint64_t len, uint64_t offset);
/* GpioInt of one pin of the controller: rising edge, exclusive, pull-up. */
void aml_gpio_interrupt(Aml *a, const char *controller, uint16_t pin);

#endif
