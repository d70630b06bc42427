/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * QMP: the object model as tools see it: types with their properties, and the tree of what there
 * is.
 *
 *   /machine                     its type, and the board's properties
 *     peripheral/ID              devices of -device and device_add with an id,
 *     peripheral-anon/device[N]  those without,
 *     unattached/device[N]       and the board's own; virtio-backend below those that have one
 *     cpu[N]
 *   /objects/ID, /chardevs/ID    of -object, -chardev
 *
 * Nothing is stored for it: a path is looked up in the lists of devices and objects each time.
 *
 * Main loop's thread. Test: tests/qmp/
 */
#include <string.h>
#include "accel/accel.h"
#include "hw/device.h"
#include "qmp.h"
#include "vl.h"

/* ---- types ---- */

typedef void TypeFn(void *opaque, const char *name, const char *parent, bool abstract);

static const char *class_parent(const DeviceClass *c)
{
    static const char *const parents[][2] = {{"System", "sys-bus-device"},
                                             {"PCI", "pci-device"},
                                             {"virtio-bus", "virtio-device"},
                                             {"SCSI", "scsi-device"}};

    for (unsigned i = 0; c->bus && i < G_N_ELEMENTS(parents); i++) {
        if (!strcmp(parents[i][0], c->bus)) {
            return parents[i][1];
        }
    }
    return "device";
}

static const char *object_parent(const char *kind)
{
    return g_str_has_prefix(kind, "memory-backend-") ? "memory-backend"
           : g_str_has_prefix(kind, "rng-")          ? "rng-backend"
                                                     : "object";
}

static void types_each(const GuestTarget *t, TypeFn *fn, void *opaque)
{
    static const char *const abstract[][2] = {
        {"object", NULL},          {"device", "object"},        {"sys-bus-device", "device"},
        {"pci-device", "device"},  {"virtio-device", "device"}, {"scsi-device", "device"},
        {"cpu", "device"},         {"machine", "object"},       {"memory-backend", "object"},
        {"rng-backend", "object"},
    };
    g_autofree char *cpu = g_strconcat(t->arch, "-cpu", NULL);
    g_auto(GStrv) models = qmp_cpu_models(t);
    const DeviceClass *c;
    const MachineDesc *d;
    const char *kind;

    for (unsigned i = 0; i < G_N_ELEMENTS(abstract); i++) {
        fn(opaque, abstract[i][0], abstract[i][1], true);
    }
    for (unsigned i = 0; (c = device_class_at(i)); i++) {
        fn(opaque, c->name, class_parent(c), false);
    }
    for (unsigned i = 0; (d = machine_desc_at(t, i)); i++) {
        g_autofree char *name = g_strconcat(d->name, "-machine", NULL);

        fn(opaque, name, "machine", false);
    }
    fn(opaque, cpu, "cpu", true);
    for (unsigned i = 0; models[i]; i++) {
        g_autofree char *name = qmp_cpu_type(t, models[i]);

        fn(opaque, name, cpu, false);
    }
    for (unsigned i = 0; (kind = config_object_kind_at(i)); i++) {
        fn(opaque, kind, object_parent(kind), false);
    }
}

typedef struct TypeQuery {
    const char *name;     /* of interest; NULL: all */
    const char *ancestor; /* of those; NULL: any */
    const GuestTarget *t;
    bool abstract;
    GString *out;
    char *parent; /* of the type `name` */
    bool found;
} TypeQuery;

static void type_find(void *opaque, const char *name, const char *parent, bool abstract)
{
    TypeQuery *f = opaque;

    if (!strcmp(name, f->name)) {
        f->found = true;
        g_free(f->parent);
        f->parent = g_strdup(parent);
    }
}

static bool type_is(const GuestTarget *t, const char *name, const char *ancestor)
{
    if (!strcmp(name, ancestor)) {
        return true;
    }
    TypeQuery f = {.name = name};
    types_each(t, type_find, &f);
    g_autofree char *parent = f.parent;
    return parent && type_is(t, parent, ancestor);
}

static void type_list(void *opaque, const char *name, const char *parent, bool abstract)
{
    TypeQuery *l = opaque;

    if ((abstract && !l->abstract) || (l->ancestor && !type_is(l->t, name, l->ancestor))) {
        return;
    }
    json_comma(l->out);
    json_add(l->out, "{'name': %s", name);
    if (parent) {
        json_add(l->out, ", 'parent': %s", parent);
    }
    g_string_append(l->out, abstract ? ", \"abstract\": true}" : "}");
}

static bool cmd_list_types(Qmp *q, OptDict *a, GString *out, GError **err)
{
    TypeQuery l = {.t = qmp_machine(q)->target,
                   .abstract = qmp_arg_bool(a, "abstract", false),
                   .ancestor = opt_get(a, "implements"),
                   .out = out};

    g_string_append_c(out, '[');
    types_each(l.t, type_list, &l);
    g_string_append_c(out, ']');
    return true;
}

/* ---- properties ---- */

static void add_property(GString *s, const char *name, const char *type, const char *help)
{
    json_comma(s);
    json_add(s, "{'name': %s, 'type': %s", name, type);
    if (help) {
        json_add(s, ", 'description': %s", help);
    }
    g_string_append_c(s, '}');
}

/* A value's text, as prop_get() gives it or a default is written, as JSON. */
static void add_value(GString *s, const PropDesc *p, const char *text)
{
    uint64_t n;

    switch (p->kind) {
    case PROP_KIND_BOOL:
        json_add(s, "%b", text && !strcmp(text, "on"));
        break;
    case PROP_KIND_U8:
    case PROP_KIND_U16:
    case PROP_KIND_U32:
    case PROP_KIND_U64:
    case PROP_KIND_SIZE:
        n = 0;
        opt_value_size(p->name, text ? text : "0", 1, &n, NULL);
        json_add(s, "%u", n);
        break;
    case PROP_KIND_I32:
    case PROP_KIND_I64:
        json_add(s, "%r", text ? text : "0");
        break;
    default:
        json_add(s, "%s", text ? text : "");
    }
}

static void add_props(GString *s, const PropDesc *table, bool defaults)
{
    for (const PropDesc *p = table; p && p->name; p++) {
        if (p->internal) {
            continue;
        }
        add_property(s, p->name, prop_type_name(p), defaults ? p->help : NULL);
        bool given = p->def || p->kind <= PROP_KIND_SIZE;
        if (defaults && given) {
            g_string_truncate(s, s->len - 1);
            g_string_append(s, ", \"default-value\": ");
            add_value(s, p, p->def);
            g_string_append_c(s, '}');
        }
    }
}

static const PropDesc *class_props(const DeviceClass *c)
{
    return c && c->props ? c->props() : NULL;
}

static void add_class(GString *s, const DeviceClass *c, bool defaults)
{
    add_props(s, class_props(c), defaults);
    if (c->backend) {
        add_props(s, class_props(device_class_find(c->backend)), defaults);
    }
}

static void add_object_keys(GString *s, unsigned kind)
{
    const char *key, *type;

    for (unsigned i = 0; (key = config_object_key_at(kind, i, &type)); i++) {
        add_property(s, key, type, NULL);
    }
}

static void add_machine_props(GString *s, const MachineDesc *d, bool defaults)
{
    static const char *const common[][2] = {
        {"memory-backend", "string"}, {"dumpdtb", "string"}, {"dtb", "string"},
        {"kernel", "string"},         {"initrd", "string"},  {"append", "string"},
        {"firmware", "string"}};

    for (unsigned i = 0; i < G_N_ELEMENTS(common); i++) {
        add_property(s, common[i][0], common[i][1], NULL);
    }
    add_props(s, d->props ? d->props() : NULL, defaults);
}

static int object_kind_find(const char *name)
{
    const char *kind;

    for (unsigned i = 0; (kind = config_object_kind_at(i)); i++) {
        if (!strcmp(kind, name)) {
            return i;
        }
    }
    return -1;
}

/* The machine whose type it is. */
static const MachineDesc *machine_of_type(const GuestTarget *t, const char *type)
{
    g_autofree char *name = NULL;

    if (!g_str_has_suffix(type, "-machine")) {
        return NULL;
    }
    name = g_strndup(type, strlen(type) - strlen("-machine"));
    return machine_desc_find(t, name);
}

static bool cmd_device_properties(Qmp *q, OptDict *a, GString *out, GError **err)
{
    const char *name = opt_get(a, "typename");
    const DeviceClass *c = device_class_find(name);
    TypeQuery f = {.name = name};

    if (!c || strcmp(c->name, name)) {
        types_each(qmp_machine(q)->target, type_find, &f);
        g_free(f.parent);
        if (f.found) {
            rhea_error_set(err, "Parameter 'typename' expects a non-abstract device type");
        } else {
            qmp_error_class(q, "DeviceNotFound");
            rhea_error_set(err, "Device '%s' not found", name);
        }
        return false;
    }
    g_string_append_c(out, '[');
    add_class(out, c, true);
    g_string_append_c(out, ']');
    return true;
}

static bool cmd_list_properties(Qmp *q, OptDict *a, GString *out, GError **err)
{
    const char *name = opt_get(a, "typename");
    const GuestTarget *t = qmp_machine(q)->target;
    const DeviceClass *c = device_class_find(name);
    const MachineDesc *d = machine_of_type(t, name);
    int kind = object_kind_find(name);
    TypeQuery f = {.name = name};

    types_each(t, type_find, &f);
    g_free(f.parent);
    if (!f.found) {
        qmp_error_class(q, "DeviceNotFound");
        rhea_error_set(err, "Class '%s' not found", name);
        return false;
    }
    g_string_append_c(out, '[');
    add_property(out, "type", "string", NULL);
    if (c) {
        add_class(out, c, true);
    } else if (d) {
        add_machine_props(out, d, true);
    } else if (kind >= 0) {
        add_object_keys(out, kind);
    }
    g_string_append_c(out, ']');
    return true;
}

/* ---- the tree ---- */

typedef struct Node {
    enum {
        NODE_NONE,
        NODE_FOLDER,
        NODE_MACHINE,
        NODE_DEVICE,
        NODE_CPU,
        NODE_OBJECT,
        NODE_CHAR
    } kind;
    char path[32]; /* of a folder */
    Device *d;
    OptDict *object;
} Node;

/* "/machine/peripheral-anon" of a device's path */
static bool device_is_in(const Device *d, const char *folder)
{
    g_autofree char *path = device_path(d);
    size_t n = strlen(folder);

    return !strncmp(path, folder, n) && path[n] == '/' && !strchr(path + n + 1, '/');
}

static Device *device_by_path(Machine *m, const char *path)
{
    Device *d;

    for (unsigned i = 0; (d = device_at(m, i)); i++) {
        g_autofree char *own = device_path(d);

        if (!strcmp(own, path)) {
            return d;
        }
    }
    return NULL;
}

static OptDict *object_find(Machine *m, const char *id)
{
    for (unsigned i = 0; i < m->objects->len; i++) {
        OptDict *o = g_ptr_array_index(m->objects, i);

        if (!strcmp(opt_get(o, "id"), id)) {
            return o;
        }
    }
    return NULL;
}

/* An absolute path, or the end of one that is the only such. */
static Node node_find(Machine *m, const char *path)
{
    static const char *const folders[] = {"",
                                          "/objects",
                                          "/chardevs",
                                          "/machine/peripheral",
                                          "/machine/peripheral-anon",
                                          "/machine/unattached",
                                          NULL};
    static const char *const partial[] = {"/machine/peripheral/", "/objects/", "/machine/", "/"};
    g_autofree char *full = g_strdup(path);
    unsigned cpu;
    char end;

    if (*path != '/' && *path) {
        for (unsigned i = 0; i < G_N_ELEMENTS(partial); i++) {
            g_autofree char *try = g_strconcat(partial[i], path, NULL);
            Node n = node_find(m, try);

            if (n.kind != NODE_NONE) {
                return n;
            }
        }
        return (Node){NODE_NONE};
    }
    for (size_t n = strlen(full); n && full[n - 1] == '/'; n--) {
        full[n - 1] = 0;
    }
    if (g_strv_contains(folders, full)) {
        Node n = {NODE_FOLDER};

        g_strlcpy(n.path, full, sizeof(n.path));
        return n;
    }
    if (!strcmp(full, "/machine")) {
        return (Node){NODE_MACHINE};
    }
    if (sscanf(full, "/machine/cpu[%u]%c", &cpu, &end) == 1 && m->accel &&
        cpu < accel_cpu_count(m->accel)) {
        return (Node){NODE_CPU};
    }
    if (g_str_has_prefix(full, "/objects/") && object_find(m, full + 9)) {
        return (Node){NODE_OBJECT, .object = object_find(m, full + 9)};
    }
    if (g_str_has_prefix(full, "/chardevs/") && chardev_find(m->chars, full + 10)) {
        return (Node){NODE_CHAR};
    }
    Device *d = device_by_path(m, full);
    return d ? (Node){NODE_DEVICE, .d = d} : (Node){NODE_NONE};
}

static char *node_type(Machine *m, const Node *n)
{
    switch (n->kind) {
    case NODE_MACHINE:
        return g_strconcat(m->desc->name, "-machine", NULL);
    case NODE_DEVICE:
        return g_strdup(n->d->cls->name);
    case NODE_CPU: {
        g_autofree char *model = qmp_cpu_model(m);

        return qmp_cpu_type(m->target, model);
    }
    case NODE_OBJECT:
        return g_strdup(opt_get(n->object, "qom-type"));
    case NODE_CHAR:
        return g_strdup("chardev");
    default:
        return g_strdup("container");
    }
}

static void add_child(GString *s, const char *name, const char *type)
{
    g_autofree char *text = g_strdup_printf("child<%s>", type);

    add_property(s, name, text, NULL);
}

static void add_folder(GString *s, Machine *m, const char *path)
{
    Device *d;
    Chardev *c;

    if (!*path) {
        g_autofree char *type = node_type(m, &(Node){NODE_MACHINE});

        add_child(s, "machine", type);
        add_child(s, "objects", "container");
        add_child(s, "chardevs", "container");
    } else if (!strcmp(path, "/objects")) {
        for (unsigned i = 0; i < m->objects->len; i++) {
            OptDict *o = g_ptr_array_index(m->objects, i);

            add_child(s, opt_get(o, "id"), opt_get(o, "qom-type"));
        }
    } else if (!strcmp(path, "/chardevs")) {
        for (unsigned i = 0; (c = chardev_at(m->chars, i)); i++) {
            add_child(s, chardev_id(c), "chardev");
        }
    } else {
        for (unsigned i = 0; (d = device_at(m, i)); i++) {
            g_autofree char *own = device_path(d);

            if (device_is_in(d, path)) {
                add_child(s, own + strlen(path) + 1, d->cls->name);
            }
        }
    }
}

static void add_machine(GString *s, Machine *m)
{
    g_autofree char *cpu = node_type(m, &(Node){NODE_CPU});

    add_machine_props(s, m->desc, false);
    add_child(s, "peripheral", "container");
    add_child(s, "peripheral-anon", "container");
    add_child(s, "unattached", "container");
    for (unsigned i = 0; m->accel && i < accel_cpu_count(m->accel); i++) {
        g_autofree char *name = g_strdup_printf("cpu[%u]", i);

        add_child(s, name, cpu);
    }
}

static bool not_found(Qmp *q, const char *path, GError **err)
{
    qmp_error_class(q, "DeviceNotFound");
    rhea_error_set(err, "Device '%s' not found", path);
    return false;
}

static bool cmd_list(Qmp *q, OptDict *a, GString *out, GError **err)
{
    Machine *m = qmp_machine(q);
    const char *path = opt_get(a, "path");
    Node n = node_find(m, path);

    if (n.kind == NODE_NONE) {
        return not_found(q, path, err);
    }
    g_string_append_c(out, '[');
    add_property(out, "type", "string", NULL);
    if (n.kind == NODE_FOLDER) {
        add_folder(out, m, n.path);
    } else if (n.kind == NODE_MACHINE) {
        add_machine(out, m);
    } else if (n.kind == NODE_OBJECT) {
        add_object_keys(out, object_kind_find(opt_get(n.object, "qom-type")));
    } else if (n.kind == NODE_DEVICE) {
        add_property(out, "parent_bus", "link<bus>", NULL);
        add_property(out, "realized", "bool", NULL);
        add_property(out, "hotplugged", "bool", NULL);
        add_property(out, "hotpluggable", "bool", NULL);
        add_class(out, n.d->cls, false);
        if (n.d->backend && n.d->backend->parent) {
            add_child(out, "virtio-backend", n.d->backend->cls->name);
        }
    }
    g_string_append_c(out, ']');
    return true;
}

/* ---- values ---- */

static bool get_device(Device *d, const char *name, GString *out, GError **err)
{
    const PropDesc *p = prop_find(class_props(d->cls), name);

    if (!strcmp(name, "realized")) {
        json_add(out, "%b", d->realized);
    } else if (!strcmp(name, "hotplugged")) {
        json_add(out, "%b", d->hotplugged);
    } else if (!strcmp(name, "hotpluggable")) {
        json_add(out, "%b", d->parent && d->parent->unplug_request);
    } else if (!strcmp(name, "parent_bus")) {
        g_autofree char *owner = d->parent && d->parent->owner ? device_path(d->parent->owner)
                                                               : g_strdup("/machine/unattached");
        g_autofree char *path =
            g_strdup_printf("%s/%s", owner, d->parent ? d->parent->name : "sysbus");

        json_add(out, "%s", path);
    } else if (!p && d->backend && prop_find(class_props(d->backend->cls), name)) {
        return get_device(d->backend, name, out, err);
    } else if (!p || p->internal) {
        rhea_error_set(err, "Property '%s.%s' not found", d->cls->name, name);
        return false;
    } else {
        g_autofree char *text = prop_get(p, d);

        add_value(out, p, text);
    }
    return true;
}

static bool get_machine(Machine *m, const char *name, GString *out)
{
    const struct {
        const char *name, *value;
    } rows[] = {{"kernel", m->kernel},
                {"initrd", m->initrd},
                {"append", m->append},
                {"dtb", m->dtb},
                {"dumpdtb", m->dumpdtb},
                {"firmware", m->firmware},
                {"memory-backend", m->memory_backend}};
    const PropDesc *p = prop_find(m->desc->props ? m->desc->props() : NULL, name);

    for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
        if (!strcmp(rows[i].name, name)) {
            json_add(out, "%s", rows[i].value ? rows[i].value : "");
            return true;
        }
    }
    if (p) {
        const char *text = opt_get(m->props, name);

        add_value(out, p, text ? text : p->def);
    }
    return p;
}

static bool get_object(const OptDict *o, const char *name, GString *out)
{
    int kind = object_kind_find(opt_get(o, "qom-type"));
    const char *key, *type, *text = opt_get(o, name);
    uint64_t n = 0;

    for (unsigned i = 0; (key = config_object_key_at(kind, i, &type)); i++) {
        if (strcmp(key, name)) {
            continue;
        }
        if (!strcmp(type, "bool")) {
            bool on = false;

            opt_value_bool(name, text ? text : "off", &on, NULL);
            json_add(out, "%b", on);
        } else if (!strcmp(type, "int")) {
            opt_value_size(name, text ? text : "0", 1, &n, NULL);
            json_add(out, "%u", n);
        } else {
            json_add(out, "%s", text ? text : "");
        }
        return true;
    }
    return false;
}

static bool cmd_get(Qmp *q, OptDict *a, GString *out, GError **err)
{
    Machine *m = qmp_machine(q);
    const char *path = opt_get(a, "path"), *name = opt_get(a, "property");
    Node n = node_find(m, path);
    g_autofree char *type = node_type(m, &n);
    bool good = true;

    if (n.kind == NODE_NONE) {
        return not_found(q, path, err);
    }
    if (!strcmp(name, "type")) {
        json_add(out, "%s", type);
    } else if (n.kind == NODE_DEVICE) {
        return get_device(n.d, name, out, err);
    } else if (n.kind == NODE_MACHINE) {
        good = get_machine(m, name, out);
    } else {
        good = n.kind == NODE_OBJECT && get_object(n.object, name, out);
    }
    if (!good) {
        rhea_error_set(err, "Property '%s.%s' not found", type, name);
    }
    return good;
}

const QmpCommand qmp_qom_commands[] = {
    {"device-list-properties", "typename:str", "[ObjectPropertyInfo]", cmd_device_properties},
    {"qom-get", "path:str property:str", "any", cmd_get},
    {"qom-list", "path:str", "[ObjectPropertyInfo]", cmd_list},
    {"qom-list-properties", "typename:str", "[ObjectPropertyInfo]", cmd_list_properties},
    {"qom-list-types", "implements?:str abstract?:bool", "[DeviceInfo]", cmd_list_types},
    {0},
};
