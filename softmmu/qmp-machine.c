/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * QMP: the commands about the machine as a whole: its life, its devices' coming and going, and what
 * it consists of.
 *
 * Main loop's thread. Test: tests/qmp/
 */
#include <string.h>
#include "accel/accel.h"
#include "hw/balloon.h"
#include "hw/device.h"
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
    machine_request_reset(qmp_machine(q), SHUTDOWN_HOST_QUIT);
    return true;
}

static bool cmd_system_powerdown(Qmp *q, OptDict *a, GString *out, GError **err)
{
    machine_request_powerdown(qmp_machine(q));
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

    if (!device_find(qmp_machine(q), id)) {
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

static bool cmd_hmp(Qmp *q, OptDict *a, GString *out, GError **err)
{
    g_autofree char *text = monitor_run(qmp_machine(q), opt_get(a, "command-line"));

    json_add(out, "%s", text);
    return true;
}

const QmpCommand qmp_machine_commands[] = {
    {"balloon", "value:int", NULL, cmd_balloon},
    {"cont", "", NULL, cmd_cont},
    {"device_add", "driver:str bus?:str id?:str *", NULL, cmd_device_add},
    {"device_del", "id:str", NULL, cmd_device_del},
    {"human-monitor-command", "command-line:str cpu-index?:int", "str", cmd_hmp},
    {"query-balloon", "", "BalloonInfo", cmd_query_balloon},
    {"query-chardev", "", "[ChardevInfo]", cmd_query_chardev},
    {"query-kvm", "", "KvmInfo", cmd_query_kvm},
    {"query-name", "", "NameInfo", cmd_query_name},
    {"query-status", "", "StatusInfo", cmd_query_status},
    {"query-target", "", "TargetInfo", cmd_query_target},
    {"query-uuid", "", "UuidInfo", cmd_query_uuid},
    {"quit", "", NULL, cmd_quit},
    {"stop", "", NULL, cmd_stop},
    {"system_powerdown", "", NULL, cmd_system_powerdown},
    {"system_reset", "", NULL, cmd_system_reset},
    {0},
};
