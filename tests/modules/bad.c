/* A small module, or one that breaks the contract in the way that a flag names. */
#include "muleteer_module.h"

#include <string.h>

static ml_status run(void *self, ml_call *call, const ml_text *args, size_t n)
{
    (void)self, (void)call, (void)args, (void)n;
    return ML_DONE;
}

static ml_code load(void *self, const ml_host *host, ml_message *problem)
{
    (void)self, (void)host, (void)problem;
#ifdef REFUSES
    static const char why[] = "no licence was found";
    memcpy(problem->ptr, why, sizeof why - 1);
    problem->len = sizeof why - 1;
    return ML_INVALID;
#else
    return ML_OK;
#endif
}

static const ml_parameter takes[] = {
    {ML_TEXT("text"),
#ifdef WRONG_KIND
     99,
#else
     ML_KIND_VALUE,
#endif
     0},
};

static const ml_action action = {
#ifdef SMALL_ACTION
    .size = 8,
#elif defined OLD
    .size = offsetof(ml_action, check),
    /* Not there for who was built with 1.0: must not be looked at. */
    .check = (ml_check)1,
#else
    .size = sizeof(ml_action),
#endif
#ifdef FOREIGN
    .name = ML_TEXT("mysql.query"),
#elif defined BAD_NAME
    .name = ML_TEXT("bad.do it"),
#else
    .name = ML_TEXT("bad.run"),
#endif
    .parameters = takes,
    .parameter_count = 1,
#ifndef NO_FUNCTION
    .run = run,
#endif
};

#ifdef NO_ENTRY
const ml_module *muleteer_other(void)
#else
const ml_module *muleteer_module(void)
#endif
{
    static const ml_action *const actions[] = {
        &action,
#ifdef TWICE
        &action,
#endif
#ifdef NULL_ACTION
        NULL,
#endif
    };
    (void)run;
    static const ml_hooks hooks = {
#ifdef OLD
        .size = offsetof(ml_hooks, diagrams),
        .diagrams = (ml_code(*)(void *, ml_sink, void *, ml_message *))1,
#else
        .size = sizeof(ml_hooks),
#endif
        .load = load,
    };
    static const ml_module module = {
#ifdef SMALL
        .size = 16,
#else
        .size = sizeof(ml_module),
#endif
#ifdef WRONG_MAJOR
        .abi_major = ML_ABI_MAJOR + 1,
#else
        .abi_major = ML_ABI_MAJOR,
#endif
        .abi_minor = ML_ABI_MINOR,
#ifdef OTHER_NAME
        .name = ML_TEXT("mod_other"),
#else
        .name = ML_TEXT("mod_bad"),
#endif
        .version = ML_TEXT("1"),
        .actions = actions,
#ifdef TOO_MANY
        .action_count = 100000,
#else
        .action_count = sizeof actions / sizeof *actions,
#endif
        .hooks = &hooks,
    };
#ifdef NOTHING
    (void)module;
    return NULL;
#else
    return &module;
#endif
}

/* The layout of the contract as C sees it, for a comparison with Rust. */
const size_t muleteer_layout[] = {
    sizeof(ml_text), sizeof(ml_message), sizeof(ml_pair), sizeof(ml_parameter), sizeof(ml_example),
    sizeof(ml_action), sizeof(ml_condition), sizeof(ml_event), sizeof(ml_hooks), sizeof(ml_module),
    sizeof(ml_audio), sizeof(ml_host), sizeof(ml_finding),
    offsetof(ml_parameter, kind), offsetof(ml_parameter, flags),
    offsetof(ml_example, expect), offsetof(ml_example, expect_count),
    offsetof(ml_action, separator), offsetof(ml_action, flags), offsetof(ml_action, name),
    offsetof(ml_action, doc), offsetof(ml_action, parameters), offsetof(ml_action, throws_),
    offsetof(ml_action, errnos), offsetof(ml_action, sets), offsetof(ml_action, examples),
    offsetof(ml_action, self), offsetof(ml_action, run), offsetof(ml_action, check),
    offsetof(ml_condition, separator), offsetof(ml_condition, name), offsetof(ml_condition, doc),
    offsetof(ml_condition, parameters), offsetof(ml_condition, self), offsetof(ml_condition, test),
    offsetof(ml_condition, check), offsetof(ml_finding, argument), offsetof(ml_finding, at),
    offsetof(ml_event, name), offsetof(ml_event, doc), offsetof(ml_event, parameters),
    offsetof(ml_hooks, self), offsetof(ml_hooks, load), offsetof(ml_hooks, session_start),
    offsetof(ml_hooks, invite), offsetof(ml_hooks, request), offsetof(ml_hooks, reply),
    offsetof(ml_hooks, before_destroy), offsetof(ml_hooks, sdp_offer), offsetof(ml_hooks, sdp_answer),
    offsetof(ml_hooks, diagrams),
    offsetof(ml_module, abi_major), offsetof(ml_module, abi_minor), offsetof(ml_module, name),
    offsetof(ml_module, version), offsetof(ml_module, doc), offsetof(ml_module, actions),
    offsetof(ml_module, conditions), offsetof(ml_module, events), offsetof(ml_module, hooks),
    offsetof(ml_audio, flags), offsetof(ml_audio, name), offsetof(ml_audio, bytes),
    offsetof(ml_audio, len),
    offsetof(ml_host, abi_major), offsetof(ml_host, abi_minor), offsetof(ml_host, config),
    offsetof(ml_host, log), offsetof(ml_host, complete), offsetof(ml_host, post),
    offsetof(ml_host, raise_event), offsetof(ml_host, get), offsetof(ml_host, set),
    offsetof(ml_host, remove), offsetof(ml_host, remove_prefix), offsetof(ml_host, each),
    offsetof(ml_host, resolve), offsetof(ml_host, fail), offsetof(ml_host, raise_exception),
    offsetof(ml_host, flow), offsetof(ml_host, pend), offsetof(ml_host, perform),
    offsetof(ml_host, tail), offsetof(ml_host, play), offsetof(ml_host, object_set),
    offsetof(ml_host, object_get), offsetof(ml_host, object_remove), offsetof(ml_host, replace_sdp),
    ML_ABI_MAJOR, ML_ABI_MINOR,
    ML_DONE, ML_TRUE, ML_FALSE, ML_PENDING, ML_TAIL, ML_FAILED, ML_THROWN, ML_BREAK, ML_REPOST,
    ML_RETURN, ML_JUMP, ML_CALL,
    ML_OK, -ML_UNKNOWN, -ML_TOO_MANY, -ML_NOT_HERE, -ML_WAITS, -ML_UNSUCCESSFUL, -ML_INVALID,
    ML_VARIABLE, ML_PARAM, ML_SELECT, ML_HEADER, ML_BODY, ML_OUTCOME, ML_FACT,
    ML_KIND_VALUE, ML_KIND_NAME, ML_KIND_NAME_VALUE, ML_KIND_NAME_PREFIX, ML_KIND_LITERAL,
    ML_KIND_TEMPLATE, ML_KIND_RAW, ML_KIND_SQL, ML_KIND_FLAG, ML_KIND_AUDIO_FILE, ML_KIND_NEW_FILE,
    ML_KIND_NAMES, ML_KIND_COLLECTION, ML_KIND_CODE,
    ML_PARAMETER_REQUIRED, ML_PARAMETER_REPEATED,
    ML_SEPARATOR_NONE, ML_SEPARATOR_EQUALS, ML_SEPARATOR_COMMAS, ML_SEPARATOR_EVERY_COMMA,
    ML_ACTION_SETS_ERRNO, ML_ACTION_CANCELLABLE, ML_ACTION_ASSIGNS_ANY, ML_ACTION_ESCAPES,
    ML_AUDIO_LOOPED, ML_AUDIO_FRONT,
    ML_LOG_ERROR, ML_LOG_WARNING, ML_LOG_INFO, ML_LOG_DEBUG,
};
const size_t muleteer_layout_len = sizeof muleteer_layout / sizeof *muleteer_layout;
