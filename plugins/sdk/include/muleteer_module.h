/*
 * The module contract of Muleteer: what a shared object libmod_NAME.so brings to state diagrams.
 *
 * The object exports one function, muleteer_module, which gives a table of actions, conditions,
 * events and hooks. The table and all it points to are constant and live as long as the process: an
 * object is never unloaded.
 *
 * - Strings are UTF-8 with a length, without a closing zero. What is given to a function is borrowed
 *   for that call. Strings from the host are valid until the next host function with the same call.
 * - Actions, conditions and hooks are called on the server's own threads, which all calls share:
 *   they must not wait. What waits is begun on a thread of the module, after `pend`, and ended with
 *   `complete`, from any thread.
 * - `ml_call` stands for a session at one moment. It is valid during the function it is given to and
 *   only on that thread.
 * - No function lets an exception out or ends the process.
 *
 * Versions: a table of another major version is refused. Minor versions only add members at the end
 * of a structure; `size` says how much of it is there.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef MULETEER_MODULE_H
#define MULETEER_MODULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define ML_ABI_MAJOR 1
#define ML_ABI_MINOR 1

typedef struct ml_text {
    const char *ptr;
    size_t len;
} ml_text;

/* A string literal as ml_text. */
#define ML_TEXT(literal) {(literal), sizeof(literal) - 1}

/* A buffer of the server for a message of one line; `len` is set by the module. */
typedef struct ml_message {
    char *ptr;
    size_t capacity;
    size_t len;
} ml_message;

typedef struct ml_pair {
    ml_text name;
    ml_text value;
} ml_pair;

/* What an action, or the continuation of one, answers. */
typedef int32_t ml_status;
#define ML_DONE 0
#define ML_PENDING 2 /* after pend: complete will bring the end */
#define ML_TAIL 3    /* after tail or play: as that action ends */
#define ML_FAILED 4  /* after fail: $errno and $strerror */
#define ML_THROWN 5  /* after raise_exception */
#define ML_BREAK 6   /* leave the innermost loop, or the list */
#define ML_REPOST 7  /* process the event again after the transition */
#define ML_RETURN 8  /* go back to the calling diagram */
#define ML_JUMP 9    /* after flow: go to that diagram */
#define ML_CALL 10   /* after flow: call that diagram */
/* What a condition answers, besides ML_FAILED and ML_THROWN, and ML_PENDING since 1.1. */
#define ML_FALSE 0
#define ML_TRUE 1

/* What host functions answer that have no other result. */
typedef int32_t ml_code;
#define ML_OK 0
#define ML_UNKNOWN (-1)      /* no such value, action, session or event */
#define ML_TOO_MANY (-2)     /* more values than a session may hold */
#define ML_NOT_HERE (-3)     /* not in this place, such as setting a select */
#define ML_WAITS (-4)        /* the action would wait: use tail */
#define ML_UNSUCCESSFUL (-5) /* the action failed or threw: see ML_OUTCOME */
#define ML_INVALID (-6)      /* not UTF-8, or a null pointer */

/*
 * Where a value is. Only variables and parameters can be set and removed; `each` goes through these and the
 * outcome.
 */
#define ML_VARIABLE 0 /* $name */
#define ML_PARAM 1    /* #name */
#define ML_SELECT 2   /* @name */
#define ML_HEADER 3   /* a header of the SIP message that the event is about */
#define ML_BODY 4     /* its body for an empty name, or that of the message object of this name */
/*
 * How the action went that this one waited for: "errno" and "strerror", or the parameters of an
 * exception with its "type"; none of them if it worked.
 */
#define ML_OUTCOME 5
/* "session": its id. "event": the condition that names the event, such as "key". */
#define ML_FACT 6

/* What an argument means, and what the module gets. */
#define ML_KIND_VALUE 0       /* literal, or one reference as a whole: its value */
#define ML_KIND_NAME 1        /* $name or name: the name of a variable */
#define ML_KIND_NAME_VALUE 2  /* a value that is the name of a variable; $name without one: name */
#define ML_KIND_NAME_PREFIX 3 /* the same, what the names of several variables begin with */
#define ML_KIND_LITERAL 4     /* as written */
#define ML_KIND_TEMPLATE 5    /* text with references inside: the text with their values */
#define ML_KIND_RAW 6         /* the same, with the references as written */
#define ML_KIND_SQL 7         /* the same, a statement of a database */
#define ML_KIND_FLAG 8        /* "true", also written name=true */
#define ML_KIND_AUDIO_FILE 9  /* a value: an audio file that is read */
#define ML_KIND_NEW_FILE 10   /* a value: an audio file that is written */
#define ML_KIND_NAMES 11      /* a list of variable names, separated by ; */
#define ML_KIND_COLLECTION 12 /* the name of an array or struct that is read or removed */
#define ML_KIND_CODE 13       /* code of another language, as written: its quotes are its own; since 1.1 */

#define ML_PARAMETER_REQUIRED 1
#define ML_PARAMETER_REPEATED 2 /* the last one: any number of them */

typedef struct ml_parameter {
    ml_text name;
    uint32_t kind;  /* ML_KIND_... */
    uint32_t flags; /* ML_PARAMETER_... */
} ml_parameter;

#define ML_SEPARATOR_NONE 0        /* at most one argument, which may hold anything */
#define ML_SEPARATOR_EQUALS 1      /* the first = */
#define ML_SEPARATOR_COMMAS 2      /* outer commas; the last argument may hold some */
#define ML_SEPARATOR_EVERY_COMMA 3 /* every comma */
/*
 * The last comma outside quotes and parentheses, if what follows can be the second of two arguments:
 * one word if it is required, else a number or a reference. So a statement of SQL may hold commas.
 */
#define ML_SEPARATOR_LAST_COMMA 4

/* Statements of a diagram, and the variables they leave; the server's tests run them. */
typedef struct ml_example {
    ml_text code;
    const ml_pair *expect;
    size_t expect_count;
} ml_example;

typedef struct ml_call ml_call;
typedef struct ml_host ml_host;

/*
 * Does an action or tests a condition. `args` has an element for each parameter, and more if the
 * last one is repeated; the `ptr` of one that was not written is NULL. `self` is that of the table.
 */
typedef ml_status (*ml_run)(void *self, ml_call *call, const ml_text *args, size_t count);

/* What is wrong with arguments. */
typedef struct ml_finding {
    ml_message text;
    /* Which argument, from 0. */
    size_t argument;
    /* The byte in it. */
    size_t at;
} ml_finding;

/*
 * Looks at the arguments of a call when a diagram is loaded. The `ptr` of one that is not written, or not
 * known before the diagram runs, is NULL. Anything but ML_OK refuses the diagram, with a finding.
 * Called by any thread; must not wait.
 */
typedef ml_code (*ml_check)(void *self, const ml_text *args, size_t count, ml_finding *finding);

/* Takes one value; false: no more are wanted. Calls no host function. */
typedef bool (*ml_sink)(void *user, ml_text name, ml_text value);

#define ML_ACTION_SETS_ERRNO 1  /* success clears $errno and $strerror, which the host does */
#define ML_ACTION_CANCELLABLE 2 /* a hang-up does not wait for it */
#define ML_ACTION_ASSIGNS_ANY 4 /* assigns variables that are not named in advance */
#define ML_ACTION_ESCAPES 8     /* assigns a text that is safe in a quoted text of SQL */

typedef struct ml_action {
    /* sizeof(ml_action) */
    uint32_t size;
    /* ML_SEPARATOR_... */
    uint32_t separator;
    /* ML_ACTION_... */
    uint32_t flags;
    /* Zero. */
    uint32_t reserved;
    /* As written in a diagram: the module's name without mod_, a dot, and a word; or that alone. */
    ml_text name;
    /* One or two sentences for the reference and the editor. */
    ml_text doc;
    const ml_parameter *parameters;
    size_t parameter_count;
    /* The types of its exceptions, each with its parameters, such as "file #path". */
    const ml_text *throws_;
    size_t throws_count;
    /* The words that $errno may get. */
    const ml_text *errnos;
    size_t errno_count;
    /* The variables it assigns besides those that its arguments name, such as "$curl.out". */
    const ml_text *sets;
    size_t sets_count;
    const ml_example *examples;
    size_t example_count;
    void *self;
    ml_run run;
    /* Since 1.1; may be NULL. */
    ml_check check;
} ml_action;

/*
 * Conditions may be tested for every event: they are cheap, and change nothing if that is possible. One that
 * answers ML_PENDING holds up its session until the answer of `resume`, ML_TRUE or ML_FALSE.
 */
typedef struct ml_condition {
    /* sizeof(ml_condition) */
    uint32_t size;
    /* ML_SEPARATOR_... */
    uint32_t separator;
    ml_text name;
    ml_text doc;
    const ml_parameter *parameters;
    size_t parameter_count;
    void *self;
    /* ML_TRUE or ML_FALSE. */
    ml_run test;
    /* Since 1.1; may be NULL. */
    ml_check check;
} ml_condition;

/* A kind of event. A condition of its name asks for it, as `name(#param == 1)`. */
typedef struct ml_event {
    /* sizeof(ml_event) */
    uint32_t size;
    /* Zero. */
    uint32_t reserved;
    ml_text name;
    ml_text doc;
    /* The name of each parameter, and what it tells. */
    const ml_pair *parameters;
    size_t parameter_count;
} ml_event;

/*
 * What the module hears of. Each may be NULL. Hooks run for each session whose diagrams import the
 * module, in order of import. ML_FAILED and ML_THROWN after fail and raise_exception are logged.
 */
typedef struct ml_hooks {
    /* sizeof(ml_hooks) */
    uint32_t size;
    /* Zero. */
    uint32_t reserved;
    /* Given to each hook. */
    void *self;
    /*
     * Once, before anything else: `host` stays valid as long as the process lives. Anything but
     * ML_OK refuses the module, with a message for the operator.
     */
    ml_code (*load)(void *self, const ml_host *host, ml_message *problem);
    /* The session begins, before its first event. */
    ml_status (*session_start)(void *self, ml_call *call);
    /* The initial INVITE of a caller, before `invite`. ML_BREAK: the server does not answer by itself. */
    ml_status (*invite)(void *self, ml_call *call);
    /* A request inside the dialog; its parameters are those of `sipRequest`. */
    ml_status (*request)(void *self, ml_call *call);
    /* A response to a request of ours; its parameters are those of `sipReply`. */
    ml_status (*reply)(void *self, ml_call *call);
    /* The session is over, after `beforeDestroy`. */
    ml_status (*before_destroy)(void *self, ml_call *call);
    /*
     * Our offer, before it is sent; replace_sdp changes it, but not its media sections. Of the session only
     * its id is in reach, as a fact: descriptions are made in the middle of other work.
     */
    ml_status (*sdp_offer)(void *self, ml_call *call, ml_text sdp);
    /* The peer's offer and our answer, before it is sent; the same of the answer. */
    ml_status (*sdp_answer)(void *self, ml_call *call, ml_text offer, ml_text sdp);
    /*
     * Since 1.1. Of a module that [dsm] preload names: gives `sink` the name and the text of each diagram
     * that the module brings, applications as all others. Once for each load or reload of the diagrams, by any
     * thread. Anything but ML_OK refuses the load, with a message.
     */
    ml_code (*diagrams)(void *self, ml_sink sink, void *user, ml_message *problem);
} ml_hooks;

typedef struct ml_module {
    /* sizeof(ml_module) */
    uint32_t size;
    /* ML_ABI_MAJOR, ML_ABI_MINOR */
    uint16_t abi_major;
    uint16_t abi_minor;
    /* mod_NAME of libmod_NAME.so: letters a to z, digits and _. */
    ml_text name;
    ml_text version;
    ml_text doc;
    const ml_action *const *actions;
    size_t action_count;
    const ml_condition *const *conditions;
    size_t condition_count;
    const ml_event *const *events;
    size_t event_count;
    /* NULL: hears of nothing. A module gets its host from `load`. */
    const ml_hooks *hooks;
} ml_module;

/* A file in memory. The ending of `name` tells its format, as that of a file does. */
#define ML_AUDIO_LOOPED 1
#define ML_AUDIO_FRONT 2 /* before everything else in the playlist */
typedef struct ml_audio {
    /* sizeof(ml_audio) */
    uint32_t size;
    /* ML_AUDIO_... */
    uint32_t flags;
    ml_text name;
    const uint8_t *bytes;
    size_t len;
} ml_audio;

#define ML_LOG_ERROR 0
#define ML_LOG_WARNING 1
#define ML_LOG_INFO 2
#define ML_LOG_DEBUG 3

/* Goes on with an action, on its session. May answer all that an action may, ML_PENDING too. */
typedef ml_status (*ml_resume)(ml_call *call, void *data);
/* Frees `data`. Called once, by any thread. */
typedef void (*ml_drop)(void *data);
/* Nobody waits for this handle any more. Called at most once, by any thread; must not wait. */
typedef void (*ml_cancel)(uint64_t handle);

struct ml_host {
    /* Bytes of this structure as the server knows it. */
    uint32_t size;
    uint16_t abi_major;
    uint16_t abi_minor;

    /* --- From any thread, at any time after `load` began. --- */

    /* The module's section [module.NAME] of the configuration as a JSON object; for ever valid. */
    ml_text (*config)(const ml_host *host);
    void (*log)(const ml_host *host, uint32_t level, ml_text text);
    /*
     * Ends what pend began: `resume` runs with `data` on the session, then `drop`. False if nobody
     * waits any more, or never did: then only `drop` is called, perhaps before this returns.
     */
    bool (*complete)(const ml_host *host, uint64_t handle, ml_resume resume, void *data,
                     ml_drop drop);
    /*
     * Sends `event` to a session or queue. It is delivered later; one that is gone is no error. ML_TOO_MANY: the
     * server has no room for it.
     */
    ml_code (*post)(const ml_host *host, ml_text session, const ml_pair *params, size_t count);
    /* Sends an event of this module's own table. */
    ml_code (*raise_event)(const ml_host *host, ml_text session, ml_text event,
                           const ml_pair *params, size_t count);

    /* --- With a live call, on its thread. --- */

    /* False: there is no such value. */
    bool (*get)(ml_call *call, uint32_t scope, ml_text name, ml_text *value);
    ml_code (*set)(ml_call *call, uint32_t scope, ml_text name, ml_text value);
    ml_code (*remove)(ml_call *call, uint32_t scope, ml_text name);
    /* Removes all whose names begin with `prefix`. */
    ml_code (*remove_prefix)(ml_call *call, uint32_t scope, ml_text prefix);
    /* Gives all whose names begin with `prefix`, in byte order of their names. */
    ml_code (*each)(ml_call *call, uint32_t scope, ml_text prefix, ml_sink sink, void *user);
    /* Replaces the references in a text: $name $(name) #name @name, and \$ or $$ for a sign. */
    ml_code (*resolve)(ml_call *call, ml_text text, ml_text *value);
    /* What ML_FAILED means: a word for $errno, a text for $strerror. */
    void (*fail)(ml_call *call, ml_text errno_, ml_text text);
    /* What ML_THROWN means. */
    void (*raise_exception)(ml_call *call, ml_text type, const ml_pair *params, size_t count);
    /* The diagram of ML_JUMP and ML_CALL. */
    void (*flow)(ml_call *call, ml_text diagram);
    /*
     * Makes a handle for ML_PENDING; 0 where nothing can wait, as in a hook. If no
     * completion comes in this time and some more, the action fails with the errno "internal".
     * `cancel`, which may be NULL, is called when the session ends, or a hang-up gives a cancellable
     * action up, or the time is over.
     */
    uint64_t (*pend)(ml_call *call, uint64_t deadline_ms, ml_cancel cancel);
    /* Does an action of the server that does not wait. Its arguments are values, not references. */
    ml_code (*perform)(ml_call *call, ml_text action, const ml_text *args, size_t count);
    /*
     * Does any action of the server once this one has answered ML_TAIL. Without `resume` this action
     * ends as that one does. With it, `resume` runs when that one has ended, however that was (see
     * ML_OUTCOME), and its answer counts. `drop` is called once in any case.
     */
    ml_code (*tail)(ml_call *call, ml_text action, const ml_text *args, size_t count,
                    ml_resume resume, void *data, ml_drop drop);
    /* The same, putting a file that is in memory into the playlist; `audio` is copied. */
    ml_code (*play)(ml_call *call, const ml_audio *audio, ml_resume resume, void *data,
                    ml_drop drop);
    /*
     * Keeps an object in the session under a name. The session owns it: `drop` is called, by any
     * thread, when it is replaced or removed, and at the latest when the session ends. `tag` tells
     * the module's types of objects apart.
     */
    ml_code (*object_set)(ml_call *call, ml_text name, void *object, uint64_t tag, ml_drop drop);
    /* The object, if it is of this module and has this tag; else NULL. */
    void *(*object_get)(ml_call *call, ml_text name, uint64_t tag);
    ml_code (*object_remove)(ml_call *call, ml_text name);
    /* In sdp_offer and sdp_answer: what is sent instead, if the server can read it. */
    ml_code (*replace_sdp)(ml_call *call, ml_text sdp);
};

/*
 * The one exported function. It may also be called muleteer_ and the name of the module, such as
 * muleteer_mod_tiny, so that several modules can be linked into one program.
 */
const ml_module *muleteer_module(void);

#ifdef __cplusplus
}
#endif

#endif
