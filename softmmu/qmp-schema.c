/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The rhea authors */
/*
 * QMP: what types arguments, answers and events have. Messages are checked against it before a
 * command sees them, and query-qmp-schema says it ("QEMU QMP Reference Manual", introspection): one
 * description, that of the commands' own rows (qmp.h) and of the tables here.
 *
 * A type is a word: str, int, number, bool, null, any, [T] for a list, or a name of the table
 * `types`. Its definition there is
 *     "= a b c"      an enumeration
 *     "| T1 T2"      one of these types, told apart by what JSON has
 *     "a:T1 b?:T2"   an object with its members, those with a '?' optional; with "@a" behind them
 *                    the member `a`, an enumeration, says what else is there: "x=T" for the value
 *                    x the members of T, an object
 * besides, "*": any more, for the command to check; and of arguments, "&T": those of T.
 *
 * Main loop's thread. Test: tests/qmp/, which holds every answer and event against the schema.
 */
#include <string.h>
#include "qmp.h"

typedef struct TypeRow {
    const char *name, *def;
} TypeRow;

#define EMPTY "Empty"
#define JOB_COMMON                                                                                 \
    "job-id?:str device:str target:str sync:MirrorSyncMode speed?:int "                            \
    "on-source-error?:BlockdevOnError on-target-error?:BlockdevOnError filter-node-name?:str "     \
    "auto-finalize?:bool auto-dismiss?:bool "
#define BACKUP                                                                                     \
    JOB_COMMON "bitmap?:str bitmap-mode?:BitmapSyncMode compress?:bool x-perf?:any "               \
               "on-cbw-error?:OnCbwError discard-source?:bool "
#define MIRROR    JOB_COMMON "granularity?:int replaces?:str buf-size?:int copy-mode?:MirrorCopyMode "
#define NEW_IMAGE "format?:str mode?:NewImageMode "
#define NODE_INFO                                                                                  \
    "file:str node-name:str ro:bool drv:str backing_file?:str backing_file_depth:int "             \
    "children:[BlockdevChild] active:bool encrypted:bool detect_zeroes:DetectZeroes bps:int "      \
    "bps_rd:int bps_wr:int iops:int iops_rd:int iops_wr:int image:ImageInfo "                      \
    "cache:BlockdevCacheInfo write_threshold:int dirty-bitmaps?:[BlockDirtyInfo]"

static const TypeRow types[] = {
    {EMPTY, ""},
    /* The machine. */
    {"AcceleratorInfo", "enabled:Accelerator present:[Accelerator]"},
    {"Accelerator", "= tcg"},
    {"BalloonInfo", "actual:int"},
    {"ChardevBackendInfo", "name:str"},
    {"ChardevInfo", "label:str filename:str frontend-open:bool"},
    {"CommandInfo", "name:str"},
    {"CommandLineOptionInfo", "option:str parameters:[CommandLineParameterInfo]"},
    {"CommandLineParameterInfo", "name:str type:CommandLineParameterType help?:str default?:str"},
    {"CommandLineParameterType", "= string boolean number size"},
    {"CpuDefinitionInfo", "name:str static:bool typename:str deprecated:bool alias-of?:str "
                          "migration-safe?:bool"},
    {"CpuInfoFast", "cpu-index:int qom-type:str qom-path:str thread-id:int "
                    "props?:CpuInstanceProperties target:str"},
    {"CpuInstanceProperties", "socket-id?:int cluster-id?:int core-id?:int thread-id?:int"},
    {"CurrentMachineParams", "wakeup-suspend-support:bool"},
    {"DeviceInfo", "name:str parent?:str abstract?:bool"},
    {"GuestPanicAction", "= pause poweroff run"},
    {"IOThreadInfo", "id:str thread-id:int poll-max-ns:int poll-grow:int poll-shrink:int "
                     "poll-weight:int aio-max-batch:int"},
    {"KvmInfo", "enabled:bool present:bool"},
    {"MachineInfo", "name:str alias?:str is-default?:bool cpu-max:int hotpluggable-cpus:bool "
                    "numa-mem-supported:bool deprecated:bool default-cpu-type?:str "
                    "default-ram-id?:str acpi:bool"},
    {"Memdev", "id?:str size:int merge:bool dump:bool prealloc:bool share:bool reserve?:bool "
               "host-nodes:[int] policy:HostMemPolicy"},
    {"HostMemPolicy", "= default preferred bind interleave"},
    {"MemoryInfo", "base-memory:int plugged-memory?:int"},
    {"MigrationInfo", "status?:str"},
    {"MouseInfo", "name:str index:int current:bool absolute:bool"},
    {"NameInfo", "name?:str"},
    {"ObjectPropertyInfo", "name:str type:str description?:str default-value?:any"},
    {"PciBridgeInfo", "bus:PciBusInfo devices?:[PciDeviceInfo]"},
    {"PciBusInfo", "number:int secondary:int subordinate:int io_range:PciMemoryRange "
                   "memory_range:PciMemoryRange prefetchable_range:PciMemoryRange"},
    {"PciDeviceClass", "desc?:str class:int"},
    {"PciDeviceId", "device:int vendor:int subsystem?:int subsystem-vendor?:int"},
    {"PciDeviceInfo", "bus:int slot:int function:int class_info:PciDeviceClass id:PciDeviceId "
                      "irq?:int irq_pin:int qdev_id:str pci_bridge?:PciBridgeInfo "
                      "regions:[PciMemoryRegion]"},
    {"PciInfo", "bus:int devices:[PciDeviceInfo]"},
    {"PciMemoryRange", "base:int limit:int"},
    {"PciMemoryRegion", "bar:int type:str address:int size:int prefetch?:bool mem_type_64?:bool"},
    {"QMPCapability", "= oob"},
    {"PanicAction", "= shutdown pause exit-failure none"},
    {"RebootAction", "= reset shutdown"},
    {"RunState", "= prelaunch running paused shutdown guest-panicked internal-error io-error "
                 "watchdog"},
    {"ShutdownAction", "= poweroff pause"},
    {"ShutdownReason", "= none host-error host-qmp-quit host-qmp-system-reset host-signal host-ui "
                       "guest-shutdown guest-reset guest-panic"},
    {"SchemaInfo", "name:str meta-type:SchemaMetaType @meta-type builtin=SchemaInfoBuiltin "
                   "enum=SchemaInfoEnum array=SchemaInfoArray object=SchemaInfoObject "
                   "alternate=SchemaInfoAlternate command=SchemaInfoCommand "
                   "event=SchemaInfoEvent"},
    {"SchemaMetaType", "= builtin enum array object alternate command event"},
    {"SchemaInfoBuiltin", "json-type:JSONType"},
    {"JSONType", "= string number int boolean null object array value"},
    {"SchemaInfoEnum", "members:[SchemaInfoEnumMember] values:[str]"},
    {"SchemaInfoEnumMember", "name:str"},
    {"SchemaInfoArray", "element-type:str"},
    {"SchemaInfoObject",
     "members:[SchemaInfoObjectMember] tag?:str variants?:[SchemaInfoObjectVariant]"},
    {"SchemaInfoObjectMember", "name:str type:str default?:any"},
    {"SchemaInfoObjectVariant", "case:str type:str"},
    {"SchemaInfoAlternate", "members:[SchemaInfoAlternateMember]"},
    {"SchemaInfoAlternateMember", "type:str"},
    {"SchemaInfoCommand", "arg-type:str ret-type:str allow-oob?:bool"},
    {"SchemaInfoEvent", "arg-type:str"},
    {"StatusInfo", "running:bool status:RunState"},
    {"TargetInfo", "arch:str"},
    {"UuidInfo", "UUID:str"},
    {"VersionInfo", "qemu:VersionTriple package:str"},
    {"VersionTriple", "major:int minor:int micro:int"},
    {"WatchdogAction", "= reset shutdown poweroff pause debug none inject-nmi"},
    /* Disks. */
    {"BitmapSyncMode", "= on-success never always"},
    {"BlockDirtyBitmap", "node:str name:str"},
    {"BlockDirtyBitmapAdd", "node:str name:str granularity?:int persistent?:bool disabled?:bool"},
    {"BlockDirtyBitmapMerge", "node:str target:str bitmaps:[BlockDirtyBitmapOrStr]"},
    {"BlockDirtyBitmapOrStr", "| str BlockDirtyBitmap"},
    {"BlockdevAioOptions", "= threads native io_uring"},
    {"BlockdevBackup", BACKUP},
    {"BlockdevCacheOptions", "direct?:bool no-flush?:bool"},
    {"BlockdevCreateDriver", "= file qcow2"},
    {"BlockdevCreateOptions", "driver:BlockdevCreateDriver @driver file=BlockdevCreateOptionsFile "
                              "qcow2=BlockdevCreateOptionsQcow2"},
    {"BlockdevCreateOptionsFile", "filename:str size:int preallocation?:PreallocMode nocow?:bool"},
    {"BlockdevCreateOptionsQcow2",
     "file:BlockdevRef size:int version?:BlockdevQcow2Version backing-file?:str backing-fmt?:str "
     "cluster-size?:int preallocation?:PreallocMode lazy-refcounts?:bool refcount-bits?:int "
     "extended-l2?:bool compression-type?:Qcow2CompressionType"},
    {"BlockdevDiscardOptions", "= ignore unmap"},
    {"BlockdevDriver", "= blkdebug blkverify copy-on-read file host_cdrom host_device nbd null-aio "
                       "null-co preallocate qcow2 raw throttle"},
    {"BlockdevMirror", MIRROR},
    {"BlockdevOptions",
     "driver:BlockdevDriver node-name?:str discard?:BlockdevDiscardOptions "
     "cache?:BlockdevCacheOptions read-only?:bool auto-read-only?:bool force-share?:bool "
     "detect-zeroes?:DetectZeroes @driver blkdebug=BlockdevOptionsTest "
     "blkverify=BlockdevOptionsTest copy-on-read=BlockdevOptionsGenericFormat "
     "file=BlockdevOptionsFile host_cdrom=BlockdevOptionsFile host_device=BlockdevOptionsFile "
     "nbd=BlockdevOptionsNbd null-aio=BlockdevOptionsNull null-co=BlockdevOptionsNull "
     "preallocate=BlockdevOptionsPreallocate qcow2=BlockdevOptionsQcow2 raw=BlockdevOptionsRaw "
     "throttle=BlockdevOptionsThrottle"},
    {"BlockdevOptionsGenericFormat", "file:BlockdevRef"},
    {"BlockdevOptionsNull", "size?:int latency-ns?:int read-zeroes?:bool"},
    {"BlockdevOptionsPreallocate", "file:BlockdevRef prealloc-align?:int prealloc-size?:int"},
    {"BlockdevOptionsTest", "*"},
    {"BlockdevOptionsFile", "filename:str locking?:OnOffAuto aio?:BlockdevAioOptions"},
    {"BlockdevOptionsNbd",
     "server:SocketAddress export?:str reconnect-delay?:int open-timeout?:int"},
    {"BlockdevOptionsQcow2",
     "file:BlockdevRef backing?:BlockdevRefOrNull lazy-refcounts?:bool "
     "pass-discard-request?:bool pass-discard-snapshot?:bool pass-discard-other?:bool "
     "overlap-check?:any cache-size?:int l2-cache-size?:int refcount-cache-size?:int "
     "data-file?:BlockdevRef"},
    {"BlockdevOptionsRaw", "file:BlockdevRef offset?:int size?:int"},
    {"BlockdevOptionsThrottle", "throttle-group:str file:BlockdevRef"},
    {"BlockdevQcow2Version", "= v2 v3"},
    {"BlockdevRef", "| str BlockdevOptions"},
    {"BlockdevRefOrNull", "| str null BlockdevOptions"},
    {"BlockdevSnapshot", "node:str overlay:str"},
    {"BlockdevSnapshotSync", "device?:str node-name?:str snapshot-file:str snapshot-node-name?:str "
                             "format?:str mode?:NewImageMode"},
    {"DriveBackup", BACKUP NEW_IMAGE},
    {"DriveMirror", MIRROR NEW_IMAGE "node-name?:str unmap?:bool"},
    {"OnCbwError", "= break-snapshot"},
    {"OnOffAuto", "= auto on off"},
    {"PreallocMode", "= off metadata falloc full"},
    {"SocketAddress", "type:SocketAddressType @type inet=InetSocketAddress unix=UnixSocketAddress"},
    {"SocketAddressType", "= inet unix"},
    {"InetSocketAddress", "host:str port:str"},
    {"UnixSocketAddress", "path:str"},
    {"TransactionAction",
     "type:TransactionActionKind @type abort=AbortWrapper "
     "block-dirty-bitmap-add=BlockDirtyBitmapAddWrapper "
     "block-dirty-bitmap-clear=BlockDirtyBitmapWrapper "
     "block-dirty-bitmap-disable=BlockDirtyBitmapWrapper "
     "block-dirty-bitmap-enable=BlockDirtyBitmapWrapper "
     "block-dirty-bitmap-merge=BlockDirtyBitmapMergeWrapper "
     "block-dirty-bitmap-remove=BlockDirtyBitmapWrapper blockdev-backup=BlockdevBackupWrapper "
     "blockdev-snapshot=BlockdevSnapshotWrapper "
     "blockdev-snapshot-sync=BlockdevSnapshotSyncWrapper drive-backup=DriveBackupWrapper"},
    {"TransactionActionKind",
     "= abort block-dirty-bitmap-add block-dirty-bitmap-clear block-dirty-bitmap-disable "
     "block-dirty-bitmap-enable block-dirty-bitmap-merge block-dirty-bitmap-remove "
     "blockdev-backup blockdev-snapshot blockdev-snapshot-sync drive-backup"},
    {"AbortWrapper", "data:Empty"},
    {"BlockDirtyBitmapAddWrapper", "data:BlockDirtyBitmapAdd"},
    {"BlockDirtyBitmapMergeWrapper", "data:BlockDirtyBitmapMerge"},
    {"BlockDirtyBitmapWrapper", "data:BlockDirtyBitmap"},
    {"BlockdevBackupWrapper", "data:BlockdevBackup"},
    {"BlockdevSnapshotSyncWrapper", "data:BlockdevSnapshotSync"},
    {"BlockdevSnapshotWrapper", "data:BlockdevSnapshot"},
    {"DriveBackupWrapper", "data:DriveBackup"},
    {"TransactionProperties", "completion-mode?:ActionCompletionMode"},
    {"ActionCompletionMode", "= individual"},
    {"BlockDeviceInfo", NODE_INFO},
    {"BlockDeviceIoStatus", "= ok failed nospace"},
    {"BlockDeviceStats",
     "rd_bytes:int wr_bytes:int zone_append_bytes:int unmap_bytes:int rd_operations:int "
     "wr_operations:int zone_append_operations:int flush_operations:int unmap_operations:int "
     "rd_total_time_ns:int wr_total_time_ns:int zone_append_total_time_ns:int "
     "flush_total_time_ns:int unmap_total_time_ns:int wr_highest_offset:int rd_merged:int "
     "wr_merged:int zone_append_merged:int unmap_merged:int failed_rd_operations:int "
     "failed_wr_operations:int failed_zone_append_operations:int failed_flush_operations:int "
     "failed_unmap_operations:int invalid_rd_operations:int invalid_wr_operations:int "
     "invalid_zone_append_operations:int invalid_flush_operations:int "
     "invalid_unmap_operations:int account_invalid:bool account_failed:bool timed_stats:[Empty]"},
    {"BlockDirtyInfo", "name?:str count:int granularity:int recording:bool busy:bool "
                       "persistent:bool inconsistent?:bool"},
    {"BlockErrorAction", "= ignore report stop"},
    {"BlockInfo", "device:str qdev?:str type:str removable:bool locked:bool "
                  "inserted?:BlockDeviceInfo io-status?:BlockDeviceIoStatus"},
    {"BlockJobInfo", "type:JobType device:str len:int offset:int busy:bool paused:bool speed:int "
                     "io-status:BlockDeviceIoStatus ready:bool status:JobStatus "
                     "auto-finalize:bool auto-dismiss:bool error?:str @type "
                     "mirror=BlockJobInfoMirror"},
    {"BlockJobInfoMirror", "actively-synced:bool"},
    {"BlockStats",
     "device?:str qdev?:str node-name?:str stats:BlockDeviceStats backing?:BlockStats"},
    {"BlockdevCacheInfo", "writeback:bool direct:bool no-flush:bool"},
    {"BlockdevChild", "child:str node-name:str"},
    {"BlockdevOnError", "= report ignore enospc stop auto"},
    {"DetectZeroes", "= off on unmap"},
    {"ImageInfo",
     "filename:str format:str dirty-flag?:bool actual-size?:int virtual-size:int "
     "cluster-size?:int backing-filename?:str full-backing-filename?:str "
     "backing-filename-format?:str format-specific?:ImageInfoSpecific backing-image?:ImageInfo"},
    {"ImageInfoSpecific", "type:ImageInfoSpecificKind @type qcow2=ImageInfoSpecificQCow2Wrapper"},
    {"ImageInfoSpecificKind", "= qcow2"},
    {"ImageInfoSpecificQCow2Wrapper", "data:ImageInfoSpecificQCow2"},
    {"ImageInfoSpecificQCow2", "compat:str extended-l2?:bool lazy-refcounts?:bool corrupt?:bool "
                               "refcount-bits:int compression-type:Qcow2CompressionType"},
    {"IoOperationType", "= read write"},
    {"JobInfo", "id:str type:JobType status:JobStatus current-progress:int total-progress:int "
                "error?:str"},
    {"JobStatus", "= undefined created running paused ready standby waiting pending aborting "
                  "concluded null"},
    {"JobType", "= commit stream mirror backup create"},
    {"MirrorCopyMode", "= background write-blocking"},
    {"MirrorSyncMode", "= top full none incremental bitmap"},
    {"NewImageMode", "= existing absolute-paths"},
    {"Qcow2CompressionType", "= zlib zstd"},
};

static const TypeRow events[] = {
    {"BLOCK_IO_ERROR", "qom-path:str device:str node-name?:str operation:IoOperationType "
                       "action:BlockErrorAction nospace?:bool reason:str"},
    {"BLOCK_JOB_CANCELLED", "type:JobType device:str len:int offset:int speed:int"},
    {"BLOCK_JOB_COMPLETED", "type:JobType device:str len:int offset:int speed:int error?:str"},
    {"BLOCK_JOB_ERROR", "device:str operation:IoOperationType action:BlockErrorAction"},
    {"BLOCK_JOB_PENDING", "type:JobType id:str"},
    {"BLOCK_JOB_READY", "type:JobType device:str len:int offset:int speed:int"},
    {"DEVICE_DELETED", "device?:str path:str"},
    {"GUEST_PANICKED", "action:GuestPanicAction"},
    {"JOB_STATUS_CHANGE", "id:str status:JobStatus"},
    {"POWERDOWN", ""},
    {"RESET", "guest:bool reason:ShutdownReason"},
    {"RESUME", ""},
    {"SHUTDOWN", "guest:bool reason:ShutdownReason"},
    {"STOP", ""},
    {"WATCHDOG", "action:WatchdogAction"},
};

static const struct {
    const char *name, *json;
    OptKind kind;
} builtins[] = {
    {"str", "string", JSON_STRING}, {"int", "int", JSON_INTEGER}, {"number", "number", JSON_REAL},
    {"bool", "boolean", JSON_BOOL}, {"null", "null", JSON_NULL},  {"any", "value", JSON_ABSENT},
};

static const char *type_def(const char *name)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(types); i++) {
        if (!strcmp(types[i].name, name)) {
            return types[i].def;
        }
    }
    return NULL;
}

/* ---- definitions ---- */

/* A word of a definition: "name:type", "name?:type", "@name", "name=type", "*" or a name alone. */
typedef struct Word {
    char name[64], type[64];
    bool optional;
    char kind; /* ':' '=' '@' '*' or 0 */
} Word;

static bool word_next(const char **p, Word *w)
{
    *p += strspn(*p, " ");
    size_t n = strcspn(*p, " "), name;

    *w = (Word){0};
    if (n == 0) {
        return false;
    }
    const char *at = *p;
    *p += n;
    if (*at == '@' || *at == '*') {
        w->kind = *at;
        g_strlcpy(w->name, at + 1, MIN(n, sizeof(w->name)));
        return true;
    }
    name = MIN(strcspn(at, " ?:="), sizeof(w->name) - 1);
    memcpy(w->name, at, name);
    w->optional = at[name] == '?';
    name += w->optional;
    if (name < n) {
        w->kind = at[name];
        g_strlcpy(w->type, at + name + 1, MIN(n - name, sizeof(w->type)));
    }
    return true;
}

/* Of arguments: what they stand for. */
static const char *def_of_args(const char *args)
{
    return *args == '&' ? type_def(args + 1) : args;
}

/* The element type of a list's; *buf holds it. */
static const char *element_of(const char *type, char (*buf)[64])
{
    g_strlcpy(*buf, type + 1, MIN(strlen(type) - 1, sizeof(*buf)));
    return *buf;
}

/* ---- messages ---- */

typedef struct Check {
    const OptDict *d;
    GHashTable *known; /* char *: keys that somebody expects; below those of value "open", any */
    GError **err;
} Check;

/* "a.0.b" is a[0].b */
static char *key_show(const char *key)
{
    g_auto(GStrv) words = g_strsplit(key, ".", -1);
    GString *s = g_string_new(NULL);

    for (unsigned i = 0; words[i]; i++) {
        bool number = *words[i] && !words[i][strspn(words[i], "0123456789")];

        g_string_append_printf(s, number ? "[%s]" : s->len ? ".%s" : "%s", words[i]);
    }
    return g_string_free(s, FALSE);
}

static bool check_fail(Check *c, const char *key, const char *expected)
{
    g_autofree char *shown = key_show(key);

    rhea_error_set(c->err, "Invalid parameter type for '%s', expected: %s", shown, expected);
    return false;
}

static bool check_object(Check *c, const char *def, const char *key);

static bool check_enum(Check *c, const char *def, const char *key)
{
    const char *p = def + 1, *value = opt_get(c->d, key);
    Word w;

    if (opt_kind(c->d, key) != JSON_STRING) {
        return check_fail(c, key, "string");
    }
    while (word_next(&p, &w)) {
        if (!strcmp(w.name, value)) {
            return true;
        }
    }
    g_autofree char *shown = key_show(key);
    rhea_error_set(c->err, "Parameter '%s' does not accept value '%s'", shown, value);
    return false;
}

static bool kind_fits(const char *type, OptKind kind)
{
    const char *def = type_def(type);

    for (unsigned i = 0; i < G_N_ELEMENTS(builtins); i++) {
        if (!strcmp(builtins[i].name, type)) {
            return kind == builtins[i].kind || builtins[i].kind == JSON_ABSENT ||
                   (kind == JSON_INTEGER && builtins[i].kind == JSON_REAL);
        }
    }
    return kind == (*type == '[' ? JSON_LIST : *def == '=' ? JSON_STRING : JSON_OBJECT);
}

static bool check_value(Check *c, const char *type, const char *key)
{
    static const char *const expected[] = {
        [JSON_ABSENT] = "value",  [JSON_STRING] = "string", [JSON_INTEGER] = "integer",
        [JSON_REAL] = "number",   [JSON_BOOL] = "boolean",  [JSON_NULL] = "null",
        [JSON_OBJECT] = "object", [JSON_LIST] = "array",
    };
    OptKind kind = opt_kind(c->d, key);
    const char *def = type_def(type);
    char element[64];
    Word w;

    g_hash_table_insert(c->known, g_strdup(key), strcmp(type, "any") ? NULL : "open");
    for (unsigned i = 0; i < G_N_ELEMENTS(builtins); i++) {
        if (!strcmp(builtins[i].name, type)) {
            return kind_fits(type, kind) || check_fail(c, key, expected[builtins[i].kind]);
        }
    }
    if (*type == '[') {
        if (kind != JSON_LIST) {
            return check_fail(c, key, "array");
        }
        element_of(type, &element);
        for (unsigned i = 0;; i++) {
            g_autofree char *at = g_strdup_printf("%s.%u", key, i);

            if (opt_kind(c->d, at) == JSON_ABSENT) {
                return true;
            }
            if (!check_value(c, element, at)) {
                return false;
            }
        }
    }
    if (*def == '=') {
        return check_enum(c, def, key);
    }
    if (*def == '|') {
        for (const char *p = def + 1; word_next(&p, &w);) {
            if (kind_fits(w.name, kind)) {
                return check_value(c, w.name, key);
            }
        }
        return check_fail(c, key, type);
    }
    return kind == JSON_OBJECT ? check_object(c, def, key) : check_fail(c, key, "object");
}

/* The type of the members that go with the value of the tag; NULL: there are none. */
static const char *variant_of(const char *def, const char *value)
{
    Word w;

    for (const char *p = def; word_next(&p, &w);) {
        if (w.kind == '=' && !strcmp(w.name, value)) {
            return type_def(w.type);
        }
    }
    return NULL;
}

/* key "": the arguments themselves. */
static bool check_object(Check *c, const char *def, const char *key)
{
    const char *more = NULL;
    Word w;

    for (const char *p = def; word_next(&p, &w);) {
        g_autofree char *sub = *key ? g_strconcat(key, ".", w.name, NULL) : g_strdup(w.name);

        if (w.kind == '*') {
            g_hash_table_insert(c->known, g_strdup(key), "open");
        } else if (w.kind == '@') {
            more = variant_of(def, opt_get(c->d, sub));
        } else if (w.kind == '=') {
            continue;
        } else if (opt_kind(c->d, sub) != JSON_ABSENT) {
            if (!check_value(c, w.type, sub)) {
                return false;
            }
        } else if (!w.optional) {
            g_autofree char *shown = key_show(sub);

            rhea_error_set(c->err, "Parameter '%s' is missing", shown);
            return false;
        }
    }
    return !more || check_object(c, more, key);
}

/* Is it below something that is taken as it is? */
static bool key_is_open(Check *c, const char *key)
{
    g_autofree char *up = g_strdup(key);

    for (char *dot; *up;) {
        dot = strrchr(up, '.');
        *(dot ? dot : up) = 0;
        if (g_hash_table_lookup(c->known, up)) {
            return true;
        }
    }
    return false;
}

static gboolean key_is_not_empty(const char *key, void *opaque)
{
    return *key && !key_is_open(opaque, key) &&
           !g_hash_table_contains(((Check *)opaque)->known, key);
}

bool qmp_schema_check(const QmpCommand *cmd, const OptDict *a, GError **err)
{
    g_autoptr(GHashTable) known = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    Check c = {a, known, err};

    if (!check_object(&c, def_of_args(cmd->args), "")) {
        return false;
    }
    g_autofree char *extra = opt_first_key(a, key_is_not_empty, &c);
    g_autofree char *shown = extra ? key_show(extra) : NULL;
    if (extra) {
        rhea_error_set(err, "Parameter '%s' is unexpected", shown);
    }
    return !extra;
}

/* ---- query-qmp-schema ---- */

typedef struct Schema {
    GString *out;
    GPtrArray *names; /* char *: types, to be described in this order */
    GHashTable *seen; /* the same */
} Schema;

static void type_need(Schema *s, const char *name)
{
    if (!g_hash_table_contains(s->seen, name)) {
        char *own = g_strdup(name);

        g_hash_table_add(s->seen, own);
        g_ptr_array_add(s->names, own);
    }
}

static void describe_object(Schema *s, const char *name, const char *def)
{
    const char *tag = NULL;
    Word w;

    json_comma(s->out);
    json_add(s->out, "{'name': %s, 'meta-type': 'object', 'members': [", name);
    for (const char *p = def; word_next(&p, &w);) {
        if (w.kind == ':') {
            json_comma(s->out);
            json_add(s->out,
                     w.optional ? "{'name': %s, 'type': %s, 'default': null}"
                                : "{'name': %s, 'type': %s}",
                     w.name, w.type);
            type_need(s, w.type);
        } else if (w.kind == '@') {
            tag = p - strlen(w.name);
        }
    }
    g_string_append_c(s->out, ']');
    if (tag) {
        g_autofree char *own = g_strndup(tag, strcspn(tag, " "));
        g_autofree char *member = g_strconcat(own, ":", NULL);
        const char *values = strstr(def, member) + strlen(member);
        g_autofree char *type = g_strndup(values, strcspn(values, " "));

        json_add(s->out, ", 'tag': %s, 'variants': [", own);
        /* Every value is a case. */
        for (const char *p = type_def(type) + 1; word_next(&p, &w);) {
            Word v = {0};
            const char *q = def;

            while (word_next(&q, &v) && (v.kind != '=' || strcmp(v.name, w.name))) {
            }
            const char *of = v.kind == '=' ? v.type : EMPTY;
            json_comma(s->out);
            json_add(s->out, "{'case': %s, 'type': %s}", w.name, of);
            type_need(s, of);
        }
        g_string_append_c(s->out, ']');
    }
    g_string_append_c(s->out, '}');
}

static void describe_words(Schema *s, const char *name, const char *def)
{
    bool alternate = *def == '|';
    g_autoptr(GString) values = g_string_new("[");
    Word w;

    json_comma(s->out);
    json_add(s->out, "{'name': %s, 'meta-type': %s, 'members': [", name,
             alternate ? "alternate" : "enum");
    for (const char *p = def + 1; word_next(&p, &w);) {
        json_comma(s->out);
        json_comma(values);
        json_add(s->out, alternate ? "{'type': %s}" : "{'name': %s}", w.name);
        json_add(values, "%s", w.name);
        if (alternate) {
            type_need(s, w.name);
        }
    }
    g_string_append(s->out, "]");
    if (!alternate) {
        json_add(s->out, ", 'values': %r]", values->str);
    }
    g_string_append_c(s->out, '}');
}

static void describe_type(Schema *s, const char *name)
{
    const char *def = type_def(name);
    char element[64];

    if (*name == '[') {
        element_of(name, &element);
        json_comma(s->out);
        json_add(s->out, "{'name': %s, 'meta-type': 'array', 'element-type': %s}", name, element);
        type_need(s, element);
        return;
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(builtins); i++) {
        if (!strcmp(builtins[i].name, name)) {
            json_comma(s->out);
            json_add(s->out, "{'name': %s, 'meta-type': 'builtin', 'json-type': %s}", name,
                     builtins[i].json);
            return;
        }
    }
    if (*def == '=' || *def == '|') {
        describe_words(s, name, def);
    } else {
        describe_object(s, name, def);
    }
}

/* A command's or an event's members are an object, a nameless one unless it is "&T" or empty. */
static char *describe_members(Schema *s, const char *of, const char *def)
{
    char *name = *def == '&' ? g_strdup(def + 1)
                 : *def      ? g_strconcat(of, "-arg", NULL)
                             : g_strdup(EMPTY);

    if (*def && *def != '&') {
        describe_object(s, name, def);
    } else {
        type_need(s, name);
    }
    return name;
}

void qmp_schema_add(GString *out)
{
    Schema s = {.out = out,
                .names = g_ptr_array_new(),
                .seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL)};
    const QmpCommand *c;

    g_string_append_c(out, '[');
    for (unsigned i = 0; (c = qmp_command_at(i)); i++) {
        g_autofree char *args = describe_members(&s, c->name, c->args);
        const char *ret = c->ret ? c->ret : EMPTY;

        type_need(&s, ret);
        json_comma(out);
        json_add(out, "{'name': %s, 'meta-type': 'command', 'arg-type': %s, 'ret-type': %s}",
                 c->name, args, ret);
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(events); i++) {
        g_autofree char *args = describe_members(&s, events[i].name, events[i].def);

        json_comma(out);
        json_add(out, "{'name': %s, 'meta-type': 'event', 'arg-type': %s}", events[i].name, args);
    }
    for (unsigned i = 0; i < s.names->len; i++) {
        describe_type(&s, g_ptr_array_index(s.names, i));
    }
    g_string_append_c(out, ']');
    g_ptr_array_unref(s.names);
    g_hash_table_unref(s.seen);
}
