/* A module whose action may be given up, and goes on to one of the server. */
#include "muleteer_module.h"

static const ml_host *host;

static ml_status play(void *self, ml_call *call, const ml_text *args, size_t n)
{
    (void)self;
    host->tail(call, (ml_text)ML_TEXT("playFile"), args, n, NULL, NULL, NULL);
    return ML_TAIL;
}

static ml_code load(void *self, const ml_host *server, ml_message *problem)
{
    (void)self, (void)problem;
    host = server;
    return ML_OK;
}

const ml_module *muleteer_module(void)
{
    static const ml_parameter file[] = {{ML_TEXT("file"), ML_KIND_VALUE, 0}};
    static const ml_action action = {
        .size = sizeof(ml_action),
        .flags = ML_ACTION_CANCELLABLE,
        .name = ML_TEXT("going_on.play"),
        .parameters = file,
        .parameter_count = 1,
        .run = play,
    };
    static const ml_action *const actions[] = {&action};
    static const ml_hooks hooks = {.size = sizeof(ml_hooks), .load = load};
    static const ml_module module = {
        .size = sizeof(ml_module),
        .abi_major = ML_ABI_MAJOR,
        .abi_minor = ML_ABI_MINOR,
        .name = ML_TEXT("mod_going_on"),
        .version = ML_TEXT("1"),
        .actions = actions,
        .action_count = 1,
        .hooks = &hooks,
    };
    return &module;
}
