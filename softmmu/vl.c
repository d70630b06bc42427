/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * The command line: one table of options that drives parsing, -help and errors, and the order in
 * which a machine comes about.
 *
 * A handler stores what its option says, or checks it at once; it returns false with an error, or
 * without one when the option was a question ("help") that is answered: then the program ends with
 * CommandLine.status. Option texts live in argv and stay valid. Errors are printed here, in one
 * place, with the option in front.
 *
 * Test: tests/cli/
 */
#include "io/net.h"
#include "vl.h"
#include "qmp.h"
#include "softmmu/softmmu-config.h"
#include "accel/accel.h"
#include "hw/device.h"
#include "rhea/log.h"
#include "softmmu/loader.h"
#include "softmmu/semihost.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

/* Where distributions put firmware. */
static const char *const data_folders[] = {RHEA_DATADIR, "/usr/share/qemu",
                                           "/usr/lib/riscv64-linux-gnu/opensbi/generic"};

/* --- handlers: helpers ------------------------------------------------------------------------ */

static OptDict *parse_here(CommandLine *c, const char *arg, const char *implied, GError **err)
{
    OptDict *d = opt_parse(arg, implied, err);
    if (d) {
        opt_set_location(d, c->where);
    }
    return d;
}

static bool parse_into(CommandLine *c, GPtrArray *list, const char *arg, const char *implied,
                       GError **err)
{
    OptDict *d = parse_here(c, arg, implied, err);
    if (d) {
        g_ptr_array_add(list, d);
    }
    return d != NULL;
}

/* Later values of the same option replace earlier ones, key by key. */
static bool parse_merge(CommandLine *c, OptDict **into, const char *arg, const char *implied,
                        GError **err)
{
    g_autoptr(OptDict) d = parse_here(c, arg, implied, err);
    const char *key, *value;
    if (!d) {
        return false;
    }
    if (!*into) {
        *into = g_steal_pointer(&d);
        return true;
    }
    for (unsigned i = 0; opt_at(d, i, &key, &value); i++) {
        opt_set(*into, key, value);
    }
    if (opt_wants_help(d)) {
        opt_set_help(*into);
    }
    opt_set_location(*into, c->where);
    return true;
}

static bool store_short(CommandLine *c, GPtrArray *list, const char *arg)
{
    ShortChardev *s = g_new(ShortChardev, 1);
    *s = (ShortChardev){arg, g_strdup(c->where)};
    g_ptr_array_add(list, s);
    return true;
}

static void short_free(gpointer p)
{
    g_free(((ShortChardev *)p)->where);
    g_free(p);
}

static bool answered(void)
{
    return false;
}

static bool is_help(const char *arg)
{
    return !strcmp(arg, "help") || !strcmp(arg, "?");
}

/* --- handlers: machine ------------------------------------------------------------------------ */

static void print_help(void);

static bool on_help(CommandLine *c, const char *arg, GError **err)
{
    print_help();
    return answered();
}

static bool on_version(CommandLine *c, const char *arg, GError **err)
{
    printf("rhea emulator version " RHEA_VERSION "\n"
           "Copyright (c) The rhea authors; Apache License 2.0\n");
    return answered();
}

static void take_accel_names(CommandLine *c, const char *names)
{
    g_auto(GStrv) list = g_strsplit(names, ":", 0);
    for (char **p = list; *p; p++) {
        g_ptr_array_add(c->accel_names, g_strdup(*p));
    }
}

static bool on_machine(CommandLine *c, const char *arg, GError **err)
{
    if (is_help(arg)) {
        c->show_machines = true;
        return true;
    }
    if (!parse_merge(c, &c->machine_opts, arg, "type", err)) {
        return false;
    }
    const char *accel = opt_get(c->machine_opts, "accel");
    if (accel) {
        g_ptr_array_set_size(c->accel_names, 0);
        take_accel_names(c, accel);
    }
    return true;
}

static bool on_cpu(CommandLine *c, const char *arg, GError **err)
{
    c->m->cpu_option = arg;
    return true;
}

static bool on_accel(CommandLine *c, const char *arg, GError **err)
{
    if (is_help(arg)) {
        printf("Accelerators supported in rhea binary:\ntcg\n");
        return answered();
    }
    OptDict *d = parse_here(c, arg, "accel", err);
    if (!d) {
        return false;
    }
    const char *name = opt_get(d, "accel");
    if (name && !strcmp(name, "tcg")) {
        opt_free(c->accel);
        c->accel = g_steal_pointer(&d);
    } else if (!c->accel) {
        c->accel = g_steal_pointer(&d);
    }
    opt_free(d);
    g_ptr_array_add(c->accel_names, g_strdup(name ? name : "tcg"));
    return true;
}

static bool on_enable_kvm(CommandLine *c, const char *arg, GError **err)
{
    g_ptr_array_add(c->accel_names, g_strdup("kvm"));
    return true;
}

static bool on_smp(CommandLine *c, const char *arg, GError **err)
{
    return parse_merge(c, &c->smp, arg, "cpus", err);
}

static bool on_m(CommandLine *c, const char *arg, GError **err)
{
    return parse_merge(c, &c->memory, arg, "size", err);
}

static bool on_kernel(CommandLine *c, const char *arg, GError **err)
{
    c->m->kernel = arg;
    return true;
}

static bool on_initrd(CommandLine *c, const char *arg, GError **err)
{
    c->m->initrd = arg;
    return true;
}

static bool on_append(CommandLine *c, const char *arg, GError **err)
{
    c->m->append = arg;
    return true;
}

static bool on_dtb(CommandLine *c, const char *arg, GError **err)
{
    c->m->dtb = arg;
    return true;
}

static bool on_bios(CommandLine *c, const char *arg, GError **err)
{
    c->m->firmware = arg;
    return true;
}

static bool on_mem_path(CommandLine *c, const char *arg, GError **err)
{
    c->m->mem_path = arg;
    return true;
}

static bool on_perfmap(CommandLine *c, const char *arg, GError **err)
{
    c->perfmap = true;
    return true;
}

static bool on_jitdump(CommandLine *c, const char *arg, GError **err)
{
    c->jitdump = true;
    return true;
}

static bool on_mem_prealloc(CommandLine *c, const char *arg, GError **err)
{
    c->m->mem_prealloc = true;
    return true;
}

static bool on_boot(CommandLine *c, const char *arg, GError **err)
{
    g_autoptr(OptDict) d = opt_parse(arg, "order", err);
    return d && config_boot(c->m, d, err);
}

static bool on_rtc(CommandLine *c, const char *arg, GError **err)
{
    return parse_merge(c, &c->rtc, arg, NULL, err);
}

static bool on_icount(CommandLine *c, const char *arg, GError **err)
{
    return parse_merge(c, &c->icount, arg, "shift", err);
}

static bool on_seed(CommandLine *c, const char *arg, GError **err)
{
    c->m->seed_set = true;
    return opt_value_u64("seed", arg, &c->m->seed, err);
}

static bool on_uuid(CommandLine *c, const char *arg, GError **err)
{
    return config_uuid(c->m, arg, err);
}

static bool on_name(CommandLine *c, const char *arg, GError **err)
{
    g_autoptr(OptDict) d = opt_parse(arg, "guest", err);
    bool threads;
    if (!d || !opt_take_bool(d, "debug-threads", &threads, err)) {
        return false;
    }
    const char *guest = opt_take(d, "guest"), *process = opt_take(d, "process");
    if (guest) {
        g_free(c->m->name);
        c->m->name = g_strdup(guest);
    }
    if (process) {
        prctl(PR_SET_NAME, process);
    }
    return opt_check_unused(d, err);
}

static bool on_fw_cfg(CommandLine *c, const char *arg, GError **err)
{
    g_autoptr(OptDict) d = parse_here(c, arg, "name", err);
    if (!d) {
        return false;
    }
    const char *name = opt_take(d, "name"), *file = opt_take(d, "file");
    const char *string = opt_take(d, "string");
    if (!opt_check_unused(d, err)) {
        return false;
    }
    if (!name || !*name || !file == !string) {
        rhea_error_set(err, "'name' and one of 'file' and 'string' are needed");
        return false;
    }
    if (strlen(name) > 55) {
        rhea_error_set(err, "name too long (max. 55 char)");
        return false;
    }
    g_ptr_array_add(c->m->fw_cfg, g_steal_pointer(&d));
    return true;
}

/* The board checks it, as it makes the structures; the UUID is the machine's. */
static bool on_smbios(CommandLine *c, const char *arg, GError **err)
{
    const char *type, *uuid;

    if (!parse_into(c, c->m->smbios, arg, NULL, err)) {
        return false;
    }
    OptDict *d = g_ptr_array_index(c->m->smbios, c->m->smbios->len - 1);
    type = opt_get(d, "type");
    uuid = opt_get(d, "uuid");
    return !type || strcmp(type, "1") != 0 || !uuid || config_uuid(c->m, uuid, err);
}

/* --- handlers: devices and their back ends ------------------------------------------------------
 */

static bool on_device(CommandLine *c, const char *arg, GError **err)
{
    if (is_help(arg)) {
        device_print_list(stdout);
        return answered();
    }
    g_autoptr(OptDict) d = parse_here(c, arg, "driver", err);
    if (!d) {
        return false;
    }
    const char *driver = opt_get(d, "driver"), *id = opt_get(d, "id");
    if (!driver) {
        rhea_error_set(err, "Parameter 'driver' is missing");
        return false;
    }
    if (opt_wants_help(d)) {
        return device_print_help(driver, stdout, err) && answered();
    }
    for (unsigned i = 0; id && i < c->m->devices->len; i++) {
        if (!g_strcmp0(opt_get(g_ptr_array_index(c->m->devices, i), "id"), id)) {
            rhea_error_set(err, "Duplicate ID '%s' for device", id);
            return false;
        }
    }
    if (id && !opt_check_id(id, err)) {
        return false;
    }
    g_ptr_array_add(c->m->devices, g_steal_pointer(&d));
    return true;
}

static bool on_global(CommandLine *c, const char *arg, GError **err)
{
    /* driver.property=value, or the three as keys of their own. */
    const char *eq = strchr(arg, '='), *first = strchr(arg, '.');
    g_autoptr(OptDict) d = NULL;
    if (eq && first && first < eq && !g_str_has_prefix(arg, "driver=")) {
        g_autofree char *driver = g_strndup(arg, first - arg);
        g_autofree char *property = g_strndup(first + 1, eq - first - 1);
        d = opt_new();
        opt_set(d, "driver", driver);
        opt_set(d, "property", property);
        opt_set(d, "value", eq + 1);
        opt_set_location(d, c->where);
    } else {
        d = parse_here(c, arg, NULL, err);
        if (!d) {
            return false;
        }
    }
    opt_mark_used(d, "driver");
    opt_mark_used(d, "property");
    opt_mark_used(d, "value");
    if (!opt_check_unused(d, err)) {
        return false;
    }
    if (!opt_get(d, "driver") || !opt_get(d, "property") || !opt_get(d, "value")) {
        rhea_error_set(err, "expected DRIVER.PROPERTY=VALUE");
        return false;
    }
    g_ptr_array_add(c->m->globals, g_steal_pointer(&d));
    return true;
}

static bool on_object(CommandLine *c, const char *arg, GError **err)
{
    if (is_help(arg)) {
        config_print_objects();
        return answered();
    }
    g_autoptr(OptDict) d = parse_here(c, arg, "qom-type", err);
    if (!d || !config_object(c->m, d, err)) {
        return false;
    }
    g_ptr_array_add(c->m->objects, g_steal_pointer(&d));
    return true;
}

static bool on_drive(CommandLine *c, const char *arg, GError **err)
{
    return parse_into(c, c->m->drives, arg, NULL, err);
}

static bool on_blockdev(CommandLine *c, const char *arg, GError **err)
{
    return parse_into(c, c->m->blockdevs, arg, "driver", err);
}

static bool on_fsdev(CommandLine *c, const char *arg, GError **err)
{
    OptDict *d = parse_here(c, arg, "fsdriver", err);
    return d && config_fsdev(c, d, err);
}

static bool on_virtfs(CommandLine *c, const char *arg, GError **err)
{
    OptDict *d = parse_here(c, arg, "fsdriver", err);
    return d && config_virtfs(c, d, err);
}

static bool add_drive(CommandLine *c, const char *file, const char *type, const char *index,
                      const char *media)
{
    OptDict *d = opt_new();
    if (type) {
        opt_set(d, "if", type);
    }
    if (index) {
        opt_set(d, "index", index);
    }
    if (media) {
        opt_set(d, "media", media);
    }
    opt_set(d, "file", file);
    opt_set_location(d, c->where);
    g_ptr_array_add(c->m->drives, d);
    return true;
}

static bool on_pflash(CommandLine *c, const char *arg, GError **err)
{
    return add_drive(c, arg, "pflash", NULL, NULL);
}

static bool on_hd(CommandLine *c, const char *arg, GError **err)
{
    /* The letter is the last of "-hda". */
    const char *space = strchr(c->where, ' ');
    const char index[2] = {space[-1] - 'a' + '0', 0};
    return add_drive(c, arg, NULL, index, "disk");
}

static bool on_cdrom(CommandLine *c, const char *arg, GError **err)
{
    return add_drive(c, arg, NULL, "2", "cdrom");
}

static bool on_sd(CommandLine *c, const char *arg, GError **err)
{
    return add_drive(c, arg, "sd", NULL, NULL);
}

static bool on_mtdblock(CommandLine *c, const char *arg, GError **err)
{
    return add_drive(c, arg, "mtd", NULL, NULL);
}

static bool on_snapshot(CommandLine *c, const char *arg, GError **err)
{
    c->snapshot = true;
    return true;
}

static bool on_netdev(CommandLine *c, const char *arg, GError **err)
{
    c->net_given = true;
    if (is_help(arg)) {
        net_print_types(stdout);
        return answered();
    }
    return parse_into(c, c->m->netdevs, arg, "type", err);
}

static bool on_nic(CommandLine *c, const char *arg, GError **err)
{
    if (is_help(arg) || strstr(arg, "model=help")) {
        printf("Available NIC models for this configuration:\nvirtio-net-pci\n");
        return answered();
    }
    OptDict *d = parse_here(c, arg, "type", err);
    return d && config_nic(c, d, err);
}

static bool on_net(CommandLine *c, const char *arg, GError **err)
{
    OptDict *d = parse_here(c, arg, "type", err);
    return d && config_net_old(c, d, err);
}

/* --- handlers: characters and the process --------------------------------------------------------
 */

static bool on_chardev(CommandLine *c, const char *arg, GError **err)
{
    if (is_help(arg)) {
        chardev_print_help();
        return answered();
    }
    if (!parse_into(c, c->chardevs, arg, "backend", err)) {
        return false;
    }
    OptDict *d = g_ptr_array_index(c->chardevs, c->chardevs->len - 1);
    const char *backend = opt_get(d, "backend");
    if (opt_wants_help(d) && backend) {
        return chardev_print_options(backend, err) && answered();
    }
    return true;
}

static bool on_serial(CommandLine *c, const char *arg, GError **err)
{
    if (c->serials->len == MACHINE_MAX_SERIAL) {
        rhea_error_set(err, "too many serial ports (at most %d)", MACHINE_MAX_SERIAL);
        return false;
    }
    return store_short(c, c->serials, arg);
}

static bool on_parallel(CommandLine *c, const char *arg, GError **err)
{
    return store_short(c, c->parallels, arg);
}

static bool on_monitor(CommandLine *c, const char *arg, GError **err)
{
    return store_short(c, c->monitors, arg);
}

static bool on_qmp(CommandLine *c, const char *arg, GError **err)
{
    return store_short(c, c->qmps, arg);
}

static bool on_mon(CommandLine *c, const char *arg, GError **err)
{
    return parse_into(c, c->mons, arg, "chardev", err);
}

static bool on_nographic(CommandLine *c, const char *arg, GError **err)
{
    c->nographic = true;
    return true;
}

static bool on_display(CommandLine *c, const char *arg, GError **err)
{
    if (is_help(arg)) {
        printf("Available display backend types:\nnone\n");
        return answered();
    }
    g_autoptr(OptDict) d = opt_parse(arg, "type", err);
    if (!d) {
        return false;
    }
    c->display = true;
    if (g_strcmp0(opt_take(d, "type"), "none")) {
        rhea_error_set(err, "Parameter 'type' does not accept value '%s' (valid: none)",
                       opt_get(d, "type"));
        return false;
    }
    return opt_check_unused(d, err);
}

static bool on_vga(CommandLine *c, const char *arg, GError **err)
{
    if (strcmp(arg, "none")) {
        rhea_error_set(err, "unknown vga type: %s (valid: none)", arg);
        return false;
    }
    return true;
}

static bool on_nodefaults(CommandLine *c, const char *arg, GError **err)
{
    c->m->no_defaults = true;
    return true;
}

static bool on_echr(CommandLine *c, const char *arg, GError **err)
{
    uint64_t v;
    if (!opt_value_u64("echr", arg, &v, NULL) || v > 255) {
        rhea_error_set(err, "Bad argument to echr (a byte, such as 0x01)");
        return false;
    }
    c->escape = v;
    return true;
}

static bool on_action(CommandLine *c, const char *arg, GError **err)
{
    g_autoptr(OptDict) d = opt_parse(arg, NULL, err);
    return d && config_action(&c->actions, d, err);
}

static bool on_watchdog_action(CommandLine *c, const char *arg, GError **err)
{
    g_autoptr(OptDict) d = opt_new();

    opt_set(d, "watchdog", arg);
    return config_action(&c->actions, d, err);
}

static bool on_no_reboot(CommandLine *c, const char *arg, GError **err)
{
    c->actions.reboot = REBOOT_SHUTDOWN;
    return true;
}

static bool on_no_shutdown(CommandLine *c, const char *arg, GError **err)
{
    c->actions.shutdown = SHUTDOWN_PAUSE;
    return true;
}

static bool on_paused(CommandLine *c, const char *arg, GError **err)
{
    c->paused = true;
    return true;
}

static bool on_d(CommandLine *c, const char *arg, GError **err)
{
    c->log_items = arg;
    return rhea_log_set_items(arg, err);
}

static bool on_logfile(CommandLine *c, const char *arg, GError **err)
{
    c->log_file = arg;
    return true;
}

static bool on_dfilter(CommandLine *c, const char *arg, GError **err)
{
    return rhea_log_set_filter(arg, err);
}

static bool on_data_folder(CommandLine *c, const char *arg, GError **err)
{
    if (is_help(arg)) {
        for (unsigned i = 0; i < c->m->search_path->len; i++) {
            printf("%s\n", (char *)g_ptr_array_index(c->m->search_path, i));
        }
        for (unsigned i = 0; i < G_N_ELEMENTS(data_folders); i++) {
            printf("%s\n", data_folders[i]);
        }
        return answered();
    }
    g_ptr_array_add(c->m->search_path, g_strdup(arg));
    return true;
}

static bool on_pidfile(CommandLine *c, const char *arg, GError **err)
{
    c->pidfile = arg;
    return true;
}

static bool on_daemonize(CommandLine *c, const char *arg, GError **err)
{
    c->daemonize = true;
    charset_set_daemonize(c->m->chars);
    return true;
}

static bool on_msg(CommandLine *c, const char *arg, GError **err)
{
    g_autoptr(OptDict) d = opt_parse(arg, NULL, err);
    return d && opt_take_bool(d, "timestamp", &c->msg_timestamp, err) &&
           opt_take_bool(d, "guest-name", &c->msg_guest_name, err) && opt_check_unused(d, err);
}

static bool on_overcommit(CommandLine *c, const char *arg, GError **err)
{
    static const char *const locks[] = {"off", "on", "on-fault", NULL};
    g_autoptr(OptDict) d = opt_parse(arg, NULL, err);
    int lock = 0;
    bool pm;
    return d && opt_take_enum(d, "mem-lock", locks, &lock, err) &&
           opt_take_bool(d, "cpu-pm", &pm, err) && opt_check_unused(d, err) &&
           (!lock || os_lock_memory(lock == 2, err));
}

/* The filter itself comes with the security work; what is asked for is checked. */
static bool on_sandbox(CommandLine *c, const char *arg, GError **err)
{
    static const char *const choices[] = {"allow", "deny", "children", NULL};
    static const char *const keys[] = {"obsolete", "elevateprivileges", "spawn", "resourcecontrol"};
    g_autoptr(OptDict) d = opt_parse(arg, "enable", err);
    bool enable = false;
    int choice;
    if (!d || !opt_take_bool(d, "enable", &enable, err)) {
        return false;
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(keys); i++) {
        if (!opt_take_enum(d, keys[i], choices, &choice, err)) {
            return false;
        }
    }
    return opt_check_unused(d, err);
}

static bool on_ignored(CommandLine *c, const char *arg, GError **err)
{
    return true;
}

static bool on_semihosting(CommandLine *c, const char *arg, GError **err)
{
    if (!c->semihosting) {
        c->semihosting = opt_new();
    }
    return true;
}

/* arg= may be given several times; the words are joined. */
static bool on_semihosting_config(CommandLine *c, const char *arg, GError **err)
{
    g_autoptr(OptDict) d = parse_here(c, arg, "enable", err);
    g_autoptr(GString) args = g_string_new(NULL);
    const char *key, *value, *before;
    if (!d) {
        return false;
    }
    on_semihosting(c, NULL, err);
    before = opt_get(c->semihosting, "arg");
    g_string_append(args, before ? before : "");
    for (unsigned i = 0; opt_at(d, i, &key, &value); i++) {
        if (strcmp(key, "arg")) {
            opt_set(c->semihosting, key, value);
        } else {
            g_string_append_printf(args, "%s%s", args->len ? " " : "", value);
        }
    }
    if (opt_get(d, "arg")) {
        opt_set(c->semihosting, "arg", args->str);
    }
    opt_set_location(c->semihosting, c->where);
    return true;
}

static bool on_unsupported(CommandLine *c, const char *arg, GError **err)
{
    rhea_error_set(err, "this option is not supported yet");
    return false;
}

static bool on_readconfig(CommandLine *c, const char *arg, GError **err);

/* --- the table -------------------------------------------------------------------------------- */

typedef bool OptionHandler(CommandLine *c, const char *arg, GError **err);

typedef struct Option {
    const char *name;
    OptionHandler *handler;
    const char *arg;  /* what -help shows as the argument; NULL: takes none */
    const char *help; /* NULL: hidden from -help; one that starts a group is "# title" */
} Option;

static const Option options[] = {
    {NULL, NULL, NULL, "Standard options:"},
    {"h", on_help, NULL, NULL},
    {"help", on_help, NULL, "display this help and exit (also -h)"},
    {"version", on_version, NULL, "display version information and exit"},
    {"machine", on_machine, "[type=]name[,prop=value[,...]]",
     "select the machine ('-machine help' for a list, '-machine name,help' for its properties)"},
    {"M", on_machine, "[type=]name[,prop=value[,...]]", "as -machine"},
    {"cpu", on_cpu, "model[,feature=on|off][,+feature][,-feature]",
     "select the CPU model ('-cpu help' for a list)"},
    {"accel", on_accel, "[accel=]tcg[,prop=value[,...]]",
     "select the accelerator ('-accel help' for a list)\n"
     "thread=single|multi (one thread a vCPU, or one for all)\n"
     "one-insn-per-tb=on|off (one guest instruction a translation unit)\n"
     "tb-size=n (MiB of translated code)\n"
     "cache=dir (translations are kept there for the next run)\n"
     "engine=jit|interp (generated code, or the interpreter)\n"
     "superblocks=on|off (hot loops are compiled again as one piece)\n"
     "check=on|off (both engines in lock step; stops at the first difference)\n"
     "no-opt=fold|dce|all[:...] (switch optimisations off)"},
    {"perfmap", on_perfmap, NULL, "name translated code in /tmp/perf-PID.map, for perf"},
    {"jitdump", on_jitdump, NULL, "write translated code to jit-PID.dump, for perf inject --jit"},
    {"smp", on_smp, "[[cpus=]n][,maxcpus=n][,sockets=n][,cores=n][,threads=n]",
     "number and topology of the CPUs (default: 1)"},
    {"m", on_m, "[size=]megs[,slots=n,maxmem=size]",
     "guest memory; suffixes K, M, G, T; MiB without one"},
    {"mem-path", on_mem_path, "FILE", "back guest memory with a file, or with one in a folder"},
    {"mem-prealloc", on_mem_prealloc, NULL, "allocate all guest memory at start"},
    {"boot", on_boot, "[order=drives][,once=drives][,menu=on|off][,strict=on|off][,...]",
     "boot order for firmware that asks for it"},
    {"device", on_device, "driver[,prop=value[,...]]",
     "add a device ('-device help' for a list, '-device driver,help' for its properties);\n"
     "also as a JSON object"},
    {"global", on_global, "driver.property=value", "default of a property of all such devices"},
    {"name", on_name, "[guest=]string[,process=string][,debug-threads=on|off]",
     "name of the guest, and of the process"},
    {"uuid", on_uuid, "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx", "UUID of the machine"},
    {"seed", on_seed, "number", "seed of the random numbers that the machine hands out"},
    {"rtc", on_rtc, "[base=utc|localtime|datetime][,clock=host|rt|vm][,driftfix=none|slew]",
     "start and clock of the real-time clock"},
    {"icount", on_icount, "[shift=N|auto][,sleep=on|off]",
     "virtual time counts instructions, 2^N ns each: runs are repeatable"},

    {NULL, NULL, NULL, "Block device options:"},
    {"drive", on_drive,
     "[file=file][,if=none|virtio|pflash][,format=raw][,id=name][,index=i][,unit=u]\n"
     "       [,media=disk|cdrom][,readonly=on|off][,snapshot=on|off][,cache=mode]\n"
     "       [,discard=ignore|unmap][,...]",
     "use 'file' as a drive image"},
    {"blockdev", on_blockdev, "[driver=]driver,node-name=N[,prop=value[,...]]",
     "configure a block back end; also as a JSON object"},
    {"fsdev", on_fsdev,
     "local,id=id,path=path,security_model=mapped-xattr|mapped-file|passthrough|none\n"
     "[,readonly=on][,fmode=fmode][,dmode=dmode][,multidevs=remap|forbid|warn]",
     "a folder for a virtio-9p device"},
    {"virtfs", on_virtfs, "local,path=path,mount_tag=tag,security_model=...[,id=id][,...]",
     "such a folder and its device"},
    {"pflash", on_pflash, "file", "use 'file' as a parallel flash image"},
    {"hda", on_hd, "file", "use 'file' as hard disk 0 (also -hdb, -hdc, -hdd)"},
    {"hdb", on_hd, "file", NULL},
    {"hdc", on_hd, "file", NULL},
    {"hdd", on_hd, "file", NULL},
    {"cdrom", on_cdrom, "file", "use 'file' as CD-ROM image"},
    {"sd", on_sd, "file", "use 'file' as SecureDigital card image"},
    {"mtdblock", on_mtdblock, "file", "use 'file' as on-board flash memory image"},
    {"snapshot", on_snapshot, NULL, "write to temporary files instead of the drive images"},

    {NULL, NULL, NULL, "Display options:"},
    {"display", on_display, "none", "select the display back end"},
    {"nographic", on_nographic, NULL,
     "no display; serial port and monitor on standard input and output"},
    {"vga", on_vga, "none", "select the graphics card"},
    {"k", on_ignored, "language", "keyboard layout of a display"},

    {NULL, NULL, NULL, "Network options:"},
    {"netdev", on_netdev, "type,id=str[,prop=value[,...]]", "configure a network back end"},
    {"net", on_net, "nic|none|type[,prop=value[,...]]", "the older way to say -nic"},
    {"nic", on_nic, "user|none[,model=M][,mac=A][,prop=value[,...]]",
     "a network card and its back end"},

    {NULL, NULL, NULL, "Character device options:"},
    {"chardev", on_chardev, "backend,id=id[,prop=value[,...]][,mux=on|off][,logfile=PATH]",
     "add a character device ('-chardev help' for a list):\n"
     "null | stdio[,signal=on|off] | file,path=[,input-path=][,append=on|off] | pty[,path=] |\n"
     "pipe,path= | socket,path=|host=,port=|fd=[,server=on|off][,wait=on|off][,reconnect-ms=]"},
    {"serial", on_serial, "dev",
     "connect a serial port: none, null, stdio, mon:stdio, pty, file:PATH, pipe:PATH,\n"
     "unix:PATH[,server=on][,wait=off], tcp:HOST:PORT[,...], chardev:ID"},
    {"parallel", on_parallel, "dev", "connect a parallel port"},
    {"monitor", on_monitor, "dev", "connect the monitor"},
    {"mon", on_mon, "[chardev=]id[,mode=readline|control]", "a monitor on a -chardev"},
    {"qmp", on_qmp, "dev", "like -monitor but for programs: QMP"},
    {"qmp-pretty", on_qmp, "dev", "the same"},
    {"echr", on_echr, "byte", "escape character of the console (default: 1, Ctrl-A)"},

    {NULL, NULL, NULL, "Boot image options:"},
    {"bios", on_bios, "default|none|file", "firmware"},
    {"kernel", on_kernel, "file", "kernel: Linux Image (also gzip'd), ELF or raw"},
    {"initrd", on_initrd, "file", "initial RAM disk of the kernel"},
    {"append", on_append, "cmdline", "command line of the kernel"},
    {"dtb", on_dtb, "file", "device tree to use instead of the generated one"},
    {"smbios", on_smbios, "type=n,key=value[,...]", "fields of the SMBIOS structures of type n"},
    {"fw_cfg", on_fw_cfg, "[name=]name,file=file|string=str", "add an entry to fw_cfg"},

    {NULL, NULL, NULL, "Run and debug options:"},
    {"object", on_object, "type,id=id[,prop=value[,...]]",
     "create an object ('-object help' for a list)"},
    {"no-reboot", on_no_reboot, NULL, "exit instead of rebooting"},
    {"no-shutdown", on_no_shutdown, NULL, "stop instead of exiting when the guest powers off"},
    {"action", on_action,
     "reboot=reset|shutdown, shutdown=poweroff|pause, panic=shutdown|pause|exit-failure|none,\n"
     "        watchdog=reset|shutdown|poweroff|pause|debug|none",
     "what to do then"},
    {"watchdog-action", on_watchdog_action, "reset|shutdown|poweroff|pause|debug|none",
     "the same as -action watchdog="},
    {"S", on_paused, NULL, "do not start the CPUs (monitor: cont)"},
    {"d", on_d, "item[,...]", "log these things ('-d help' for a list)"},
    {"D", on_logfile, "file", "where the log goes (default: standard error)"},
    {"dfilter", on_dfilter, "range[,...]", "log only these addresses: A..B, A+LEN, A-LEN"},
    {"L", on_data_folder, "path", "look for firmware here first ('-L help' for the list)"},
    {"pidfile", on_pidfile, "file", "write the process id to 'file'"},
    {"daemonize", on_daemonize, NULL, "go to the background once initialised"},
    {"nodefaults", on_nodefaults, NULL, "no default devices"},
    {"no-user-config", on_ignored, NULL, "read no default configuration (there is none)"},
    {"readconfig", on_readconfig, "file",
     "read options from a file: [option \"id\"] key = \"value\""},
    {"msg", on_msg, "[timestamp=on|off][,guest-name=on|off]", "format of messages"},
    {"overcommit", on_overcommit, "[mem-lock=on|off|on-fault][,cpu-pm=on|off]", "lock memory"},
    {"sandbox", on_sandbox,
     "[enable=]on|off[,obsolete=P][,elevateprivileges=P][,spawn=P][,resourcecontrol=P]",
     "accepted; no system call filter yet"},

    /* Known, but not there: one clear line instead of "invalid option". */
    {"enable-kvm", on_enable_kvm, NULL, NULL},
    {"semihosting", on_semihosting, NULL,
     "let the guest use the host's console and files by semihosting calls"},
    {"semihosting-config", on_semihosting_config,
     "[enable=on|off][,target=native|auto][,chardev=id][,userspace=on|off][,arg=str...]",
     "the same, with its console, who may call, and the program's arguments"},
    {"s", on_unsupported, NULL, NULL},
    {"gdb", on_unsupported, "", NULL},
    {"vnc", on_unsupported, "", NULL},
    {"spice", on_unsupported, "", NULL},
    {"audio", on_unsupported, "", NULL},
    {"audiodev", on_unsupported, "", NULL},
    {"loadvm", on_unsupported, "", NULL},
    {"incoming", on_unsupported, "", NULL},
    {"numa", on_unsupported, "", NULL},
    {"acpitable", on_unsupported, "", NULL},
    {"tpmdev", on_unsupported, "", NULL},
    {"usb", on_unsupported, NULL, NULL},
    {"usbdevice", on_unsupported, "", NULL},
    {"fda", on_unsupported, "", NULL},
    {"fdb", on_unsupported, "", NULL},
    {"option-rom", on_unsupported, "", NULL},
    {"shim", on_unsupported, "", NULL},
    {"debugcon", on_unsupported, "", NULL},
    {"add-fd", on_unsupported, "", NULL},
    {"set", on_unsupported, "", NULL},
    {"trace", on_unsupported, "", NULL},
    {"plugin", on_unsupported, "", NULL},
    {"run-with", on_unsupported, "", NULL},
    {"compat", on_unsupported, "", NULL},
    {"dump-vmstate", on_unsupported, "", NULL},
    {"only-migratable", on_unsupported, NULL, NULL},
    {"preconfig", on_unsupported, NULL, NULL},
};

static void print_indented(const char *text)
{
    g_auto(GStrv) lines = g_strsplit(text, "\n", 0);
    for (char **l = lines; *l; l++) {
        printf("                %s\n", *l);
    }
}

static void print_help(void)
{
    on_version(NULL, NULL, NULL);
    printf("usage: %s [options] [disk_image]\n", g_get_prgname());
    for (unsigned i = 0; i < G_N_ELEMENTS(options); i++) {
        const Option *o = &options[i];
        if (!o->name) {
            printf("\n%s\n", o->help);
        } else if (o->help) {
            int width = printf("-%s%s%s", o->name, o->arg ? " " : "", o->arg ? o->arg : "");
            if (width < 15 && !strchr(o->help, '\n')) {
                printf("%*s %s\n", 15 - width, "", o->help);
            } else {
                printf("\n");
                print_indented(o->help);
            }
        }
    }
    printf("\nWith -nographic, press Ctrl-A h for help on the console's keys.\n");
}

static const Option *option_find(const char *name)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(options); i++) {
        if (options[i].name && !strcmp(options[i].name, name)) {
            return &options[i];
        }
    }
    return NULL;
}

static bool option_apply(CommandLine *c, const Option *o, const char *typed, const char *arg,
                         GError **err)
{
    g_autofree char *where = arg ? g_strdup_printf("%s %s", typed, arg) : g_strdup(typed);
    c->where = where;
    bool ok = o->handler(c, arg, err);
    if (!ok && err && *err) {
        g_prefix_error(err, "%s: ", where);
    }
    c->where = NULL;
    return ok;
}

static bool options_parse(CommandLine *c, int argc, char **argv, GError **err)
{
    for (int i = 1; i < argc; i++) {
        const char *typed = argv[i];
        if (typed[0] != '-' || !typed[1]) {
            c->where = typed;
            add_drive(c, typed, NULL, "0", "disk");
            continue;
        }
        const Option *o = option_find(typed + 1 + (typed[1] == '-'));
        if (!o) {
            rhea_error_set(err, "%s: invalid option", typed);
            return false;
        }
        if (o->arg && i + 1 == argc) {
            rhea_error_set(err, "%s: requires an argument", typed);
            return false;
        }
        if (!option_apply(c, o, typed, o->arg ? argv[++i] : NULL, err)) {
            return false;
        }
    }
    return true;
}

/* --- -readconfig -------------------------------------------------------------------------------
 */

/* One section as the text of an option, with commas doubled. */
typedef struct ConfigSection {
    const Option *option;
    char *typed; /* "-device" */
    GString *text;
} ConfigSection;

/* Groups of options that are called otherwise in files and by the protocol. */
static const char *const option_groups[][2] = {
    {"smp-opts", "smp"}, {"memory", "m"}, {"boot-opts", "boot"}, {"fw-cfg", "fw_cfg"}};

static const char *config_option_name(const char *group)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(option_groups); i++) {
        if (!strcmp(option_groups[i][0], group)) {
            return option_groups[i][1];
        }
    }
    return group;
}

bool vl_option_at(unsigned i, const char **name, const char **arg)
{
    if (i >= G_N_ELEMENTS(options)) {
        return false;
    }
    *name = options[i].name ? options[i].name : "";
    *arg = options[i].arg;
    for (unsigned k = 0; k < G_N_ELEMENTS(option_groups); k++) {
        if (!strcmp(option_groups[k][1], *name) && strcmp(*name, "fw_cfg")) {
            *name = option_groups[k][0];
        }
    }
    return true;
}

static void config_append(GString *s, const char *key, const char *value)
{
    g_string_append_printf(s, "%s%s=", s->len ? "," : "", key);
    for (; *value; value++) {
        g_string_append(s, *value == ',' ? ",," : (char[]){*value, 0});
    }
}

static bool config_flush(CommandLine *c, ConfigSection *s, GError **err)
{
    bool ok = true;
    if (s->option) {
        /* The texts of plain options are kept by reference. */
        const char *text = g_intern_string(s->text->str);
        ok = option_apply(c, s->option, s->typed, text, err);
        s->option = NULL;
        g_string_truncate(s->text, 0);
    }
    return ok;
}

static bool config_line(CommandLine *c, ConfigSection *s, char *line, GError **err)
{
    char group[64], id[64], key[64], value[1024];
    int end = 0;
    g_strstrip(line);
    if (!*line || *line == '#') {
        return true;
    }
    bool with_id = sscanf(line, "[%63s \"%63[^\"]\"]%n", group, id, &end) == 2 && end;
    if (with_id || (sscanf(line, "[%63[^]]]%n", group, &end) == 1 && end)) {
        if (!config_flush(c, s, err)) {
            return false;
        }
        s->option = option_find(config_option_name(group));
        if (!s->option || !s->option->arg) {
            rhea_error_set(err, "there is no group '%s'", group);
            return false;
        }
        g_free(s->typed);
        s->typed = g_strdup_printf("-%s", s->option->name);
        if (with_id) {
            config_append(s->text, "id", id);
        }
        return true;
    }
    value[0] = 0;
    if (sscanf(line, "%63s = \"%1023[^\"]\"%n", key, value, &end) == 2 ||
        sscanf(line, "%63s = \"\"%n", key, &end) == 1) {
        if (end && !line[end] && s->option) {
            config_append(s->text, key, value);
            return true;
        }
    }
    rhea_error_set(err, "parse error in '%s'", line);
    return false;
}

static bool on_readconfig(CommandLine *c, const char *arg, GError **err)
{
    g_autofree char *text = NULL;
    g_autoptr(GError) io = NULL;
    if (!g_file_get_contents(arg, &text, NULL, &io)) {
        rhea_error_set(err, "Could not open '%s': %s", arg, g_strerror(errno));
        return false;
    }
    g_auto(GStrv) lines = g_strsplit(text, "\n", 0);
    ConfigSection s = {.text = g_string_new(NULL)};
    const char *where = c->where;
    bool ok = true;
    for (unsigned i = 0; ok && lines[i]; i++) {
        ok = config_line(c, &s, lines[i], err);
        if (!ok && err && *err) {
            g_prefix_error(err, "%s:%u: ", arg, i + 1);
        }
    }
    ok = ok && config_flush(c, &s, err);
    c->where = where;
    g_string_free(s.text, TRUE);
    g_free(s.typed);
    return ok;
}

/* --- building -----------------------------------------------------------------------------------
 */

static bool select_machine(CommandLine *c, GError **err)
{
    Machine *m = c->m;
    const char *type = c->machine_opts ? opt_get(c->machine_opts, "type") : NULL;
    const MachineDesc *d;
    for (unsigned i = 0; !type && (d = machine_desc_at(m->target, i)); i++) {
        if (d->is_default) {
            m->desc = d;
        }
    }
    if (type) {
        m->desc = machine_desc_find(m->target, type);
    }
    if (!m->desc && type) {
        rhea_error_set(err,
                       "unsupported machine type: \"%s\" (use -machine help to list supported "
                       "machines)",
                       type);
    } else if (!m->desc) {
        rhea_error_set(err, "No machine specified, and there is no default (use -machine help to "
                            "list supported machines)");
    }
    if (!c->machine_opts) {
        c->machine_opts = opt_new();
    }
    return m->desc != NULL;
}

static bool select_cpu(CommandLine *c, GError **err)
{
    Machine *m = c->m;
    if (m->desc->no_cpu) {
        return true;
    }
    if (!m->cpu_option) {
        m->cpu_option = m->desc->default_cpu ? m->desc->default_cpu : m->target->default_cpu;
    }
    if (m->target->cpu_parse) {
        m->cpu_config = m->target->cpu_parse(m->target, m->cpu_option, err);
        return m->cpu_config != NULL;
    }
    return true;
}

static bool make_devices(CommandLine *c, GError **err)
{
    for (unsigned i = 0; i < c->m->devices->len; i++) {
        OptDict *d = g_ptr_array_index(c->m->devices, i);
        if (!device_create_from_opts(c->m, d, err)) {
            g_prefix_error(err, "%s: ", opt_location(d));
            return false;
        }
    }
    return true;
}

/* A default for a device that does not exist is most likely a typing error, but no reason to stop:
 * machines differ. */
static void check_globals(const Machine *m)
{
    for (unsigned i = 0; i < m->globals->len; i++) {
        OptDict *d = g_ptr_array_index(m->globals, i);
        if (!device_class_find(opt_get(d, "driver"))) {
            rhea_warn_report("global %s.%s has invalid class name", opt_get(d, "driver"),
                             opt_get(d, "property"));
        }
    }
}

static bool check_boot_options(const Machine *m, GError **err)
{
    if (!m->kernel && m->initrd) {
        rhea_error_set(err, "-initrd only allowed with -kernel option");
    } else if (!m->kernel && m->append && *m->append) {
        rhea_error_set(err, "-append only allowed with -kernel option");
    } else {
        return true;
    }
    return false;
}

static bool show_lists(CommandLine *c)
{
    Machine *m = c->m;
    if (c->show_machines) {
        config_print_machines(m->target);
        return true;
    }
    if (m->cpu_option && is_help(m->cpu_option)) {
        if (m->target->cpu_help) {
            m->target->cpu_help(m->target, stdout);
        }
        return true;
    }
    return false;
}

/* Who would see nothing at all is told why. */
static void hint_display(const CommandLine *c)
{
    if (!c->nographic && !c->display && !c->m->no_defaults && !c->serials->len &&
        !c->monitors->len && !c->mons->len && !c->daemonize && isatty(STDERR_FILENO)) {
        rhea_info_report("there is no display yet; -nographic shows the serial port here");
    }
}

/* False without *err: the program ends with c->status. */
static bool build(CommandLine *c, GError **err)
{
    Machine *m = c->m;
    if (c->nographic && c->daemonize) {
        rhea_error_set(err, "-nographic cannot be used with -daemonize");
        return false;
    }
    rhea_error_set_format(c->msg_timestamp, c->msg_guest_name ? m->name : NULL);
    if (show_lists(c) || !select_machine(c, err) || !config_machine_props(c, err) ||
        !check_boot_options(m, err)) {
        return false;
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(data_folders); i++) {
        g_ptr_array_add(m->search_path, g_strdup(data_folders[i]));
    }
    machine_set_actions(m, &c->actions);
    charset_set_escape(m->chars, c->escape);
    if (c->daemonize && !os_daemonize(err)) {
        return false;
    }
    /* Before the terminal is touched: a signal must not leave it raw. */
    os_install_signals(m);
    if ((c->pidfile && !os_create_pidfile(c->pidfile, err)) ||
        (c->log_file && !rhea_log_set_file(c->log_file, err)) || !config_smp(c, err) ||
        !config_drives(c, err) || !config_net(c, err) || !config_memory(c, err) ||
        !config_icount(c, err) || !config_rtc(c, err) || !select_cpu(c, err) ||
        !config_accel(c, err) || !config_chardevs(c, err) || !config_mons(c, err) ||
        !config_qmps(c, err) || !config_consoles(c, err)) {
        return false;
    }
    if (m->smbios->len && !m->desc->has_smbios) {
        rhea_error_set(err, "-smbios: machine '%s' has no SMBIOS structures", m->desc->name);
        return false;
    }
    if (!m->desc->init(m, err) || !make_devices(c, err) ||
        (m->desc->finish && !m->desc->finish(m, err)) || !loader_finish(m, err)) {
        return false;
    }
    if (c->semihosting && (!semihost_new(m, c->semihosting, &m->semihost, err) ||
                           (m->semihost && !semihost_start(m->semihost, err)))) {
        return false;
    }
    check_globals(m);
    config_net_check(m);
    hint_display(c);
    return true;
}

/* --- main ---------------------------------------------------------------------------------------
 */

static void quit_from_console(void *opaque)
{
    machine_request_shutdown(opaque, SHUTDOWN_HOST_QUIT, 0);
}

/* rhea-system-riscv64, qemu-system-riscv64 ...: what stands after "-system-". */
static const GuestTarget *target_from_name(const char *program)
{
    const char *at = strstr(program, "-system-");
    return at ? target_find(at + 8) : NULL;
}

static int print_usage(FILE *out)
{
    const GuestTarget *t;
    fprintf(out, "usage: rhea system TARGET [options] [disk_image]\n"
                 "       rhea-system-TARGET [options] [disk_image]\n"
                 "targets:");
    for (unsigned i = 0; (t = target_at(i)); i++) {
        fprintf(out, " %s", t->name);
    }
    fprintf(out, "\n");
    return out == stdout ? 0 : 1;
}

static CommandLine *command_line_new(Machine *m)
{
    CommandLine *c = g_new0(CommandLine, 1);
    c->m = m;
    c->escape = 1;
    c->accel_names = g_ptr_array_new_with_free_func(g_free);
    c->chardevs = g_ptr_array_new_with_free_func((GDestroyNotify)opt_free);
    c->qmps = g_ptr_array_new_with_free_func(short_free);
    c->mons = g_ptr_array_new_with_free_func((GDestroyNotify)opt_free);
    c->serials = g_ptr_array_new_with_free_func(short_free);
    c->parallels = g_ptr_array_new_with_free_func(short_free);
    c->monitors = g_ptr_array_new_with_free_func(short_free);
    return c;
}

static void command_line_free(CommandLine *c)
{
    OptDict *dicts[] = {c->machine_opts, c->smp,    c->accel,      c->memory,
                        c->rtc,          c->icount, c->semihosting};
    GPtrArray *lists[] = {c->accel_names, c->chardevs, c->mons, c->serials,
                          c->parallels,   c->monitors, c->qmps};
    for (unsigned i = 0; i < G_N_ELEMENTS(dicts); i++) {
        opt_free(dicts[i]);
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(lists); i++) {
        g_ptr_array_free(lists[i], TRUE);
    }
    g_free(c);
}

static int run_target(const GuestTarget *target, int argc, char **argv)
{
    MainLoop *loop = mainloop_new();
    Machine *m = machine_new(loop);
    CommandLine *c = command_line_new(m);
    GError *err = NULL;
    int status = 1;
    m->target = target;
    bool ok = options_parse(c, argc, argv, &err) && build(c, &err);
    if (ok) {
        charset_set_quit(m->chars, quit_from_console, m);
        os_daemonize_done();
        status = machine_run(m, c->paused);
    } else if (!err) {
        status = c->status;
        fflush(stdout);
        os_daemonize_done();
    }
    qmp_end(m);
    net_end(m);
    /* What the guest wrote before it ended itself is worth a wait, but not for somebody who wants
     * the program gone. */
    charset_free(m->chars, machine_end(m) >= SHUTDOWN_GUEST_POWEROFF ? 10000 : 500);
    m->chars = NULL;
    os_report_signal();
    if (err) {
        rhea_error_report("%s", err->message);
        g_error_free(err);
    }
    os_remove_pidfile();
    command_line_free(c);
    return status;
}

/* A descriptor below 3 that is closed would be given to the next file that is opened, and be taken
 * for the console. */
static void open_standard_fds(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) < 0) {
            _exit(1);
        }
    }
}

int rhea_main(int argc, char **argv)
{
    g_autofree char *program = g_path_get_basename(argc ? argv[0] : "rhea");
    const GuestTarget *target = target_from_name(program);
    open_standard_fds();
    signal(SIGPIPE, SIG_IGN);
    if (!target && argc >= 3 && !strcmp(argv[1], "system")) {
        target = target_find(argv[2]);
        if (!target) {
            g_set_prgname(program);
            rhea_error_report("system: there is no target '%s'", argv[2]);
            return 1;
        }
        argc -= 2;
        argv += 2;
        g_free(program);
        program = g_strdup_printf("rhea-system-%s", target->name);
    }
    g_set_prgname(program);
    if (!target) {
        bool asked = argc == 2 && (!strcmp(argv[1], "-help") || !strcmp(argv[1], "--help") ||
                                   !strcmp(argv[1], "-h"));
        if (argc == 2 && (!strcmp(argv[1], "-version") || !strcmp(argv[1], "--version"))) {
            on_version(NULL, NULL, NULL);
            return 0;
        }
        return print_usage(asked ? stdout : stderr);
    }
    return run_target(target, argc, argv);
}
