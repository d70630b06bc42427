/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * QMP: the commands about the machine as a whole: its life, its devices' coming and going, and what
 * it consists of.
 *
 * Main loop's thread. Test: tests/qmp/
 */
#include <string.h>
#include <unistd.h>
#include "accel/accel.h"
#include "hw/balloon.h"
#include "hw/device.h"
#include "io/input.h"
#include "qmp.h"
#include "vl.h"

/* ---- life ---- */

static bool cmd_query_status(Qmp *q, OptDict *a, GString *out, GError **err)
{
    static const char *const names[] = {
        [RUN_PRELAUNCH] = "prelaunch",
        [RUN_RUNNING] = "running",
        [RUN_PAUSED] = "paused",
        [RUN_SHUTDOWN] = "shutdown",
        [RUN_GUEST_PANICKED] = "guest-panicked",
        [RUN_INTERNAL_ERROR] = "internal-error",
        [RUN_IO_ERROR] = "io-error",
        [RUN_WATCHDOG] = "watchdog",
    };
    RunPhase p = machine_phase(qmp_machine(q));

    json_add(out, "{'status': %s, 'running': %b}", names[p], p == RUN_RUNNING);
    return true;
}

static bool cmd_stop(Qmp *q, OptDict *a, GString *out, GError **err)
{
    machine_request_stop(qmp_machine(q), RUN_PAUSED);
    machine_settle(qmp_machine(q));
    return true;
}

static bool cmd_cont(Qmp *q, OptDict *a, GString *out, GError **err)
{
    RunPhase p = machine_phase(qmp_machine(q));

    if (p == RUN_SHUTDOWN || p == RUN_GUEST_PANICKED) {
        rhea_error_set(err, "Resetting the Virtual Machine is required");
        return false;
    }
    machine_request_cont(qmp_machine(q));
    machine_settle(qmp_machine(q));
    return true;
}

static bool cmd_quit(Qmp *q, OptDict *a, GString *out, GError **err)
{
    machine_request_shutdown(qmp_machine(q), SHUTDOWN_HOST_QUIT, 0);
    return true;
}

static bool cmd_system_reset(Qmp *q, OptDict *a, GString *out, GError **err)
{
    machine_request_reset(qmp_machine(q), SHUTDOWN_HOST_RESET);
    machine_settle(qmp_machine(q));
    return true;
}

static bool cmd_system_powerdown(Qmp *q, OptDict *a, GString *out, GError **err)
{
    machine_request_powerdown(qmp_machine(q));
    machine_settle(qmp_machine(q));
    return true;
}

/* Also of watchdog-set-action, whose one argument is `action`. */
static bool cmd_set_action(Qmp *q, OptDict *a, GString *out, GError **err)
{
    RunActions actions = machine_actions(qmp_machine(q));
    const char *watchdog = opt_take(a, "action");

    if (watchdog) {
        opt_set(a, "watchdog", watchdog);
    }
    if (!config_action(&actions, a, err)) {
        return false;
    }
    machine_set_actions(qmp_machine(q), &actions);
    return true;
}

/* ---- devices ---- */

static bool cmd_device_add(Qmp *q, OptDict *a, GString *out, GError **err)
{
    g_autoptr(OptDict) d = opt_new();
    const char *key, *value;

    for (unsigned i = 0; opt_at(a, i, &key, &value); i++) {
        opt_set(d, key, value);
    }
    return device_add(qmp_machine(q), d, err) != NULL;
}

static bool cmd_device_del(Qmp *q, OptDict *a, GString *out, GError **err)
{
    const char *id = opt_get(a, "id");

    if (!device_find(qmp_machine(q), g_str_has_prefix(id, "/machine/peripheral/") ? id + 20 : id)) {
        qmp_error_class(q, "DeviceNotFound");
        rhea_error_set(err, "Device '%s' not found", id);
        return false;
    }
    return device_del(qmp_machine(q), id, err);
}

static bool cmd_balloon(Qmp *q, OptDict *a, GString *out, GError **err)
{
    uint64_t value = 0;

    if (!qmp_arg_u64(a, "value", &value, err)) {
        return false;
    }
    if (!balloon_set(qmp_machine(q), value, err)) {
        qmp_error_class(q, "DeviceNotActive");
        return false;
    }
    return true;
}

static bool cmd_query_balloon(Qmp *q, OptDict *a, GString *out, GError **err)
{
    BalloonInfo info;

    if (!balloon_info(qmp_machine(q), &info, err)) {
        qmp_error_class(q, "DeviceNotActive");
        return false;
    }
    json_add(out, "{'actual': %u}", info.actual);
    return true;
}

/* ---- what there is ---- */

static bool cmd_query_name(Qmp *q, OptDict *a, GString *out, GError **err)
{
    if (qmp_machine(q)->name) {
        json_add(out, "{'name': %s}", qmp_machine(q)->name);
    }
    return true;
}

static bool cmd_query_uuid(Qmp *q, OptDict *a, GString *out, GError **err)
{
    g_autoptr(GString) text = g_string_new(NULL);

    for (unsigned i = 0; i < 16; i++) {
        g_string_append_printf(text, "%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "",
                               qmp_machine(q)->uuid[i]);
    }
    json_add(out, "{'UUID': %s}", text->str);
    return true;
}

static bool cmd_query_kvm(Qmp *q, OptDict *a, GString *out, GError **err)
{
    json_add(out, "{'enabled': %b, 'present': %b}", false, false);
    return true;
}

static bool cmd_query_target(Qmp *q, OptDict *a, GString *out, GError **err)
{
    json_add(out, "{'arch': %s}", qmp_machine(q)->target->name);
    return true;
}

static bool cmd_query_chardev(Qmp *q, OptDict *a, GString *out, GError **err)
{
    Chardev *c;

    g_string_append_c(out, '[');
    for (unsigned i = 0; (c = chardev_at(qmp_machine(q)->chars, i)); i++) {
        json_comma(out);
        json_add(out, "{'frontend-open': %b, 'filename': %s, 'label': %s}", true,
                 chardev_filename(c), chardev_id(c));
    }
    g_string_append_c(out, ']');
    return true;
}

/* ---- processors ---- */

/* What -cpu help lists: a name in each line that is indented. */
char **qmp_cpu_models(const GuestTarget *t)
{
    GPtrArray *names = g_ptr_array_new();
    char *text = NULL;
    size_t size;
    FILE *f = open_memstream(&text, &size);

    if (t->cpu_help) {
        t->cpu_help(t, f);
    }
    fclose(f);
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    free(text);
    for (unsigned i = 0; lines[i]; i++) {
        const char *word = lines[i] + strspn(lines[i], " ");

        if (word != lines[i] && *word) {
            g_ptr_array_add(names, g_strndup(word, strcspn(word, " ")));
        }
    }
    g_ptr_array_add(names, NULL);
    return (char **)g_ptr_array_free(names, FALSE);
}

char *qmp_cpu_type(const GuestTarget *t, const char *model)
{
    return g_strdup_printf("%s-%s-cpu", model, t->arch);
}

char *qmp_cpu_model(const Machine *m)
{
    const char *text = m->cpu_option ? m->cpu_option : m->target->default_cpu;

    return g_strndup(text, strcspn(text, ","));
}

static bool cmd_query_cpu_definitions(Qmp *q, OptDict *a, GString *out, GError **err)
{
    const GuestTarget *t = qmp_machine(q)->target;
    g_auto(GStrv) models = qmp_cpu_models(t);

    g_string_append_c(out, '[');
    for (unsigned i = 0; models[i]; i++) {
        g_autofree char *type = qmp_cpu_type(t, models[i]);

        json_comma(out);
        json_add(out, "{'name': %s, 'typename': %s, 'static': %b, 'deprecated': %b}", models[i],
                 type, false, false);
    }
    g_string_append_c(out, ']');
    return true;
}

/* The id of the host's thread of that name, which it keeps 15 bytes of; else the process's. */
static int64_t thread_id(const char *name)
{
    GDir *tasks = g_dir_open("/proc/self/task", 0, NULL);
    const char *id;
    int64_t found = getpid();

    while (tasks && (id = g_dir_read_name(tasks))) {
        g_autofree char *path = g_strdup_printf("/proc/self/task/%s/comm", id);
        g_autofree char *text = NULL;

        if (g_file_get_contents(path, &text, NULL, NULL) && !strncmp(g_strchomp(text), name, 15)) {
            found = g_ascii_strtoll(id, NULL, 10);
            break;
        }
    }
    if (tasks) {
        g_dir_close(tasks);
    }
    return found;
}

static bool cmd_query_cpus(Qmp *q, OptDict *a, GString *out, GError **err)
{
    Machine *m = qmp_machine(q);
    const SmpConfig *c = &m->smp;
    g_autofree char *model = qmp_cpu_model(m), *type = qmp_cpu_type(m->target, model);

    g_string_append_c(out, '[');
    for (unsigned i = 0; m->accel && i < accel_cpu_count(m->accel); i++) {
        g_autofree char *path = g_strdup_printf("/machine/cpu[%u]", i);
        g_autofree char *thread = g_strdup_printf("CPU %u/TCG", i);
        unsigned core = i / c->threads, cluster = core / c->cores, socket = cluster / c->clusters;

        json_comma(out);
        json_add(out,
                 "{'cpu-index': %u, 'qom-type': %s, 'qom-path': %s, 'thread-id': %d, 'target': %s, "
                 "'props': {'socket-id': %u, 'cluster-id': %u, 'core-id': %u, 'thread-id': %u}}",
                 (uint64_t)i, type, path, thread_id(thread), m->target->name, (uint64_t)socket,
                 (uint64_t)(cluster % c->clusters), (uint64_t)(core % c->cores),
                 (uint64_t)(i % c->threads));
    }
    g_string_append_c(out, ']');
    return true;
}

static bool cmd_query_hotpluggable(Qmp *q, OptDict *a, GString *out, GError **err)
{
    rhea_error_set(err, "machine does not support hot-plugging CPUs");
    return false;
}

/* ---- machines and options ---- */

static bool cmd_query_machines(Qmp *q, OptDict *a, GString *out, GError **err)
{
    const GuestTarget *t = qmp_machine(q)->target;
    const MachineDesc *d;

    g_string_append_c(out, '[');
    for (unsigned i = 0; (d = machine_desc_at(t, i)); i++) {
        const PropDesc *p = d->props ? d->props() : NULL;
        const char *model = d->default_cpu ? d->default_cpu : t->default_cpu;
        g_autofree char *cpu = model && !d->no_cpu ? qmp_cpu_type(t, model) : NULL;

        json_comma(out);
        json_add(out,
                 "{'name': %s, 'cpu-max': %u, 'hotpluggable-cpus': %b, 'numa-mem-supported': %b, "
                 "'deprecated': %b, 'acpi': %b",
                 d->name, (uint64_t)d->max_cpus, false, false, false, prop_find(p, "acpi") != NULL);
        if (d->alias) {
            json_add(out, ", 'alias': %s", d->alias);
        }
        if (d->is_default) {
            json_add(out, ", 'is-default': %b", true);
        }
        if (cpu) {
            json_add(out, ", 'default-cpu-type': %s", cpu);
        }
        g_string_append_c(out, '}');
    }
    g_string_append_c(out, ']');
    return true;
}

/* The keys of an option, as -help shows them: "[,maxcpus=n][,sockets=n]". */
static void add_parameters(GString *s, const char *arg)
{
    g_autofree char *seen = g_strdup(" ");

    for (const char *p = arg; (p = strchr(p, '=')); p++) {
        const char *from = p - (p > arg && p[-1] == ']');
        const char *end = from;

        while (from > arg && (g_ascii_isalnum(from[-1]) || strchr("-_", from[-1]))) {
            from--;
        }
        g_autofree char *name = g_strndup(from, end - from);
        g_autofree char *word = g_strdup_printf(" %s ", name);
        if (!*name || strstr(seen, word)) {
            continue;
        }
        char *more = g_strconcat(seen, name, " ", NULL);
        g_free(seen);
        seen = more;
        bool yes = g_str_has_prefix(p + 1, "on|off") && p[7] != '|';
        bool number = g_ascii_islower(p[1]) && !g_ascii_isalnum(p[2]);
        json_comma(s);
        json_add(s, "{'name': %s, 'type': %s}", name,
                 yes      ? "boolean"
                 : number ? "number"
                          : "string");
    }
}

static bool cmd_query_options(Qmp *q, OptDict *a, GString *out, GError **err)
{
    const char *only = opt_get(a, "option"), *name, *arg;
    bool found = false;

    g_string_append_c(out, '[');
    for (unsigned i = 0; vl_option_at(i, &name, &arg); i++) {
        if (!arg || !strchr(arg, '=') || (only && strcmp(only, name))) {
            continue;
        }
        found = true;
        json_comma(out);
        json_add(out, "{'option': %s, 'parameters': [", name);
        add_parameters(out, arg);
        g_string_append(out, "]}");
    }
    g_string_append_c(out, ']');
    if (only && !found) {
        rhea_error_set(err, "invalid option name: %s", only);
    }
    return !only || found;
}

/* ---- memory and the host's side ---- */

static bool object_bool(const OptDict *o, const char *key, bool otherwise)
{
    opt_value_bool(key, opt_get(o, key) ? opt_get(o, key) : "", &otherwise, NULL);
    return otherwise;
}

static void add_memdev(GString *s, const char *id, uint64_t size, const OptDict *o)
{
    bool memfd = o && !strcmp(opt_get(o, "qom-type"), "memory-backend-memfd");

    json_comma(s);
    json_add(s,
             "{'id': %s, 'size': %u, 'share': %b, 'prealloc': %b, 'merge': %b, 'dump': %b, "
             "'reserve': %b, 'host-nodes': [], 'policy': 'default'}",
             id, size, o && object_bool(o, "share", memfd), o && object_bool(o, "prealloc", false),
             !o || object_bool(o, "merge", true), !o || object_bool(o, "dump", true),
             !o || object_bool(o, "reserve", true));
}

static bool cmd_query_memdev(Qmp *q, OptDict *a, GString *out, GError **err)
{
    Machine *m = qmp_machine(q);

    g_string_append_c(out, '[');
    for (unsigned i = 0; i < m->objects->len; i++) {
        OptDict *o = g_ptr_array_index(m->objects, i);
        uint64_t size = 0;

        if (g_str_has_prefix(opt_get(o, "qom-type"), "memory-backend-")) {
            opt_value_size("size", opt_get(o, "size"), 1, &size, NULL);
            add_memdev(out, opt_get(o, "id"), size, o);
        }
    }
    if (!m->memory_backend && !m->desc->no_cpu) {
        add_memdev(out, "ram", m->ram_size, NULL);
    }
    g_string_append_c(out, ']');
    return true;
}

static bool cmd_query_memory_size(Qmp *q, OptDict *a, GString *out, GError **err)
{
    json_add(out, "{'base-memory': %u}", qmp_machine(q)->ram_size);
    return true;
}

static bool cmd_query_iothreads(Qmp *q, OptDict *a, GString *out, GError **err)
{
    Machine *m = qmp_machine(q);

    g_string_append_c(out, '[');
    for (unsigned i = 0; i < m->objects->len; i++) {
        OptDict *o = g_ptr_array_index(m->objects, i);

        if (!strcmp(opt_get(o, "qom-type"), "iothread")) {
            json_comma(out);
            json_add(out,
                     "{'id': %s, 'thread-id': %d, 'poll-max-ns': 0, 'poll-grow': 0, 'poll-shrink': "
                     "0, 'poll-weight': 0, 'aio-max-batch': 0}",
                     opt_get(o, "id"), thread_id(opt_get(o, "id")));
        }
    }
    g_string_append_c(out, ']');
    return true;
}

static bool cmd_query_mice(Qmp *q, OptDict *a, GString *out, GError **err)
{
    unsigned number;
    const char *name;
    bool absolute;

    g_string_append_c(out, '[');
    for (unsigned i = 0; input_pointer_at(qmp_machine(q), i, &number, &name, &absolute); i++) {
        json_comma(out);
        json_add(out, "{'name': %s, 'index': %u, 'current': %b, 'absolute': %b}", name,
                 (uint64_t)number, i == 0, absolute);
    }
    g_string_append_c(out, ']');
    return true;
}

static bool cmd_query_accelerators(Qmp *q, OptDict *a, GString *out, GError **err)
{
    json_add(out, "{'enabled': 'tcg', 'present': ['tcg']}");
    return true;
}

static bool cmd_query_current_machine(Qmp *q, OptDict *a, GString *out, GError **err)
{
    json_add(out, "{'wakeup-suspend-support': %b}", false);
    return true;
}

/* Of kinds of things that there are none of. */
static bool cmd_query_none(Qmp *q, OptDict *a, GString *out, GError **err)
{
    g_string_append(out, "[]");
    return true;
}

/* There never was a migration. */
static bool cmd_query_migrate(Qmp *q, OptDict *a, GString *out, GError **err)
{
    return true;
}

static bool cmd_hmp(Qmp *q, OptDict *a, GString *out, GError **err)
{
    Machine *m = qmp_machine(q);
    uint64_t cpu = 0;

    if (!qmp_arg_u64(a, "cpu-index", &cpu, err)) {
        return false;
    }
    if (cpu > 0 && (!m->accel || cpu >= accel_cpu_count(m->accel))) {
        rhea_error_set(err, "Parameter 'cpu-index' expects a CPU number");
        return false;
    }
    g_autofree char *text = monitor_run(m, opt_get(a, "command-line"), cpu);

    json_add(out, "%s", text);
    return true;
}

const QmpCommand qmp_machine_commands[] = {
    {"balloon", "value:int", NULL, cmd_balloon},
    {"cont", "", NULL, cmd_cont},
    {"device_add", "driver:str bus?:str id?:str *", NULL, cmd_device_add},
    {"device_del", "id:str", NULL, cmd_device_del},
    {"human-monitor-command", "command-line:str cpu-index?:int", "str", cmd_hmp},
    {"query-accelerators", "", "AcceleratorInfo", cmd_query_accelerators},
    {"query-balloon", "", "BalloonInfo", cmd_query_balloon},
    {"query-chardev", "", "[ChardevInfo]", cmd_query_chardev},
    {"query-command-line-options", "option?:str", "[CommandLineOptionInfo]", cmd_query_options},
    {"query-cpu-definitions", "", "[CpuDefinitionInfo]", cmd_query_cpu_definitions},
    {"query-cpus-fast", "", "[CpuInfoFast]", cmd_query_cpus},
    {"query-current-machine", "", "CurrentMachineParams", cmd_query_current_machine},
    {"query-fdsets", "", "[Empty]", cmd_query_none},
    {"query-hotpluggable-cpus", "", "[Empty]", cmd_query_hotpluggable},
    {"query-iothreads", "", "[IOThreadInfo]", cmd_query_iothreads},
    {"query-kvm", "", "KvmInfo", cmd_query_kvm},
    {"query-machines", "compat-props?:bool", "[MachineInfo]", cmd_query_machines},
    {"query-memdev", "", "[Memdev]", cmd_query_memdev},
    {"query-memory-devices", "", "[Empty]", cmd_query_none},
    {"query-memory-size-summary", "", "MemoryInfo", cmd_query_memory_size},
    {"query-mice", "", "[MouseInfo]", cmd_query_mice},
    {"query-migrate", "", "MigrationInfo", cmd_query_migrate},
    {"query-migrate-capabilities", "", "[Empty]", cmd_query_none},
    {"query-name", "", "NameInfo", cmd_query_name},
    {"query-pci", "", "[PciInfo]", qmp_query_pci},
    {"query-status", "", "StatusInfo", cmd_query_status},
    {"query-target", "", "TargetInfo", cmd_query_target},
    {"query-tpm-models", "", "[str]", cmd_query_none},
    {"query-tpm-types", "", "[str]", cmd_query_none},
    {"query-uuid", "", "UuidInfo", cmd_query_uuid},
    {"quit", "", NULL, cmd_quit},
    {"set-action",
     "reboot?:RebootAction shutdown?:ShutdownAction panic?:PanicAction watchdog?:WatchdogAction",
     NULL, cmd_set_action},
    {"stop", "", NULL, cmd_stop},
    {"system_powerdown", "", NULL, cmd_system_powerdown},
    {"system_reset", "", NULL, cmd_system_reset},
    {"watchdog-set-action", "action:WatchdogAction", NULL, cmd_set_action},
    {0},
};
