/*
 * mod_example_c: a module in C. Built with nothing but the contract's header:
 *
 *     cc -shared -fPIC -pthread -I ../sdk/include -o libmod_example_c.so example.c
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#define _POSIX_C_SOURCE 200809L
#include "muleteer_module.h"

#include <ctype.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Set once, before anything else is called. */
static const ml_host *host;

static ml_text text(const char *zero_terminated)
{
    return (ml_text){zero_terminated, strlen(zero_terminated)};
}

/* A number, or -1. Arguments are not zero-terminated. */
static long number(ml_text argument)
{
    char digits[16] = "";
    if (argument.len == 0 || argument.len >= sizeof digits)
        return -1;
    memcpy(digits, argument.ptr, argument.len);
    char *end;
    long value = strtol(digits, &end, 10);
    return *end == '\0' ? value : -1;
}

static ml_status fail(ml_call *call, const char *errno_, const char *why)
{
    host->fail(call, text(errno_), text(why));
    return ML_FAILED;
}

static ml_status set_number(ml_call *call, ml_text name, long value)
{
    char digits[24];
    snprintf(digits, sizeof digits, "%ld", value);
    if (host->set(call, ML_VARIABLE, name, text(digits)) != ML_OK)
        return fail(call, "general", "the session holds too much");
    return ML_DONE;
}

/* example_c.upper(variable=text) */
static ml_status upper(void *self, ml_call *call, const ml_text *args, size_t count)
{
    (void)self;
    (void)count;
    char *copy = malloc(args[1].len + 1);
    if (copy == NULL)
        return fail(call, "general", "out of memory");
    for (size_t i = 0; i < args[1].len; i++)
        copy[i] = (char)toupper((unsigned char)args[1].ptr[i]);
    ml_code code = host->set(call, ML_VARIABLE, args[0], (ml_text){copy, args[1].len});
    free(copy);
    return code == ML_OK ? ML_DONE : fail(call, "general", "the session holds too much");
}

/* example_c.count(): an object of the session. */
#define COUNTER 1

static ml_status count(void *self, ml_call *call, const ml_text *args, size_t n)
{
    (void)self;
    (void)args;
    (void)n;
    ml_text name = ML_TEXT("example_c.counter");
    long *counter = host->object_get(call, name, COUNTER);
    if (counter == NULL) {
        counter = calloc(1, sizeof *counter);
        if (counter == NULL)
            return fail(call, "general", "out of memory");
        /* From here on the session frees it. */
        if (host->object_set(call, name, counter, COUNTER, free) != ML_OK)
            return fail(call, "general", "the session holds too many objects");
    }
    return set_number(call, (ml_text)ML_TEXT("example_c.count"), ++*counter);
}

/* example_c.sleep(milliseconds[, variable]): work on a thread of the module. */
struct sleep {
    uint64_t handle;
    long milliseconds;
    char variable[64];
};

static ml_status awake(ml_call *call, void *data)
{
    struct sleep *sleep = data;
    if (sleep->variable[0] == '\0')
        return ML_DONE;
    return set_number(call, text(sleep->variable), sleep->milliseconds);
}

static void *sleeper(void *data)
{
    struct sleep *sleep = data;
    struct timespec time = {sleep->milliseconds / 1000, sleep->milliseconds % 1000 * 1000000};
    nanosleep(&time, NULL);
    /* Frees `data` in any case. */
    host->complete(host, sleep->handle, awake, sleep, free);
    return NULL;
}

static ml_status sleep_for(void *self, ml_call *call, const ml_text *args, size_t n)
{
    (void)self;
    (void)n;
    long milliseconds = number(args[0]);
    if (milliseconds < 0 || milliseconds > 60000)
        return fail(call, "arg", "expected milliseconds, at most 60000");
    struct sleep *sleep = calloc(1, sizeof *sleep);
    if (sleep == NULL)
        return fail(call, "general", "out of memory");
    sleep->milliseconds = milliseconds;
    if (args[1].ptr != NULL && args[1].len < sizeof sleep->variable)
        memcpy(sleep->variable, args[1].ptr, args[1].len);
    sleep->handle = host->pend(call, (uint64_t)milliseconds + 1000, NULL);
    pthread_t thread;
    if (sleep->handle == 0 || pthread_create(&thread, NULL, sleeper, sleep) != 0) {
        free(sleep);
        return fail(call, "general", "nothing can wait here");
    }
    pthread_detach(thread);
    return ML_PENDING;
}

/* example_c.play(path): as playFile, but a file that is missing is no exception. */
static ml_status played(ml_call *call, void *data)
{
    (void)data;
    ml_text type;
    if (host->get(call, ML_OUTCOME, (ml_text)ML_TEXT("type"), &type))
        return fail(call, "file", "there is no such file");
    return ML_DONE;
}

static ml_status play(void *self, ml_call *call, const ml_text *args, size_t n)
{
    (void)self;
    (void)n;
    if (host->tail(call, (ml_text)ML_TEXT("playFile"), args, 1, played, NULL, NULL) != ML_OK)
        return fail(call, "general", "nothing can be played here");
    return ML_TAIL;
}

/* example_c.tell(text): an event of this module, to the session itself. */
static ml_status tell(void *self, ml_call *call, const ml_text *args, size_t n)
{
    (void)self;
    (void)n;
    ml_text session;
    if (!host->get(call, ML_FACT, (ml_text)ML_TEXT("session"), &session))
        return fail(call, "general", "there is no session");
    ml_pair pair = {ML_TEXT("text"), args[0]};
    host->raise_event(host, session, (ml_text)ML_TEXT("example_c.told"), &pair, 1);
    return ML_DONE;
}

/* example_c.is_long(text) */
static ml_status is_long(void *self, ml_call *call, const ml_text *args, size_t n)
{
    (void)self;
    (void)call;
    (void)n;
    return args[0].len > 10 ? ML_TRUE : ML_FALSE;
}

static ml_code load(void *self, const ml_host *server, ml_message *problem)
{
    (void)self;
    (void)problem;
    host = server;
    return ML_OK;
}

static ml_status before_destroy(void *self, ml_call *call)
{
    (void)self;
    (void)call;
    host->log(host, ML_LOG_DEBUG, text("a session is over"));
    return ML_DONE;
}

#define COUNT(list) (sizeof(list) / sizeof *(list))

static const ml_parameter upper_takes[] = {
    {ML_TEXT("variable"), ML_KIND_NAME, ML_PARAMETER_REQUIRED},
    {ML_TEXT("text"), ML_KIND_VALUE, ML_PARAMETER_REQUIRED},
};
static const ml_pair upper_expect[] = {{ML_TEXT("x"), ML_TEXT("ABC")}};
static const ml_example upper_examples[] = {
    {ML_TEXT("example_c.upper($x=abc)"), upper_expect, COUNT(upper_expect)},
};
static const ml_action upper_action = {
    .size = sizeof(ml_action),
    .separator = ML_SEPARATOR_EQUALS,
    .name = ML_TEXT("example_c.upper"),
    .doc = ML_TEXT("Stores a text in capital letters."),
    .parameters = upper_takes,
    .parameter_count = COUNT(upper_takes),
    .examples = upper_examples,
    .example_count = COUNT(upper_examples),
    .run = upper,
};

static const ml_text count_sets[] = {ML_TEXT("$example_c.count")};
static const ml_pair count_expect[] = {{ML_TEXT("example_c.count"), ML_TEXT("2")}};
static const ml_example count_examples[] = {
    {ML_TEXT("example_c.count(); example_c.count()"), count_expect, COUNT(count_expect)},
};
static const ml_action count_action = {
    .size = sizeof(ml_action),
    .name = ML_TEXT("example_c.count"),
    .doc = ML_TEXT("Counts in an object of the session."),
    .sets = count_sets,
    .sets_count = COUNT(count_sets),
    .examples = count_examples,
    .example_count = COUNT(count_examples),
    .run = count,
};

static const ml_parameter sleep_takes[] = {
    {ML_TEXT("milliseconds"), ML_KIND_VALUE, ML_PARAMETER_REQUIRED},
    {ML_TEXT("variable"), ML_KIND_NAME, 0},
};
static const ml_text sleep_errnos[] = {ML_TEXT("arg"), ML_TEXT("general")};
static const ml_pair sleep_expect[] = {{ML_TEXT("x"), ML_TEXT("5")}, {ML_TEXT("errno"), ML_TEXT("")}};
static const ml_example sleep_examples[] = {
    {ML_TEXT("example_c.sleep(5, $x)"), sleep_expect, COUNT(sleep_expect)},
};
static const ml_action sleep_action = {
    .size = sizeof(ml_action),
    .separator = ML_SEPARATOR_COMMAS,
    .flags = ML_ACTION_SETS_ERRNO | ML_ACTION_CANCELLABLE,
    .name = ML_TEXT("example_c.sleep"),
    .doc = ML_TEXT("Waits without blocking anybody."),
    .parameters = sleep_takes,
    .parameter_count = COUNT(sleep_takes),
    .errnos = sleep_errnos,
    .errno_count = COUNT(sleep_errnos),
    .examples = sleep_examples,
    .example_count = COUNT(sleep_examples),
    .run = sleep_for,
};

static const ml_parameter play_takes[] = {
    {ML_TEXT("path"), ML_KIND_AUDIO_FILE, ML_PARAMETER_REQUIRED},
};
static const ml_text play_errnos[] = {ML_TEXT("file"), ML_TEXT("general")};
static const ml_action play_action = {
    .size = sizeof(ml_action),
    .flags = ML_ACTION_SETS_ERRNO,
    .name = ML_TEXT("example_c.play"),
    .doc = ML_TEXT("Plays a file; one that is missing sets $errno."),
    .parameters = play_takes,
    .parameter_count = COUNT(play_takes),
    .errnos = play_errnos,
    .errno_count = COUNT(play_errnos),
    .run = play,
};

static const ml_parameter text_takes[] = {
    {ML_TEXT("text"), ML_KIND_VALUE, ML_PARAMETER_REQUIRED},
};
static const ml_action tell_action = {
    .size = sizeof(ml_action),
    .name = ML_TEXT("example_c.tell"),
    .doc = ML_TEXT("Raises example_c.told in the session itself."),
    .parameters = text_takes,
    .parameter_count = COUNT(text_takes),
    .run = tell,
};

static const ml_condition is_long_condition = {
    .size = sizeof(ml_condition),
    .name = ML_TEXT("example_c.is_long"),
    .doc = ML_TEXT("Holds for texts of more than 10 bytes."),
    .parameters = text_takes,
    .parameter_count = COUNT(text_takes),
    .test = is_long,
};

static const ml_pair told_params[] = {{ML_TEXT("text"), ML_TEXT("What was told.")}};
static const ml_event told_event = {
    .size = sizeof(ml_event),
    .name = ML_TEXT("example_c.told"),
    .doc = ML_TEXT("What example_c.tell told."),
    .parameters = told_params,
    .parameter_count = COUNT(told_params),
};

const ml_module *muleteer_module(void)
{
    static const ml_action *const actions[] = {
        &upper_action, &count_action, &sleep_action, &play_action, &tell_action,
    };
    static const ml_condition *const conditions[] = {&is_long_condition};
    static const ml_event *const events[] = {&told_event};
    static const ml_hooks hooks = {
        .size = sizeof(ml_hooks),
        .load = load,
        .before_destroy = before_destroy,
    };
    static const ml_module module = {
        .size = sizeof(ml_module),
        .abi_major = ML_ABI_MAJOR,
        .abi_minor = ML_ABI_MINOR,
        .name = ML_TEXT("mod_example_c"),
        .version = ML_TEXT("0.1.0"),
        .doc = ML_TEXT("A module in C."),
        .actions = actions,
        .action_count = COUNT(actions),
        .conditions = conditions,
        .condition_count = COUNT(conditions),
        .events = events,
        .event_count = COUNT(events),
        .hooks = &hooks,
    };
    return &module;
}
