/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * The command line between parsing and the machine (softmmu only).
 *
 * vl.c has the option table and fills a CommandLine; vl-config.c turns the parts with a grammar of
 * their own into fields of the Machine; os.c has what concerns the process: signals, -daemonize,
 * -pidfile.
 */
#ifndef SOFTMMU_VL_H
#define SOFTMMU_VL_H

#include "softmmu/machine.h"

struct Monitor;

int rhea_main(int argc, char **argv);
/* vl.c: options as the protocol names them, with what -help shows as their argument, or NULL: i
 * from 0; false at the end. */
bool vl_option_at(unsigned i, const char **name, const char **arg);

typedef struct CommandLine {
    Machine *m;
    const char *where; /* the option being handled, as typed: "-m foo" */
    int status;        /* of the program when a handler ends it without an error */

    OptDict *machine_opts;  /* all -machine and -M, merged */
    OptDict *smp;           /* all -smp, merged; NULL: none */
    OptDict *accel;         /* -accel; NULL: none */
    bool perfmap, jitdump;
    GPtrArray *accel_names; /* char *: in the order of preference */
    OptDict *memory, *rtc, *icount;
    OptDict *semihosting; /* -semihosting, all -semihosting-config; NULL: off */
    RunActions actions;

    GPtrArray *chardevs;                       /* OptDict * */
    GPtrArray *serials, *parallels, *monitors; /* ShortChardev * */
    GPtrArray *qmps;                           /* ShortChardev *: -qmp */
    GPtrArray *mons;                           /* OptDict *: -mon */
    const char *log_items, *log_file, *log_filter;
    const char *pidfile;
    int escape;
    bool nographic, display, paused, daemonize, snapshot;
    bool msg_timestamp, msg_guest_name;
    bool show_machines, show_cpus, show_machine_props;
    GPtrArray *old_nics, *old_nets; /* OptDict *: -net nic, -net of a back end; NULL: none */
    unsigned n_cards;               /* rows of -nic and -net at the start of Machine.devices */
    bool net_given;                 /* -netdev, -nic or -net was there */
} CommandLine;

/* -serial, -parallel, -monitor: one argument and where it stood. */
typedef struct ShortChardev {
    const char *text;
    char *where;
} ShortChardev;

/* --- vl-config.c: each is called once, after all options are known; errors carry their own
 * location --- */

bool config_smp(CommandLine *c, GError **err);
bool config_memory(CommandLine *c, GError **err);
bool config_rtc(CommandLine *c, GError **err);
bool config_icount(CommandLine *c, GError **err);
bool config_accel(CommandLine *c, GError **err);
/* Properties of -machine; false without *err: help was printed. */
bool config_machine_props(CommandLine *c, GError **err);
void config_print_machines(const GuestTarget *t);
/* -boot: at once. */
bool config_boot(Machine *m, OptDict *d, GError **err);
/* -action: at once. */
bool config_action(RunActions *a, OptDict *d, GError **err);
bool config_uuid(Machine *m, const char *text, GError **err);
/* -object: kinds that exist, checked at once. */
bool config_object(Machine *m, OptDict *d, GError **err);
void config_print_objects(void);
/* Those kinds, and the keys of one with their types ("string", "bool", "int"): i from 0; NULL at
 * the end. */
const char *config_object_kind_at(unsigned i);
const char *config_object_key_at(unsigned kind, unsigned i, const char **type);

/* vl-drive.c: checks -drive and -blockdev, adds the -device rows that they imply. */
bool config_drives(CommandLine *c, GError **err);
/* One node of Machine.blockdevs, or to be added there. */
bool config_blockdev(Machine *m, OptDict *d, GError **err);

/* vl-char.c, in the order in which they are made */
bool config_chardevs(CommandLine *c, GError **err);
bool config_mons(CommandLine *c, GError **err);
bool config_qmps(CommandLine *c, GError **err);
/* What is not given as well: with -nographic one console for serial port and monitor, otherwise
 * none that is seen. */
bool config_consoles(CommandLine *c, GError **err);

/* vl-fs.c: -fsdev and -virtfs, at once; they take d. */
bool config_fsdev(CommandLine *c, OptDict *d, GError **err);
bool config_virtfs(CommandLine *c, OptDict *d, GError **err);

/* --- os.c ------------------------------------------------------------------------------------ */

/* Fork; the parent waits and ends with the child's status once it has told it (os_daemonize_done())
 * or died. */
bool os_daemonize(GError **err);
void os_daemonize_done(void);
/* Locked and written; removed by os_remove_pidfile(). */
bool os_create_pidfile(const char *path, GError **err);
void os_remove_pidfile(void);
/* SIGINT, SIGTERM, SIGHUP end the machine. */
void os_install_signals(Machine *m);
/* What a signal wants said at the end, if it was one. */
void os_report_signal(void);
bool os_lock_memory(bool on_fault, GError **err);

/* --- monitor.c ------------------------------------------------------------------------------- */

/* A human monitor on chr. */
bool monitor_new(Machine *m, Chardev *chr, GError **err);
void monitor_free(struct Monitor *mon);
/* What the human monitor answers to a command about that CPU; the caller frees. */
char *monitor_run(Machine *m, const char *command, unsigned cpu);

/* --- vl-net.c: -nic and -net take d; the rest once all options are known --- */

bool config_nic(CommandLine *c, OptDict *d, GError **err);
bool config_net_old(CommandLine *c, OptDict *d, GError **err);
bool config_net(CommandLine *c, GError **err);
/* After the devices were made: warns of back ends that nobody uses. */
void config_net_check(const Machine *m);

#endif
