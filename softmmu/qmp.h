/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * The machine protocol (QMP): JSON commands, answers and events on a character device, for
 * programs. Names, arguments, answers, error classes and events are the reference's
 * ("QEMU QMP Reference Manual").
 *
 * All in the main loop's thread. Test: tests/qmp/
 */
#ifndef SOFTMMU_QMP_H
#define SOFTMMU_QMP_H

#include "softmmu/json.h"
#include "softmmu/machine.h"

typedef struct Qmp Qmp; /* of a machine: its sessions and block jobs */
struct QmpBlock;

/*
 * A command. args, ret: the types of its arguments and its answer (NULL: an empty object), in the
 * words of qmp-schema.c; run() gets arguments that are of them. It puts the answer, a JSON value,
 * into out (nothing: an empty object), or sets *err, whose class is GenericError unless it calls
 * qmp_error_class().
 */
typedef struct QmpCommand {
    const char *name, *args, *ret;
    bool (*run)(Qmp *q, OptDict *a, GString *out, GError **err);
} QmpCommand;
/* All there are: i from 0; NULL at the end. */
const QmpCommand *qmp_command_at(unsigned i);

/* One more session on chr. */
bool qmp_new(Machine *m, Chardev *chr, GError **err);
/* The machine has ended: says so to all sessions, ends all jobs, frees. */
void qmp_end(Machine *m);

Machine *qmp_machine(Qmp *q);
struct QmpBlock **qmp_block(Qmp *q);
/* data: a JSON object, or NULL. */
void qmp_event(Qmp *q, const char *name, const char *data);
void qmp_error_class(Qmp *q, const char *name);
bool qmp_arg_bool(OptDict *a, const char *key, bool otherwise);
bool qmp_arg_u64(OptDict *a, const char *key, uint64_t *out, GError **err);

/* qmp-schema.c */
bool qmp_schema_check(const QmpCommand *c, const OptDict *a, GError **err);
/* query-qmp-schema's answer. */
void qmp_schema_add(GString *out);

/* qmp-machine.c */
extern const QmpCommand qmp_machine_commands[];
/* Names of CPU models, NULL-terminated (g_strfreev()); the type of one; that of the machine. The
 * caller frees. */
char **qmp_cpu_models(const GuestTarget *t);
char *qmp_cpu_type(const GuestTarget *t, const char *model);
char *qmp_cpu_model(const Machine *m);

/* qmp-pci.c */
bool qmp_query_pci(Qmp *q, OptDict *a, GString *out, GError **err);

/* qmp-qom.c */
extern const QmpCommand qmp_qom_commands[];

/* qmp-block.c */
extern const QmpCommand qmp_block_commands[];
void qmp_block_end(Qmp *q);

#endif
