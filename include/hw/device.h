/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * The device framework: a device is one file with four tables and the functions they name.
 * docs/add-a-device.md walks through one; hw/rtc/goldfish_rtc.c is the one to copy.
 *
 *   STATE   what the guest can change: becomes the struct, the reset values and the snapshot
 *   REGS    the register map: becomes dispatch, access checks, guest-error log and trace
 *   PROPS   what the user or the board sets: becomes parsing, -device X,help and defaults
 *   DEVICE  name, description, bus, and the hooks
 *
 * Life: device_new() (all zero, property defaults) -> properties set -> device_realize() (checks
 * properties, makes regions and lines; reset values are in place afterwards) -> mapped by the board
 * -> device_reset(), MMIO, save and load, any number of times -> device_free().
 *
 * Locks: every device has a lock. MMIO callbacks, reset, pre_save and post_load are called with it
 * held. Timer and chardev callbacks take it themselves with device_lock(). Nothing waits for
 * anything while it holds a device lock, and no device lock is taken while another is held; an
 * interrupt controller's lock may be (that is what its IrqHandlers take), see softmmu/memory.h.
 */
#ifndef HW_DEVICE_H
#define HW_DEVICE_H

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "hw/irq.h"
#include "softmmu/memory.h"

typedef struct Device Device;
typedef struct DeviceBus DeviceBus;
typedef struct DeviceClass DeviceClass;
typedef struct Machine Machine; /* softmmu/machine.h */
typedef struct Chardev Chardev; /* io/chardev.h */
typedef struct OptDict OptDict; /* softmmu/opts.h */

/* ------------------------------------------------------------------------------------------ */
/*
 * STATE(prefix, Type, LIST, more members...) makes
 *     typedef struct Type { Device dev; <fields of the list> <more members> } Type;
 * and the table that reset and snapshots go by. The list is an X-macro of these rows:
 *     F(type, name, reset)           one integer or bool
 *     A(type, name, count, reset)    an array of them
 *     D(type, name, count, reset)    a pointer to an array, its length in the member `count`
 *                                    (uint32_t, one of the "more members"); realize() sets that
 *                                    and calls device_state_alloc()
 *     N(Type, name, count, prefix)   an array of structs that have a SUBSTATE() of their own
 * STATE_PARTS(prefix, Type, LIST, PartType, part, count, part_prefix, more members...) adds a
 * pointer `part` to an array of PartType, a SUBSTATE(), with its length in the member `count`, as
 * with D(). A reset value KEEP means that reset leaves the field alone (it starts at 0). "More
 * members" are what a snapshot does not hold: lines, timers, properties, host handles.
 */
typedef enum { STATE_INT, STATE_INT_DYNAMIC, STATE_STRUCT } StateKind;

typedef struct StateField StateField;
typedef const StateField *StateTable(unsigned *n_fields);

struct StateField {
    const char *name;
    StateKind kind;
    uint32_t offset;    /* in the struct */
    uint32_t elem_size; /* bytes of one element */
    bool is_bool;
    uint32_t count;        /* elements */
    uint32_t count_offset; /* not 0: the field is a pointer; of the uint32_t that is its count */
    uint64_t reset;
    StateTable *sub; /* STATE_STRUCT */
};

/* The list of a device that has nothing to remember. */
#define NO_STATE(F, A, D, N)

#define KEEP UINT64_C(0x4b454550a55a1234)

#define STATE_DECL_F(type, name, reset)        type name;
#define STATE_DECL_A(type, name, count, reset) type name[count];
#define STATE_DECL_D(type, name, count, reset) type *name;
#define STATE_DECL_N(type, name, count, sub)   type name[count];
#define STATE_INT_SIZE(x)                                                                          \
    (sizeof(char[_Generic((x), bool : 1, uint8_t : 1, uint16_t : 1, uint32_t : 1, uint64_t : 1,    \
                          int8_t : 1, int16_t : 1, int32_t : 1, int64_t : 1, default               \
                          : -1)]) *                                                                \
     sizeof(x))
#define STATE_IS_BOOL(x) _Generic((x), bool : true, default : false)
#define STATE_ROW(member, elem, ...)                                                               \
    {.name = #member,                                                                              \
     .offset = offsetof(Self, member),                                                             \
     .elem_size = STATE_INT_SIZE(((Self *)0)->elem),                                               \
     .is_bool = STATE_IS_BOOL(((Self *)0)->elem),                                                  \
     __VA_ARGS__},
#define STATE_ROW_F(type, member, value)                                                           \
    STATE_ROW(member, member, .kind = STATE_INT, .count = 1, .reset = (uint64_t)(value))
#define STATE_ROW_A(type, member, n, value)                                                        \
    STATE_ROW(member, member[0], .kind = STATE_INT, .count = (n), .reset = (uint64_t)(value))
#define STATE_ROW_D(type, member, n, value)                                                        \
    STATE_ROW(member, member[0], .kind = STATE_INT_DYNAMIC, .count_offset = offsetof(Self, n),     \
              .reset = (uint64_t)(value))
#define STATE_ROW_N(type, member, n, prefix)                                                       \
    {.name = #member,                                                                              \
     .kind = STATE_STRUCT,                                                                         \
     .offset = offsetof(Self, member),                                                             \
     .elem_size = sizeof(type),                                                                    \
     .count = (n),                                                                                 \
     .sub = prefix##_state},

#define STATE_TABLE(prefix, Type, LIST)                                                            \
    static const StateField *prefix##_state(unsigned *n_fields)                                    \
    {                                                                                              \
        typedef Type Self G_GNUC_UNUSED;                                                           \
        static const StateField rows[] = {                                                         \
            LIST(STATE_ROW_F, STATE_ROW_A, STATE_ROW_D, STATE_ROW_N)};                             \
        *n_fields = G_N_ELEMENTS(rows);                                                            \
        return rows;                                                                               \
    }
#define STATE(prefix, Type, LIST, ...)                                                             \
    typedef struct Type {                                                                          \
        Device dev;                                                                                \
        LIST(STATE_DECL_F, STATE_DECL_A, STATE_DECL_D, STATE_DECL_N)                               \
        __VA_ARGS__                                                                                \
    } Type;                                                                                        \
    G_GNUC_UNUSED STATE_TABLE(prefix, Type, LIST)
#define STATE_PARTS(prefix, Type, LIST, Part, part, n, part_prefix, ...)                           \
    typedef struct Type {                                                                          \
        Device dev;                                                                                \
        LIST(STATE_DECL_F, STATE_DECL_A, STATE_DECL_D, STATE_DECL_N)                               \
        Part *part;                                                                                \
        __VA_ARGS__                                                                                \
    } Type;                                                                                        \
    G_GNUC_UNUSED static const StateField *prefix##_state(unsigned *n_fields)                      \
    {                                                                                              \
        typedef Type Self G_GNUC_UNUSED;                                                           \
        static const StateField rows[] = {LIST(STATE_ROW_F, STATE_ROW_A, STATE_ROW_D,              \
                                               STATE_ROW_N){.name = #part,                         \
                                                            .kind = STATE_STRUCT,                  \
                                                            .offset = offsetof(Self, part),        \
                                                            .elem_size = sizeof(Part),             \
                                                            .count_offset = offsetof(Self, n),     \
                                                            .sub = part_prefix##_state}};          \
        *n_fields = G_N_ELEMENTS(rows);                                                            \
        return rows;                                                                               \
    }
/* A struct inside a device's state; may stand in a header (then the table is made in each user). */
#define SUBSTATE(prefix, Type, LIST, ...)                                                          \
    typedef struct Type {                                                                          \
        LIST(STATE_DECL_F, STATE_DECL_A, STATE_DECL_D, STATE_DECL_N)                               \
        __VA_ARGS__                                                                                \
    } Type;                                                                                        \
    G_GNUC_UNUSED STATE_TABLE(prefix, Type, LIST)

/* ------------------------------------------------------------------------------------------ */
/*
 * REGS(prefix, Type, rows...), rows in ascending order of offset:
 *     REG(NAME, offset, size, access, ...designated initialisers of DeviceReg...)
 * An access that hits no row, or one with the wrong size or direction, is logged as a guest error;
 * it reads 0 and writes nothing. Hooks get the device (void *, so that they can name its type) and
 * the number of the element (0 unless .count).
 */
typedef enum {
    REG_RO, /* writes are logged and ignored */
    REG_WO, /* reads are logged and give 0 */
    REG_RW,
    REG_W1C, /* a 1 that is written clears the bit */
    REG_W1S, /* a 1 that is written sets the bit */
    REG_RZ,  /* reserved: reads 0, writes ignored, nothing is logged */
} RegAccess;

typedef struct DeviceReg {
    const char *name; /* as in the manual */
    uint32_t offset;  /* of element 0, in bytes from the start of the bank */
    uint8_t size;     /* bytes: 1, 2, 4, 8 */
    RegAccess access;
    uint32_t count;  /* elements of an array of registers; 0: 1 */
    uint32_t stride; /* bytes from element to element; 0: size */
    uint32_t limit;  /* FIELD() of a uint32_t: how many of the count exist in this instance */
    uint32_t field;  /* where the value lives, if no hook says otherwise: IN(), IN_ARRAY(),
                        IN_DYNAMIC(); 0: nowhere */
    uint8_t field_size;
    bool field_pointer;
    bool split;     /* naturally aligned pieces of the register may be accessed as well */
    bool read_acts; /* .read has an effect (it takes from a FIFO): never called for a write */
    uint64_t mask;  /* bits that can be written, 0: all */
    uint64_t (*read)(void *dev, unsigned i);            /* instead of the field */
    void (*write)(void *dev, unsigned i, uint64_t val); /* instead of the field; val unmasked */
    void (*after)(void *dev, unsigned i);               /* after the field was written */
} DeviceReg;

typedef const DeviceReg *RegTable(unsigned *n_regs);

#define FIELD(member) offsetof(Self, member)
/* The register is this scalar of the state; */
#define IN(member)    .field = offsetof(Self, member), .field_size = sizeof(((Self *)0)->member)
/* register i is element i of this array; */
#define IN_ARRAY(member)                                                                           \
    .field = offsetof(Self, member), .field_size = sizeof(((Self *)0)->member[0])
/* the same for a D() array. */
#define IN_DYNAMIC(member) IN_ARRAY(member), .field_pointer = true
#define REG(NAME, OFFSET, SIZE, ACCESS, ...)                                                       \
    {                                                                                              \
        .name = #NAME, .offset = (OFFSET), .size = (SIZE), .access = REG_##ACCESS, __VA_ARGS__     \
    }
#define REGS(prefix, Type, ...)                                                                    \
    static const DeviceReg *prefix##_regs(unsigned *n_regs)                                        \
    {                                                                                              \
        typedef Type Self G_GNUC_UNUSED;                                                           \
        static const DeviceReg rows[] = {__VA_ARGS__};                                             \
        *n_regs = G_N_ELEMENTS(rows);                                                              \
        return rows;                                                                               \
    }

/* ------------------------------------------------------------------------------------------ */
/*
 * PROPS(prefix, Type, rows...), rows
 *     PROP("name", KIND, member, "default" or NULL, PUBLIC or INTERNAL, "one line of help")
 * The default is written as the user would write it; NULL is zero, false or no string. INTERNAL
 * ones are for boards: they cannot be given on the command line.
 */
typedef enum {
    PROP_KIND_BOOL, /* bool: on|off */
    PROP_KIND_U8,   /* uint8_t */
    PROP_KIND_U16,
    PROP_KIND_U32,
    PROP_KIND_U64,
    PROP_KIND_I32, /* int32_t */
    PROP_KIND_I64,
    PROP_KIND_SIZE,      /* uint64_t bytes, with suffix */
    PROP_KIND_STRING,    /* char *, owned by the device */
    PROP_KIND_CHARDEV,   /* Chardev *: the id of a -chardev */
    PROP_KIND_DRIVE,     /* char *: id of a -drive or -blockdev; realize() opens it */
    PROP_KIND_NETDEV,    /* char *: id of a -netdev */
    PROP_KIND_ENUM,      /* int: index in .values */
    PROP_KIND_ONOFFAUTO, /* int: an OnOffAuto */
    PROP_KIND_POINTER,   /* void *: INTERNAL only, set with device_set_pointer() */
} PropKind;

typedef enum { ONOFFAUTO_AUTO, ONOFFAUTO_ON, ONOFFAUTO_OFF } OnOffAuto;

typedef struct PropDesc {
    const char *name; /* NULL ends the table */
    PropKind kind;
    uint32_t offset, size; /* of the member */
    const char *def;
    bool internal;
    const char *help;
    const char *const *values; /* PROP_KIND_ENUM: names, NULL-terminated */
    const char *boot_node;     /* of a BOOT_PROP(), hw/bootorder.h */
} PropDesc;

typedef const PropDesc *PropTable(void);

#define PROP_IS_PUBLIC   false
#define PROP_IS_INTERNAL true
#define PROP(NAME, KIND, MEMBER, DEFAULT, VISIBILITY, HELP, ...)                                   \
    {                                                                                              \
        .name = NAME, .kind = PROP_KIND_##KIND, .offset = offsetof(Self, MEMBER),                  \
        .size = sizeof(((Self *)0)->MEMBER), .def = DEFAULT, .internal = PROP_IS_##VISIBILITY,     \
        .help = HELP, ##__VA_ARGS__                                                                \
    }
#define PROPS(prefix, Type, ...)                                                                   \
    static const PropDesc *prefix##_props(void)                                                    \
    {                                                                                              \
        typedef Type Self G_GNUC_UNUSED;                                                           \
        static const PropDesc rows[] = {__VA_ARGS__, {.name = NULL}};                              \
        return rows;                                                                               \
    }

/* Give every property of obj its default. */
void props_init(const PropDesc *table, void *obj);
void props_free(const PropDesc *table, void *obj);
const PropDesc *prop_find(const PropDesc *table, const char *name);
/* Parse text into the member. m resolves ids (chardevs) and may be NULL if there are none. */
bool prop_set(const PropDesc *p, void *obj, const char *text, Machine *m, GError **err);
/* The value as text, as prop_set() takes it. g_free() it. */
char *prop_get(const PropDesc *p, const void *obj);
/* "bool", "uint32", "str" ...: as help and the monitor call the type */
const char *prop_type_name(const PropDesc *p);
/* The tables (more may be NULL) as -device X,help prints them, public ones only, sorted by name. */
void props_print_help(const PropDesc *table, const PropDesc *more, FILE *out);

/* ------------------------------------------------------------------------------------------ */
/* The device tree: a device's fdt hook writes the device's own node at the place the writer is. */
typedef struct FdtNode {
    void *fdt;            /* libfdt sequential writer: fdt_begin_node(), fdt_property_*() ... */
    hwaddr addr, size;    /* where the board put bank 0 */
    uint32_t irq_parent;  /* phandle of the interrupt controller; 0: no interrupt */
    const uint32_t *irqs; /* numbers of the device's lines there */
    unsigned n_irqs;
    uint32_t irq_type;    /* last cell of an interrupt, if irq_cells is 2 or 3 */
    unsigned irq_cells;   /* cells an interrupt: 1 (PLIC), 2, or 3 (GIC: 0 for SPI, number, type) */
    bool irq_inherit;     /* the root node's interrupt-parent holds */
    bool dma_coherent;    /* write dma-coherent for a device that has DMA */
    uint32_t clock;       /* phandle of the clock of a device that has some */
    uint32_t phandle;     /* what the board reserved for this node; 0: none */
    bool secure_only;     /* the non-secure world may not use it */
    int numa_node;        /* -1: none is told */
    const uint32_t *cpus; /* phandles of the CPUs' interrupt controllers, for who needs them */
    unsigned n_cpus;
} FdtNode;
/* fdt_begin_node("name@addr"), with status and secure-status of what is secure_only, */
void fdt_node_begin(const FdtNode *n, const char *name);
/* reg = <addr size> with two cells each, numa-node-id, */
void fdt_node_reg(const FdtNode *n);
/* numa-node-id alone, for who writes reg itself, */
void fdt_node_numa(const FdtNode *n);
/* interrupts-extended = <cpu line>: for each CPU each of the lines, */
void fdt_node_cpu_irqs(const FdtNode *n, const uint32_t *lines, unsigned n_lines);
/* interrupts and interrupt-parent, phandle, */
void fdt_node_irqs(const FdtNode *n);
/* clocks = n_clocks times n->clock, clock-names = names (len bytes, NULs included). */
void fdt_node_clocks(const FdtNode *n, unsigned n_clocks, const char *names, unsigned len);

/* ------------------------------------------------------------------------------------------ */
/* The class */

#define DEVICE_MAX_BANKS 8

/* An MMIO bank: by registers, or by callbacks of its own (virtio, flash). */
typedef struct DeviceBank {
    const char *name;
    uint64_t size; /* bytes; 0: realize() calls device_init_bank() or makes the region itself */
    RegTable *regs;
    const MmioOps *ops;                     /* with regs NULL; opaque is the device */
    uint8_t valid_min, valid_max, impl_max; /* with regs; as in MmioOps */
    MemEndian endian;
    bool wide_to_one; /* with regs: an access wider than the register at its offset acts on that one
                         alone, as on a bus that only connects the low data lines */
} DeviceBank;

typedef enum {
    DEVICE_BRIDGE,
    DEVICE_USB,
    DEVICE_STORAGE,
    DEVICE_NETWORK,
    DEVICE_INPUT,
    DEVICE_DISPLAY,
    DEVICE_SOUND,
    DEVICE_MISC,
    DEVICE_CPU,
    DEVICE_WATCHDOG,
    DEVICE_CATEGORIES,
} DeviceCategory;

struct DeviceClass {
    const char *name;  /* -device NAME */
    const char *alias; /* second name, or NULL */
    const char *desc;
    const char *boot_name; /* node in firmware's device paths; NULL: name@address */
    const char *bus;       /* type of the bus it sits on: "System", "virtio-bus", "PCI" ... */
    DeviceCategory category;
    bool user_creatable; /* -device may make one */
    size_t size;         /* of the Type */
    StateTable *state;
    PropTable *props; /* or NULL */
    unsigned version; /* of the snapshot layout */
    unsigned n_irqs;  /* outgoing lines, for device_connect_irq(); more by device_set_irqs() */
    DeviceBank bank[DEVICE_MAX_BANKS];
    IrqHandler *irq_input; /* incoming lines: opaque is the device; called without its lock */

    /* All get the device. realize checks properties and may fail. */
    bool (*realize)(void *dev, GError **err);
    void (*unrealize)(void *dev);
    /* After the state fields got their reset values; must not wait. Cold start calls it too. */
    void (*reset)(void *dev);
    /* Return when nothing that was begun before a reset can touch the guest any more; may give up
       the lock meanwhile, never on a vCPU's thread. NULL: nothing ever can. */
    void (*settle)(void *dev);
    /* Make the state fields say everything (a timer's remaining time ...). */
    void (*pre_save)(void *dev);
    /* Make lines, timers and regions follow the state that was loaded; refuse what no guest could
       have brought about. */
    bool (*post_load)(void *dev, GError **err);
    /* Write the device's node. */
    void (*fdt)(void *dev, const FdtNode *n);
    const void *sub; /* the bus's own class data: VirtioClass ... */
    /* Class of a device that is made with this one and shares its lock; its properties are this
       one's as well. realize() puts it on a bus of this device's own. */
    const char *backend;
};

/* First member of every device. Fields are private to hw/core and the device itself. */
struct Device {
    const DeviceClass *cls;
    Machine *machine; /* NULL in unit tests of devices that need none */
    MemSystem *ms;
    AddressSpace *dma; /* what the device's DMA sees */
    char *id;          /* -device id=, or NULL */
    GMutex lock;
    Device *lock_owner; /* whose lock is used; NULL: its own */
    Device *backend;    /* of the class's kind, NULL if it has none */
    bool realized;
    bool user;            /* -device or device_add made it */
    bool hotplugged;      /* came while the machine was there already */
    int64_t leaving;      /* asked to go: monotonic microseconds until when it may take */
    GError *global_error; /* a -global that did not fit; realize reports it */
    MemRegion mmio[DEVICE_MAX_BANKS];
    struct RegBank *bank[DEVICE_MAX_BANKS];
    IrqLine *irq; /* outgoing lines */
    unsigned n_irqs;
    DeviceBus *parent; /* bus it sits on */
    unsigned slot;     /* on that bus */
};

/*
 * DEVICE(prefix, Type, designated initialisers of DeviceClass...): with STATE(prefix...) before it.
 * A device with properties says .props = prefix_props.
 */
#define DEVICE(prefix, Type, ...) DEVICE_AS(prefix, prefix, Type, __VA_ARGS__)
/* One of several classes that have the state of `shared` in common. */
#define DEVICE_AS(prefix, shared, Type, ...)                                                       \
    static const DeviceClass prefix##_class = {                                                    \
        .size = sizeof(Type), .state = shared##_state, __VA_ARGS__};                               \
    static const DeviceClass *const prefix##_class_row                                             \
        __attribute__((used, section("rhea_devices"))) = &prefix##_class

/* Registry: i from 0, NULL at the end, in no order. */
const DeviceClass *device_class_at(unsigned i);
const DeviceClass *device_class_find(const char *name); /* or alias */
/* -device help: all user-creatable ones by category. */
void device_print_list(FILE *out);
/* -device X,help; false and *err if there is no such device. */
bool device_print_help(const char *name, FILE *out, GError **err);

/* ------------------------------------------------------------------------------------------ */
/* Life of a device. Main thread. */

/* m and dma may be NULL in unit tests; ms may not if the class has banks. NULL and *err: unknown
 * name. */
Device *device_new(Machine *m, MemSystem *ms, AddressSpace *dma, const char *name, GError **err);
Device *device_new_class(Machine *m, MemSystem *ms, AddressSpace *dma, const DeviceClass *cls);
bool device_set(Device *d, const char *prop, const char *text, GError **err);
/* For boards: the property exists and the value fits, or the program is wrong (g_error). */
void device_set_u64(Device *d, const char *prop, uint64_t val);
void device_set_string(Device *d, const char *prop, const char *text);
void device_set_pointer(Device *d, const char *prop, void *p); /* POINTER and CHARDEV */
char *device_get(Device *d, const char *prop, GError **err);
/* bus may be NULL for a "System" device; a bus that is full or of another type is an error. */
bool device_realize(Device *d, DeviceBus *bus, GError **err);
void device_free(Device *d);

/* -device: make, set every property of opts (takes driver, id, bus, addr and the class's own),
 * find the bus, realize. NULL and *err: as the user should read it. */
Device *device_create_from_opts(Machine *m, OptDict *opts, GError **err);
/* The same while the machine is there: the bus must take it. */
Device *device_add(Machine *m, OptDict *opts, GError **err);
/* Where it is in the tree that programs are told of (QMP); the caller frees. */
char *device_path(const Device *d);
/* Ask for the removal of a device; id: or its path. Programs are told when it has gone. */
bool device_del(Machine *m, const char *id, GError **err);

/* Called by realize: sizes of D() fields are set. Fields that have memory already keep it. */
void device_state_alloc(void *dev);
/* Fields of the STATE list from the one of this name on to their reset values: for a device that
 * the guest can reset in part. */
void device_state_reset_from(void *dev, const char *first);
/* An access to a register of a bank with regs, by the device itself. */
uint64_t device_bank_read_locked(void *dev, unsigned bank, hwaddr offset, unsigned size);
void device_bank_write_locked(void *dev, unsigned bank, hwaddr offset, unsigned size, uint64_t val);
/* Called by realize: make bank i of the class with a size that depends on properties. */
void device_init_bank(void *dev, unsigned i, uint64_t size);
/* Called by realize: number of outgoing lines, if it depends on properties. */
void device_set_irqs(void *dev, unsigned n);
void device_connect_irq(void *dev, unsigned n, IrqLine to);
/* The device's input n as a line. */
IrqLine device_irq_input(void *dev, unsigned n);
/* Put bank i at addr of container parent. */
void device_map(void *dev, unsigned bank, MemRegion *parent, hwaddr addr);

static inline void device_lock(void *dev)
{
    Device *d = dev;

    memory_device_lock(d->lock_owner ? &d->lock_owner->lock : &d->lock);
}
static inline void device_unlock(void *dev)
{
    Device *d = dev;

    memory_device_unlock(d->lock_owner ? &d->lock_owner->lock : &d->lock);
}
/* Name for logs: class name, and id if there is one. */
const char *device_name(const void *dev);

/* State fields to their reset values, then the class's reset. Takes the lock. Returns when the
 * device has settled: main thread. */
void device_reset(Device *d);
/* The same at once: the device may still be at work for a while. Any thread. */
void device_reset_locked(Device *d);

/*
 * Snapshot of one device: appended to out, read from a stream. The stream carries names, sizes and
 * the version, so that a field more or less is found out: unknown fields are an error, missing ones
 * keep their reset value if the stream's version is older. Takes the lock.
 */
void device_save(Device *d, GByteArray *out);
/* *data and *len are advanced past the device; on error the device is as after a reset. */
bool device_load(Device *d, const uint8_t **data, size_t *len, GError **err);

/* ------------------------------------------------------------------------------------------ */
/* Buses: what a device that has children offers. */

struct DeviceBus {
    char *name;       /* "virtio-mmio-bus.0": for -device X,bus= */
    const char *type; /* what DeviceClass.bus of its children says */
    Machine *machine;
    Device *owner;
    unsigned max_children; /* 0: no limit */
    GPtrArray *children;   /* Device *, owned */
    /* A child is to be realized here: check and wire it. Called before the child's realize, and
       plugged after it. */
    bool (*attach)(DeviceBus *bus, Device *child, GError **err);
    bool (*plugged)(DeviceBus *bus, Device *child, GError **err);
    /* Ask the guest to let go of the child, which goes when it has; NULL: children come and go only
       before the machine starts. */
    bool (*unplug_request)(DeviceBus *bus, Device *child, GError **err);
    /* The child's node in the device paths that firmware is told, to be freed; NULL: it has none of
       its own. */
    char *(*node)(const DeviceBus *bus, const Device *child);
};
/* Registers the bus with its machine (machine may be NULL). */
void device_bus_init(DeviceBus *bus, Machine *m, Device *owner, const char *type, const char *name,
                     unsigned max_children);
void device_bus_destroy(DeviceBus *bus);
bool device_bus_takes(const DeviceBus *bus, const DeviceClass *cls);

/* ------------------------------------------------------------------------------------------ */
/* All devices of a machine. */
typedef struct DeviceSet DeviceSet;
/* Made by the first device or bus of a machine, kept in Machine.device_set. */
void device_set_free(DeviceSet *s);
Device *device_find(Machine *m, const char *id);
/* i from 0, NULL at the end, in order of realization. */
Device *device_at(Machine *m, unsigned i);
DeviceBus *device_bus_at(Machine *m, unsigned i);
/* `info qtree` */
void device_print_tree(Machine *m, FILE *out);

#endif
