/* See request.h. */
#include "request.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const char USER_WRONG[] = "the default user must be USER or USER:GROUP, each 1 to 32 of letters, digits, _ - and .";

/* Copies a str that must be shorter than the room. */
static bool copy_str(char *out, size_t room, struct wire_str value) {
    if (value.length >= room)
        return false;
    memcpy(out, value.bytes, value.length);
    out[value.length] = 0;
    return true;
}

static bool is_lower_alnum(char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

/* [a-z0-9] followed by [a-z0-9] or any of `more`. */
static bool is_name(const char *text, const char *more) {
    if (!is_lower_alnum(text[0]))
        return false;
    for (const char *c = text + 1; *c != 0; c++)
        if (!is_lower_alnum(*c) && strchr(more, *c) == NULL)
            return false;
    return true;
}

static bool is_hostname(const char *text) {
    if (text[0] == 0 || text[0] == '-')
        return false;
    for (const char *c = text; *c != 0; c++)
        if (!is_lower_alnum(*c) && !(*c >= 'A' && *c <= 'Z') && *c != '-' && *c != '.')
            return false;
    return true;
}

/* Characters of a name or a number as useradd(8) allows them, not one that looks like an option; 0: there is none. */
static size_t account_length(const char *text) {
    size_t length = 0;
    if (text[0] == '-' || text[0] == '.')
        return 0;
    while (is_lower_alnum(text[length]) || (text[length] >= 'A' && text[length] <= 'Z') ||
           (text[length] != 0 && strchr("_-.", text[length]) != NULL))
        length++;
    return length <= ACCOUNT_MAX ? length : 0;
}

/* `user` or `user:group`; it becomes an argument of the guest. */
static bool is_user(const char *text) {
    size_t user = account_length(text);
    if (user == 0 || text[user] == 0)
        return user != 0;
    if (text[user] != ':')
        return false;
    size_t group = account_length(text + user + 1);
    return group != 0 && text[user + 1 + group] == 0;
}

/* Absolute, no empty, `.` or `..` component, no trailing slash. */
static bool is_clean_path(const char *path) {
    if (path[0] != '/' || path[1] == 0)
        return false;
    for (const char *at = path; *at != 0;) {
        const char *name = at + 1;
        size_t length = strcspn(name, "/");
        if (length == 0 || (length == 1 && name[0] == '.') || (length == 2 && name[0] == '.' && name[1] == '.'))
            return false;
        at = name + length;
    }
    return true;
}

/* Whether path is `top` or below it. */
static bool is_below(const char *path, const char *top) {
    size_t length = strlen(top);
    return strncmp(path, top, length) == 0 && (path[length] == 0 || path[length] == '/');
}

static int parse_id(struct wire_reader *reader, struct request *request, struct fault *fault) {
    struct wire_str id = wire_read_str(reader);
    if (reader->error != 0)
        return -EBADMSG;
    if (!copy_str(request->id, sizeof request->id, id) || !is_name(request->id, "-"))
        return fault_set(fault, EINVAL, "validate-id", "the id must match [a-z0-9][a-z0-9-]{0,62}");
    return 0;
}

static int check_limits(const struct limits *limits, struct fault *fault) {
    if (limits->cpu_millis < CPU_MILLIS_MIN || limits->cpu_millis > CPU_MILLIS_MAX ||
        limits->cpu_millis % CPU_MILLIS_STEP != 0)
        return fault_set(fault, EINVAL, "validate-cpu", "cpuMillis is %u; allowed are %u to %u in steps of %u",
                         limits->cpu_millis, CPU_MILLIS_MIN, CPU_MILLIS_MAX, CPU_MILLIS_STEP);
    if (limits->memory_bytes < MEMORY_BYTES_MIN || limits->memory_bytes > MEMORY_BYTES_MAX)
        return fault_set(fault, EINVAL, "validate-memory", "memoryBytes is %llu; allowed are %llu to %llu",
                         (unsigned long long)limits->memory_bytes, MEMORY_BYTES_MIN, MEMORY_BYTES_MAX);
    if (limits->pids < 1 || limits->pids > PIDS_MAX)
        return fault_set(fault, EINVAL, "validate-pids", "pids is %u; allowed are 1 to %u", limits->pids, PIDS_MAX);
    return 0;
}

static int check_target(const struct mount_request *mount, struct fault *fault) {
    static const char *const kept[] = {"/proc", "/sys", "/dev"};
    if (!is_clean_path(mount->target))
        return fault_set(fault, EINVAL, "validate-mount",
                         "a volume's target must be absolute, not /, without . or ..");
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
        if (is_below(mount->target, kept[i]))
            return fault_set(fault, EINVAL, "validate-mount", "a volume cannot be mounted on or below %s", kept[i]);
    return 0;
}

static bool is_volume(const char *text) {
    return strlen(text) < ID_BYTES && is_name(text, "-");
}

static int check_mount(const struct mount_request *mount, struct fault *fault) {
    if (mount->source[0] == '/' ? !is_clean_path(mount->source) : !is_volume(mount->source))
        return fault_set(fault, EINVAL, "validate-mount",
                         "a volume's source must be absolute, without . or .., or a name that matches [a-z0-9][a-z0-9-]{0,62}");
    return check_target(mount, fault);
}

static int check_bytes(uint64_t bytes, const char *what, struct fault *fault) {
    if (bytes < DISK_BYTES_MIN || bytes > DISK_BYTES_MAX)
        return fault_set(fault, EINVAL, "validate-disk", "%s is %llu; allowed are %llu to %llu", what, (unsigned long long)bytes,
                         DISK_BYTES_MIN, DISK_BYTES_MAX);
    return 0;
}

/* VOLUME_…: the name takes the place of an id. */
static int parse_volume(struct wire_reader *reader, struct request *request, bool sized, struct fault *fault) {
    struct wire_str name = wire_read_str(reader);
    request->disk_bytes = sized ? wire_read_u64(reader) : 0;
    if (wire_reader_finish(reader) != 0)
        return -EBADMSG;
    if (!copy_str(request->id, sizeof request->id, name) || !is_volume(request->id))
        return fault_set(fault, EINVAL, "validate-volume", "a volume's name must match [a-z0-9][a-z0-9-]{0,62}");
    return sized ? check_bytes(request->disk_bytes, "the volume's size", fault) : 0;
}

/* ATTACH id source target readOnly defaultUser image; DETACH id target force. */
static int parse_attachment(struct wire_reader *reader, struct request *request, bool attach, struct fault *fault) {
    struct mount_request *mount = &request->mounts[0];
    struct wire_str id = wire_read_str(reader);
    struct wire_str source = {0};
    if (attach)
        source = wire_read_str(reader);
    struct wire_str target = wire_read_str(reader);
    uint8_t flag = wire_read_u8(reader);
    struct wire_str user = {0}, image = {0};
    if (attach) {
        user = wire_read_str(reader);
        image = wire_read_str(reader);
    }
    if (wire_reader_finish(reader) != 0)
        return -EBADMSG;
    if (!copy_str(request->id, sizeof request->id, id) || !is_name(request->id, "-"))
        return fault_set(fault, EINVAL, "validate-id", "the id must match [a-z0-9][a-z0-9-]{0,62}");
    if (!copy_str(mount->target, sizeof mount->target, target) || (attach && !copy_str(mount->source, sizeof mount->source, source)) ||
        flag > 1)
        return fault_set(fault, EINVAL, "validate-mount", "a volume's path is longer than %d bytes or its flag is not 0 or 1",
                         MOUNT_PATH_BYTES - 1);
    request->mount_count = 1;
    mount->read_only = request->force = flag == 1;
    if (!attach)
        return check_target(mount, fault);
    if (!copy_str(request->user, sizeof request->user, user) || !is_user(request->user))
        return fault_set(fault, EINVAL, "validate-user", "%s", USER_WRONG);
    if (!copy_str(request->image, sizeof request->image, image) || !is_name(request->image, "-._"))
        return fault_set(fault, EINVAL, "validate-image", "the image must match [a-z0-9][a-z0-9._-]{0,127}");
    return check_mount(mount, fault);
}

static int parse_mounts(struct wire_reader *reader, struct request *request, struct fault *fault) {
    uint32_t count = wire_read_count(reader);
    int result = 0;
    for (uint32_t i = 0; i < count && reader->error == 0; i++) {
        struct wire_str source = wire_read_str(reader);
        struct wire_str target = wire_read_str(reader);
        uint8_t read_only = wire_read_u8(reader);
        if (reader->error != 0 || i >= MAX_MOUNTS || result != 0)
            continue; /* the frame is still read to its end: malformed outranks refused */
        struct mount_request *mount = &request->mounts[i];
        if (read_only > 1 || !copy_str(mount->source, sizeof mount->source, source) ||
            !copy_str(mount->target, sizeof mount->target, target)) {
            result = fault_set(fault, EINVAL, "validate-mount", "a volume's path is longer than %d bytes or its flag is not 0 or 1",
                               MOUNT_PATH_BYTES - 1);
            continue;
        }
        mount->read_only = read_only == 1;
        result = check_mount(mount, fault);
    }
    if (reader->error == 0 && count > MAX_MOUNTS)
        return fault_set(fault, EINVAL, "validate-mount", "%u volumes; allowed are %d", count, MAX_MOUNTS);
    request->mount_count = count;
    return result;
}

static int parse_create(struct wire_reader *reader, struct request *request, struct fault *fault) {
    struct wire_str id = wire_read_str(reader);
    struct wire_str image = wire_read_str(reader);
    request->limits.cpu_millis = wire_read_u32(reader);
    request->limits.memory_bytes = wire_read_u64(reader);
    request->disk_bytes = wire_read_u64(reader);
    request->limits.pids = wire_read_u32(reader);
    struct wire_str hostname = wire_read_str(reader);
    struct wire_str user = wire_read_str(reader);
    uint8_t flags = wire_read_u8(reader);
    int mounts = parse_mounts(reader, request, fault);
    if (wire_reader_finish(reader) != 0)
        return -EBADMSG;
    if (!copy_str(request->id, sizeof request->id, id) || !is_name(request->id, "-"))
        return fault_set(fault, EINVAL, "validate-id", "the id must match [a-z0-9][a-z0-9-]{0,62}");
    if (!copy_str(request->image, sizeof request->image, image) || !is_name(request->image, "-._"))
        return fault_set(fault, EINVAL, "validate-image", "the image must match [a-z0-9][a-z0-9._-]{0,127}");
    if (!copy_str(request->hostname, sizeof request->hostname, hostname) || !is_hostname(request->hostname))
        return fault_set(fault, EINVAL, "validate-hostname", "the hostname must be 1 to 64 of letters, digits, - and .");
    if (!copy_str(request->user, sizeof request->user, user) || !is_user(request->user))
        return fault_set(fault, EINVAL, "validate-user", "%s", USER_WRONG);
    if (flags > 3)
        return fault_set(fault, EINVAL, "validate-flags", "flags is %u; allowed are 1 (read-only root) and 2 (merged memory), and their sum", flags);
    request->read_only_root = (flags & 1) != 0;
    request->merge_memory = (flags & 2) != 0;
    if (request->merge_memory && request->runtime != RUNTIME_NONE)
        return fault_set(fault, EINVAL, "validate-flags", "memory is merged behind the spawner's own wall only, not behind %s",
                         runtime_name(request->runtime));
    int limits = check_bytes(request->disk_bytes, "diskBytes", fault);
    if (limits == 0)
        limits = check_limits(&request->limits, fault);
    return limits != 0 ? limits : mounts;
}

static int parse_create_under(struct wire_reader *reader, struct request *request, struct fault *fault) {
    char name[RUNTIME_NAME_BYTES];
    struct wire_str runtime = wire_read_str(reader);
    int result = parse_create(reader, request, fault);
    if (result == -EBADMSG)
        return result;
    request->runtime = copy_str(name, sizeof name, runtime) ? runtime_named(name) : RUNTIME_NONE;
    return request->runtime == RUNTIME_NONE
               ? fault_set(fault, EINVAL, "validate-runtime", "the runtime must be crun, runc or runsc")
               : result;
}

static int take_checkpoint(struct request *request, struct wire_str name, struct fault *fault) {
    if (copy_str(request->checkpoint, sizeof request->checkpoint, name) && is_name(request->checkpoint, "-"))
        return 0;
    return fault_set(fault, EINVAL, "validate-checkpoint", "a checkpoint's name must match [a-z0-9][a-z0-9-]{0,62}");
}

/* CHECKPOINT id name image maxBytes */
static int parse_checkpoint(struct wire_reader *reader, struct request *request, struct fault *fault) {
    int id = parse_id(reader, request, fault);
    struct wire_str name = wire_read_str(reader), image = wire_read_str(reader);
    request->disk_bytes = wire_read_u64(reader);
    if (wire_reader_finish(reader) != 0)
        return -EBADMSG;
    int result = id != 0 ? id : take_checkpoint(request, name, fault);
    if (result == 0 && (!copy_str(request->image, sizeof request->image, image) || !is_name(request->image, "-._")))
        return fault_set(fault, EINVAL, "validate-image", "the image must match [a-z0-9][a-z0-9._-]{0,127}");
    return result != 0 ? result : check_bytes(request->disk_bytes, "maxBytes", fault);
}

/* RESTORE_UNDER checkpoint, then as CREATE_UNDER */
static int parse_restore_under(struct wire_reader *reader, struct request *request, struct fault *fault) {
    struct wire_str name = wire_read_str(reader);
    int result = parse_create_under(reader, request, fault);
    if (result == -EBADMSG)
        return result;
    int taken = take_checkpoint(request, name, fault);
    if (result == 0 && taken == 0 && request->runtime != RUNTIME_RUNSC)
        return fault_set(fault, EOPNOTSUPP, "validate-runtime", "a checkpoint is restored by runsc only");
    return result != 0 ? result : taken;
}

static int parse_checkpoint_name(struct wire_reader *reader, struct request *request, struct fault *fault) {
    struct wire_str name = wire_read_str(reader);
    return wire_reader_finish(reader) != 0 ? -EBADMSG : take_checkpoint(request, name, fault);
}

static int parse_resize(struct wire_reader *reader, struct request *request, struct fault *fault) {
    int id = parse_id(reader, request, fault);
    request->limits.cpu_millis = wire_read_u32(reader);
    request->limits.memory_bytes = wire_read_u64(reader);
    request->limits.pids = wire_read_u32(reader);
    if (wire_reader_finish(reader) != 0)
        return -EBADMSG;
    return id != 0 ? id : check_limits(&request->limits, fault);
}

/* NETWORK_ATTACH and NETWORK_RULES: id, list<rule>. */
static int parse_network(struct wire_reader *reader, struct request *request, struct fault *fault) {
    int id = parse_id(reader, request, fault);
    struct fault later;
    int rules = rules_parse(reader, &request->rules, id == 0 ? fault : &later);
    if (wire_reader_finish(reader) != 0)
        return -EBADMSG;
    return id != 0 ? id : rules;
}

int request_parse(const struct wire_frame *frame, struct request *request, struct fault *fault) {
    struct wire_reader reader;
    wire_reader_init(&reader, frame->payload, frame->length);
    request->type = frame->type;
    request->id[0] = 0;
    request->checkpoint[0] = 0;
    request->mount_count = 0;
    request->runtime = RUNTIME_NONE;
    if (frame->flags != 0)
        return -EBADMSG;
    switch (frame->type) {
    case REQUEST_PING:
    case REQUEST_LIST:
    case REQUEST_SUBSCRIBE:
    case REQUEST_QUIT:
    case REQUEST_CHECKPOINT_LIST:
        return wire_reader_finish(&reader);
    case REQUEST_CREATE:
        return parse_create(&reader, request, fault);
    case REQUEST_CREATE_UNDER:
        return parse_create_under(&reader, request, fault);
    case REQUEST_CHECKPOINT:
        return parse_checkpoint(&reader, request, fault);
    case REQUEST_RESTORE_UNDER:
        return parse_restore_under(&reader, request, fault);
    case REQUEST_CHECKPOINT_REMOVE:
        return parse_checkpoint_name(&reader, request, fault);
    case REQUEST_VOLUME_MAKE:
    case REQUEST_VOLUME_REMOVE:
    case REQUEST_VOLUME_USED:
        return parse_volume(&reader, request, frame->type == REQUEST_VOLUME_MAKE, fault);
    case REQUEST_ATTACH:
    case REQUEST_DETACH:
        return parse_attachment(&reader, request, frame->type == REQUEST_ATTACH, fault);
    case REQUEST_RESIZE:
        return parse_resize(&reader, request, fault);
    case REQUEST_NETWORK_ATTACH:
    case REQUEST_NETWORK_RULES:
        return parse_network(&reader, request, fault);
    case REQUEST_NETWORK_DETACH:
    case REQUEST_NETWORK_STATS:
    case REQUEST_DESTROY:
    case REQUEST_KILL:
    case REQUEST_FREEZE:
    case REQUEST_THAW:
    case REQUEST_STATS:
    case REQUEST_USAGE: {
        int result = parse_id(&reader, request, fault);
        return wire_reader_finish(&reader) != 0 ? -EBADMSG : result;
    }
    default:
        return -EBADMSG;
    }
}
