/* A module that breaks the rules for handles, statuses and values. */
#include "muleteer_module.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const ml_host *host;
static atomic_int cancelled, freed;
/* Given up: the thread of `late` waits for it. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t given_up = PTHREAD_COND_INITIALIZER;

static ml_text text(const char *zero_terminated)
{
    return (ml_text){zero_terminated, strlen(zero_terminated)};
}

struct job {
    uint64_t handle;
    char variable[32];
};

/* Never comes back. */
static ml_status hang(void *self, ml_call *call, const ml_text *args, size_t n)
{
    (void)self, (void)call, (void)args, (void)n;
    fprintf(stderr, "mod_misbehaving hangs\n");
    for (;;)
        pause();
    return ML_DONE;
}

static void release(void *data)
{
    atomic_fetch_add(&freed, 1);
    free(data);
}

static ml_status first(ml_call *call, void *data)
{
    struct job *job = data;
    host->set(call, ML_VARIABLE, text(job->variable), text("first"));
    return ML_DONE;
}

static ml_status second(ml_call *call, void *data)
{
    struct job *job = data;
    host->set(call, ML_VARIABLE, text(job->variable), text("second"));
    return ML_DONE;
}

static struct job *new_job(uint64_t handle, ml_text variable)
{
    struct job *job = calloc(1, sizeof *job);
    job->handle = handle;
    if (variable.len < sizeof job->variable)
        memcpy(job->variable, variable.ptr, variable.len);
    return job;
}

static void *complete_twice(void *data)
{
    struct job *job = data;
    struct job *again = new_job(job->handle, text(job->variable));
    uint64_t handle = job->handle;
    host->complete(host, handle, first, job, free);
    host->complete(host, handle, second, again, free);
    return NULL;
}

static ml_status twice(void *self, ml_call *call, const ml_text *args, size_t n)
{
    (void)self, (void)n;
    pthread_t thread;
    struct job *job = new_job(host->pend(call, 10000, NULL), args[0]);
    pthread_create(&thread, NULL, complete_twice, job);
    pthread_detach(thread);
    return ML_PENDING;
}

static ml_status never(void *self, ml_call *call, const ml_text *args, size_t n)
{
    (void)self, (void)args, (void)n;
    host->pend(call, 1, NULL);
    return ML_PENDING;
}

static ml_status invented(void *self, ml_call *call, const ml_text *args, size_t n)
{
    (void)self, (void)n;
    struct job *job = new_job(0, args[0]);
    bool taken = host->complete(host, UINT64_MAX, first, job, free);
    host->set(call, ML_VARIABLE, args[0], text(taken ? "taken" : "refused"));
    return ML_DONE;
}

static void on_cancel(uint64_t handle)
{
    (void)handle;
    pthread_mutex_lock(&lock);
    atomic_fetch_add(&cancelled, 1);
    pthread_cond_signal(&given_up);
    pthread_mutex_unlock(&lock);
}

static void *complete_late(void *data)
{
    struct job *job = data;
    pthread_mutex_lock(&lock);
    while (atomic_load(&cancelled) == 0)
        pthread_cond_wait(&given_up, &lock);
    pthread_mutex_unlock(&lock);
    host->complete(host, job->handle, first, job, release);
    return NULL;
}

static ml_status late(void *self, ml_call *call, const ml_text *args, size_t n)
{
    (void)self, (void)args, (void)n;
    pthread_t thread;
    struct job *job = new_job(host->pend(call, 60000, on_cancel), text("x"));
    pthread_create(&thread, NULL, complete_late, job);
    pthread_detach(thread);
    return ML_PENDING;
}

static ml_status tell_freed(void *self, ml_call *call, const ml_text *args, size_t n)
{
    (void)self, (void)n;
    char digit[2] = {(char)('0' + atomic_load(&cancelled)), 0};
    host->set(call, ML_VARIABLE, args[0], text(digit));
    digit[0] = (char)('0' + atomic_load(&freed));
    host->set(call, ML_VARIABLE, args[1], text(digit));
    return ML_DONE;
}

static ml_status answer(void *self, ml_call *call, const ml_text *args, size_t n)
{
    (void)call, (void)args, (void)n;
    return *(const ml_status *)self;
}

/* Holds its thread. */
static ml_status slow(void *self, ml_call *call, const ml_text *args, size_t n)
{
    (void)self, (void)call, (void)args, (void)n;
    poll(NULL, 0, 30);
    return ML_DONE;
}

static ml_status slow_test(void *self, ml_call *call, const ml_text *args, size_t n)
{
    return slow(self, call, args, n) == ML_DONE ? ML_TRUE : ML_FALSE;
}

static ml_status resume_slowly(ml_call *call, void *data)
{
    (void)data;
    return slow(NULL, call, NULL, 0);
}

static ml_status slow_behind(void *self, ml_call *call, const ml_text *args, size_t n)
{
    (void)self, (void)args, (void)n;
    host->complete(host, host->pend(call, 10000, NULL), resume_slowly, NULL, NULL);
    return ML_PENDING;
}

static ml_status unwanted(void *self, ml_call *call, const ml_text *args, size_t n)
{
    (void)self, (void)args, (void)n;
    if (host->pend(call, 1000, NULL) == 0 || host->pend(call, 1000, NULL) != 0)
        return ML_PENDING;
    return ML_DONE;
}

static ml_status values(void *self, ml_call *call, const ml_text *args, size_t n)
{
    (void)self, (void)args, (void)n;
    ml_text value, bad = {"\xff\xfe", 2}, null = {NULL, 5};
    bool good = host->set(call, ML_VARIABLE, bad, text("x")) == ML_INVALID
        && host->set(call, ML_VARIABLE, text("x"), null) == ML_INVALID
        && host->set(call, ML_SELECT, text("user"), text("x")) == ML_NOT_HERE
        && host->set(call, 77, text("user"), text("x")) == ML_NOT_HERE
        && !host->get(call, ML_VARIABLE, text("missing"), &value)
        && !host->get(call, 77, text("missing"), &value)
        && host->remove(call, ML_VARIABLE, text("missing")) == ML_UNKNOWN
        && host->perform(call, text("nothing"), NULL, 0) == ML_UNKNOWN
        && host->perform(call, text("setTimer"), NULL, 0) == ML_INVALID
        && host->perform(call, text("playFile"), &(ml_text)ML_TEXT("a.wav"), 1) == ML_WAITS
        && host->object_remove(call, text("missing")) == ML_UNKNOWN
        && host->object_get(call, text("missing"), 1) == NULL
        && host->replace_sdp(call, text("v=0")) == ML_NOT_HERE
        && host->raise_event(host, text("x"), text("foreign"), NULL, 0) == ML_UNKNOWN;
    /* A part of a value may replace it. */
    ml_text own = text("own");
    host->set(call, ML_VARIABLE, own, text("0123456789"));
    good = good && host->get(call, ML_VARIABLE, own, &value)
        && host->set(call, ML_VARIABLE, own, (ml_text){value.ptr + 1, value.len - 1}) == ML_OK
        && host->get(call, ML_VARIABLE, own, &value)
        && value.len == 9 && memcmp(value.ptr, "123456789", 9) == 0;
    host->set(call, ML_VARIABLE, text("values"), text(good ? "as expected" : "odd"));
    return ML_DONE;
}

static ml_code load(void *self, const ml_host *server, ml_message *problem)
{
    (void)self, (void)problem;
    host = server;
    return ML_OK;
}

static const ml_parameter takes[] = {
    {ML_TEXT("first"), ML_KIND_NAME, 0},
    {ML_TEXT("second"), ML_KIND_NAME, 0},
};
static ml_status odd = 77, pending = ML_PENDING, tail = ML_TAIL, thrown = ML_THROWN;

#define ACTION(word, function, data)                                                               \
    {                                                                                              \
        .size = sizeof(ml_action), .separator = ML_SEPARATOR_COMMAS,                               \
        .name = ML_TEXT("misbehaving." word), .parameters = takes, .parameter_count = 2,           \
        .self = data, .run = function,                                                             \
    }

const ml_module *muleteer_module(void)
{
    static const ml_action list[] = {
        ACTION("twice", twice, NULL),       ACTION("never", never, NULL),
        ACTION("invented", invented, NULL), ACTION("late", late, NULL),
        ACTION("freed", tell_freed, NULL),  ACTION("status", answer, &odd),
        ACTION("pending", answer, &pending), ACTION("tail", answer, &tail),
        ACTION("thrown", answer, &thrown),  ACTION("unwanted", unwanted, NULL),
        ACTION("values", values, NULL),     ACTION("hang", hang, NULL),
        ACTION("slow", slow, NULL),         ACTION("slow_behind", slow_behind, NULL),
    };
    enum { COUNT = sizeof list / sizeof *list };
    static const ml_action *actions[COUNT];
    for (size_t i = 0; i < COUNT; i++)
        actions[i] = &list[i];
    static const ml_condition waits = {
        .size = sizeof(ml_condition),
        .name = ML_TEXT("misbehaving.slow"),
        .test = slow_test,
    };
    static const ml_condition *const conditions[] = {&waits};
    static const ml_hooks hooks = {.size = sizeof(ml_hooks), .load = load};
    static const ml_module module = {
        .size = sizeof(ml_module),
        .abi_major = ML_ABI_MAJOR,
        .abi_minor = ML_ABI_MINOR,
        .name = ML_TEXT("mod_misbehaving"),
        .version = ML_TEXT("1"),
        .actions = actions,
        .action_count = COUNT,
        .conditions = conditions,
        .condition_count = 1,
        .hooks = &hooks,
    };
    return &module;
}
