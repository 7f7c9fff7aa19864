/* EXEC: from the request's words to a started process. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include "command.h"
#include "connection.h"
#include "identity.h"
#include "limits.h"
#include "messages.h"
#include "naming.h"
#include "process.h"
#include "process_requests.h"
#include "process_stream.h"
#include "shutdown.h"
#include "stdio_channels.h"
#include "stream.h"

static uint64_t unix_micros(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000000U + (uint64_t)now.tv_nsec / 1000U;
}

/* What PROCESSES will tell: as many whole arguments as fit the limit. */
static bool keep_words(struct process *process, const struct command *command) {
    size_t bytes = 0;
    uint32_t count = 0;
    while (command->argv[count] != NULL && bytes + strlen(command->argv[count]) + 1 <= LIMIT_LISTED_ARGV_BYTES)
        bytes += strlen(command->argv[count++]) + 1;
    process->argv = malloc(bytes > 0 ? bytes : 1);
    process->tag = malloc(command->tag.length + 1U);
    process->tag_length = command->tag.length;
    if (process->argv == NULL || process->tag == NULL)
        return false;
    memcpy(process->tag, command->tag.bytes, command->tag.length);
    process->tag[command->tag.length] = '\0';
    char *at = process->argv;
    for (uint32_t i = 0; i < count; i++)
        at = stpcpy(at, command->argv[i]) + 1;
    process->argc = count;
    if (command->directory[0] == '\0')
        return true;
    process->directory = strdup(command->directory);
    return process->directory != NULL;
}

/* Opens the channels and forks. On failure the channels are closed. */
static int launch(struct process *process, const struct command *command) {
    struct stdio_channels channels;
    int report[2];
    int error = stdio_channels_open(&channels, command);
    if (error != 0)
        return error;
    if (pipe2(report, O_CLOEXEC) != 0) {
        error = -errno;
        stdio_channels_close(&channels);
        return error;
    }
    struct spawn_request request = {
        .user = &command->user,
        .argv = command->argv,
        .environment = command->environment,
        .directory = command->directory[0] == '\0' ? NULL : command->directory,
        .path = command->path,
        .stdio = {channels.child[0], channels.child[1], channels.child[2]},
        .terminal = (command->flags & EXEC_PTY) != 0,
        .report = report[1],
    };
    error = fcntl(report[0], F_SETFL, O_NONBLOCK) != 0 ? -errno : 0;
    if (error == 0)
        error = source_open(&process->report, report[0], EPOLLIN);
    if (error != 0)
        (void)close(report[0]);
    if (error == 0)
        error = stdio_channels_attach(&channels, process);
    if (error == 0)
        error = spawn(&request, &process->pid);
    (void)close(report[1]);
    stdio_channels_close(&channels);
    return error;
}

static int start(uint32_t id, const struct command *command) {
    struct process *process = process_new();
    if (process == NULL)
        return -ENOMEM;
    process->flags = command->flags;
    process->started_unix_micros = unix_micros();
    int error = keep_words(process, command) ? launch(process, command) : -ENOMEM;
    if (error == 0)
        error = process_stream_open(process, id, 0, 0);
    if (error != 0) {
        if (process->pid > 0)
            (void)kill(process->pid, SIGKILL); /* nobody would ever hear of it; the reaper collects it */
        process_free(process);
    }
    return error;
}

void process_exec(uint32_t id, struct wire_reader *payload) {
    struct command command;
    struct text text;
    if (shutdown_in_progress()) {
        text_start(&text, "could not start a process: the Tiny VM is shutting down");
        answer_error(id, ESHUTDOWN, &text);
        return;
    }
    int error = naming_settle();
    if (error != 0) {
        text_start(&text, "could not start a process: a right of the guest cannot be dropped");
        text_add_errno(&text, -error);
        answer_error(id, -error, &text);
        return;
    }
    error = command_read(payload, &command, &text);
    if (error == -EBADMSG) {
        connection_violation("EXEC has an unknown flag");
    } else if (error != 0) {
        answer_error(id, -error, &text);
    } else if (processes_running() >= LIMIT_RUNNING_PROCESSES) {
        answer_failure(id, EAGAIN, "start another process beside 4,096 running ones for", command.argv[0]);
    } else {
        error = start(id, &command);
        if (error != 0)
            answer_failure(id, -error, "start", command.argv[0]);
    }
    command_free(&command);
}
