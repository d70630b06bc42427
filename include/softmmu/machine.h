/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * The machine: what the command line asked for, and the registries of boards and targets.
 *
 * main parses the options into a Machine, then calls desc->init(), which builds the board from it.
 * After that the fields are constant, except run state (its own lock). Requests (reset, shutdown,
 * ...) may come from any thread; they are carried out in the main loop's thread.
 *
 * Test: tests/cli/, tests/unit/test-machine.c
 */
#ifndef SOFTMMU_MACHINE_H
#define SOFTMMU_MACHINE_H

#include "io/chardev.h"
#include "rhea/error.h"
#include "softmmu/mainloop.h"
#include "softmmu/opts.h"
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

typedef struct Machine Machine;
typedef struct MachineDesc MachineDesc;
typedef struct GuestTarget GuestTarget;
struct PropDesc;     /* hw/core */
struct MemSystem;    /* softmmu/memory.h */
struct AddressSpace; /* softmmu/memory.h */
struct DeviceSet;    /* hw/device.h */
struct InputCore;    /* io/input.h */
struct Accel;        /* accel/accel.h */
struct RamBlock;     /* softmmu/memory.h */

#define MACHINE_MAX_SERIAL 8

/* -smp, completed and checked: cpus <= max_cpus = sockets * clusters * cores * threads. */
typedef struct SmpConfig {
    unsigned cpus, max_cpus;
    unsigned sockets, clusters, cores, threads;
} SmpConfig;

/* -rtc */
typedef struct RtcConfig {
    ClockType clock;     /* clock=host|rt|vm */
    int64_t base_offset; /* seconds to add to the clock's time to get what the guest's RTC shows */
    bool localtime;
    bool slew; /* driftfix=slew */
} RtcConfig;

struct Machine {
    const MachineDesc *desc;
    const GuestTarget *target;
    MainLoop *loop;
    Clocks *clocks;
    CharSet *chars;

    uint64_t ram_size; /* bytes */
    uint64_t ram_max;  /* maxmem=, at least ram_size */
    SmpConfig smp;
    RtcConfig rtc;
    const char *cpu_option; /* text of -cpu, or desc->default_cpu */
    void *cpu_config;       /* target->cpu_parse(cpu_option) */

    const char *firmware;                                 /* -bios; NULL: not given */
    const char *kernel, *initrd, *append, *dtb, *dumpdtb; /* NULL: not given */
    char *name;                                           /* -name, owned; NULL: not given */
    uint8_t uuid[16];
    bool uuid_set;
    bool no_defaults; /* -nodefaults */
    uint64_t seed;    /* -seed */
    bool seed_set;

    /* -machine properties that are the board's own (desc->props), already checked. */
    OptDict *props;
    Chardev *serial[MACHINE_MAX_SERIAL]; /* NULL: none */
    GPtrArray *devices;                  /* OptDict *: -device, in order; key "driver" */
    GPtrArray *drives;                   /* OptDict *: -drive, -blockdev is apart, in order */
    GPtrArray *blockdevs;                /* OptDict * */
    GPtrArray *netdevs;                  /* OptDict * */
    GPtrArray *nets;                     /* struct NetBackend *: netdevs, opened; or NULL */
    GPtrArray *objects;                  /* OptDict *: key "qom-type" */
    GPtrArray *iothreads;                /* struct IoThread *: those that are used; or NULL */
    GPtrArray *drive_uses;               /* struct DriveUse *: those that devices have; or NULL */
    GPtrArray *throttles;                /* struct ThrottleGroup *, as well */
    GPtrArray *globals;                  /* OptDict *: driver, property, value */
    GPtrArray *fw_cfg;                   /* OptDict *: -fw_cfg name=,file=|string= */
    GPtrArray *smbios;                   /* OptDict *: -smbios type=,... */
    GPtrArray *search_path;              /* char *: -L, then the built-in folders of firmware */

    const char *memory_backend;   /* id of the object that is the RAM; NULL: none */
    const char *mem_path;         /* -mem-path; NULL: not given */
    bool mem_prealloc;            /* -mem-prealloc */
    struct MemSystem *ms;         /* RAM and memory map: made before desc->init(), */
    struct AddressSpace *as;      /*   and what vCPUs and DMA see: desc->init() makes it */
    struct AddressSpace *load_as; /* where the loader puts files, if that is not `as`: as the secure
                                     world of a board sees memory; desc->init() makes it */
    struct DeviceSet *device_set; /* of hw/core */
    struct InputCore *input;      /* of io/input; NULL until something uses it */
    void *board;                  /* the board's own state */
    struct Accel *accel;          /* made before desc->init() */
    OptDict *accel_props;         /* -accel tcg,... */
    OptDict *boot;                /* -boot */
    int icount_shift;             /* -icount shift: 0..10; -1: off; -2: auto */
    bool icount_sleep;
    struct Semihost *semihost; /* NULL: off */
    GPtrArray *monitors;       /* struct Monitor * */
    struct Qmp *qmp;           /* NULL: no machine protocol */
    struct Loader *loader;     /* private to loader.c */
    struct RunState *run;      /* private to machine.c */
};

/* One board: a row made with RHEA_MACHINE(). */
struct MachineDesc {
    const char *name;        /* "virt" */
    const char *alias;       /* second name, or NULL */
    const char *arch;        /* GuestTarget.arch */
    const char *help;        /* "RISC-V VirtIO board" */
    const char *default_cpu; /* NULL: target->default_cpu */
    unsigned max_cpus;
    uint64_t default_ram; /* bytes */
    bool is_default;
    bool has_smbios;         /* takes -smbios */
    const char *default_nic; /* device of a network card that is there unless asked otherwise */
    bool no_cpu;             /* "none": no CPU, no RAM unless asked for */
    /* Builds the board; everything that can be wrong with the user's input is an error here. False
     * without an error: what was asked for is done (dumpdtb=), the program ends with status 0. */
    bool (*init)(Machine *m, GError **err);
    /* Called after the -device rows were made: device tree, boot ROM. May be NULL. As init. */
    bool (*finish)(Machine *m, GError **err);
    /* Properties of the board for -machine X,prop= (besides those common to all machines), in the
     * format of devices. */
    const struct PropDesc *(*props)(void);
    /* Checks and stores one property of the board's own; false with *err. */
    bool (*set_prop)(Machine *m, const char *key, const char *value, GError **err);
};

/* One guest architecture under one program name. */
struct GuestTarget {
    const char *name; /* "riscv64": program names *-system-riscv64 */
    const char *arch; /* "riscv": selects boards */
    unsigned bits;    /* 32 or 64 */
    bool big_endian;  /* as legacy virtio devices see the guest */
    const char *default_cpu;
    const struct TargetDesc *cpu;                      /* accel/cpu.h: for accel_cpu_new() */
    void (*cpu_help)(const GuestTarget *t, FILE *out); /* -cpu help */
    /* "model,feat=on,..." -> the target's own configuration, kept in Machine.cpu_config for the
     * board. */
    void *(*cpu_parse)(const GuestTarget *t, const char *text, GError **err);
};

/* Registries: pointers in a section of their own, so that a new board or target needs no list
 * elsewhere and costs nothing at start-up. */
#define RHEA_MACHINE(desc)                                                                         \
    static const MachineDesc *const desc##_row __attribute__((used, section("rhea_machines"))) =   \
        &(desc)
#define RHEA_TARGET(desc)                                                                          \
    static const GuestTarget *const desc##_row __attribute__((used, section("rhea_targets"))) =    \
        &(desc)

const MachineDesc *machine_desc_find(const GuestTarget *t, const char *name);
/* i from 0; NULL at the end. In no order. */
const MachineDesc *machine_desc_at(const GuestTarget *t, unsigned i);
const GuestTarget *target_find(const char *name);
const GuestTarget *target_at(unsigned i);

/* Full path of a firmware or data file: itself if it has a slash or exists, or below -L and the
 * built-in folders. NULL if there is none; the caller frees. */
char *machine_find_file(const Machine *m, const char *name);

/* --- life ------------------------------------------------------------------------------------ */

/* An empty machine on a loop. Frees: what the command line made; not the board. */
Machine *machine_new(MainLoop *loop);
void machine_free(Machine *m);

/* The main RAM of m->ram_size bytes, by memory-backend=, -mem-path, or anonymous. For desc->init().
 */
struct RamBlock *machine_new_ram(Machine *m, const char *name, GError **err);

/* --- run state ------------------------------------------------------------------------------- */

typedef enum ShutdownCause {
    SHUTDOWN_NONE,
    SHUTDOWN_HOST_ERROR,
    SHUTDOWN_HOST_QUIT, /* monitor, Ctrl-A x */
    SHUTDOWN_HOST_SIGNAL,
    SHUTDOWN_HOST_RESET, /* system_reset */
    SHUTDOWN_GUEST_POWEROFF,
    SHUTDOWN_GUEST_RESET,
    SHUTDOWN_GUEST_PANIC,
} ShutdownCause;

typedef enum RunPhase {
    RUN_PRELAUNCH, /* -S */
    RUN_RUNNING,
    RUN_PAUSED,
    RUN_SHUTDOWN, /* -no-shutdown, guest powered off */
    RUN_GUEST_PANICKED,
    RUN_INTERNAL_ERROR,
    RUN_IO_ERROR, /* a disk with werror=stop or rerror=stop failed */
    RUN_WATCHDOG, /* -action watchdog=pause */
} RunPhase;

/* Any thread; returns at once. The vCPU that asked goes on until the main loop pauses it, at the
 * latest at its next poll; a device that must not let it go on calls the accelerator as well. */
void machine_request_reset(Machine *m, ShutdownCause cause);
void machine_request_shutdown(Machine *m, ShutdownCause cause, int exit_code);
void machine_request_powerdown(Machine *m); /* the power button */
void machine_request_stop(Machine *m, RunPhase phase);
void machine_request_cont(Machine *m);
/* Carry out now what was requested. Main loop's thread, no lock held. */
void machine_settle(Machine *m);
RunPhase machine_phase(const Machine *m);

/* Programs that are at the machine protocol are told of it: the name of the event, its data (NULL:
 * it has none) in the words of json_add(). Any thread; at once on the main loop's. */
void machine_event(Machine *m, const char *name, const char *data, ...);

/* The guest panicked, or its watchdog ran out: does what -action says. */
void machine_guest_panicked(Machine *m);
void machine_watchdog_expired(Machine *m);

/* -action; the first value of each is the default. */
typedef struct RunActions {
    enum { REBOOT_RESET, REBOOT_SHUTDOWN } reboot;
    enum { SHUTDOWN_POWEROFF, SHUTDOWN_PAUSE } shutdown;
    enum { PANIC_SHUTDOWN, PANIC_PAUSE, PANIC_EXIT_FAILURE, PANIC_NONE } panic;
    enum {
        WATCHDOG_RESET,
        WATCHDOG_SHUTDOWN,
        WATCHDOG_POWEROFF,
        WATCHDOG_INJECT_NMI,
        WATCHDOG_PAUSE,
        WATCHDOG_DEBUG,
        WATCHDOG_NONE,
    } watchdog;
} RunActions;
/* Any thread. */
RunActions machine_actions(const Machine *m);
void machine_set_actions(Machine *m, const RunActions *a);

/* For main: reset everything, start (or stay paused, -S), run the loop until the end; returns the
 * exit status. */
int machine_run(Machine *m, bool paused);
/* After it: why it ended. */
ShutdownCause machine_end(const Machine *m);
/* "running", "paused", "paused (prelaunch)" ...: as `info status` says it. */
const char *machine_phase_name(const Machine *m);

/* Called at start-up and for every reset, in the order they were added, in the main loop's thread
 * with all vCPUs paused. The board adds its devices; the loader adds itself first, the accelerator
 * (vCPUs) last. */
typedef void MachineResetFn(void *opaque);
void machine_add_reset(Machine *m, MachineResetFn *fn, void *opaque);
/* Called when the power button is pressed. */
void machine_add_powerdown(Machine *m, void (*fn)(void *opaque), void *opaque);
/* Called in the main loop's thread on every change between running and not, vCPUs paused in both
 * cases. */
void machine_add_run_change(Machine *m, void (*fn)(void *opaque, bool running), void *opaque);
/* All of this opaque; for devices that go while the machine is there. */
void machine_remove_run_change(Machine *m, void *opaque);

#endif
