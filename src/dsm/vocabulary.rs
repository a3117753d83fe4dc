//! Words of the language that are neither actions nor conditions: selects, variables with a meaning,
//! errors and exceptions, each with one line for the reference page and for editors.

/// A word and what it stands for.
pub type Word = (&'static str, &'static str);

/// Modules of this project that are objects of their own: built apart, and found in the folders of modules.
pub const LOADABLE_MODULES: &[&str] = &[
    "mod_aws",
    "mod_curl",
    "mod_json",
    "mod_log",
    "mod_mysql",
    "mod_py",
    "mod_redis",
    "mod_regex",
    "mod_xml",
];

/// What `@name` gives; the same names as [`SELECTS`](super::SELECTS). An outgoing call has the other
/// side of each.
pub const SELECT_MEANINGS: &[Word] = &[
    (
        "local_tag",
        "id of the session: where postEvent reaches it; a diagram without a call has only this one",
    ),
    ("remote_tag", "tag of the caller"),
    ("callid", "Call-ID"),
    ("user", "user part of the request URI"),
    ("domain", "host part of the request URI"),
    ("local_uri", "request URI"),
    (
        "remote_uri",
        "where the peer is reached: its From URI, later its Contact",
    ),
    ("local_party", "To header"),
    ("remote_party", "From header"),
];

/// Variables that mean something to the server.
pub const VARIABLES: &[Word] = &[
    (
        "accept_early_session",
        "0: an outgoing call does not want early media",
    ),
    ("b2b_auth_pwd", "password for the second leg"),
    ("b2b_auth_user", "user name for the second leg"),
    ("b2b_callid", "Call-ID of the second leg"),
    ("b2b_local_party", "From header of the second leg"),
    ("b2b_local_uri", "own URI of the second leg"),
    (
        "b2b_relayed_invite",
        "true: the INVITE is passed to the second leg as it is",
    ),
    ("config.NAME", "setting NAME of the application"),
    (
        "connect_early_session",
        "0: early media does not connect the playlist",
    ),
    (
        "connect_session",
        "0: the start of the session does not connect the playlist",
    ),
    (
        "count_file[n]",
        "result of utils.getCountRight and its relatives",
    ),
    ("DI_res", "result of DIgetResult; also DI_res0, DI_res.NAME"),
    ("DI_res[n]", "result of DIgetResultArray"),
    ("DI_res_size", "its number of elements"),
    (
        "dlg.message.NAME",
        "from, hdrs, auth_user, auth_pwd, auth_realm and proxy of what dlg.message sends",
    ),
    (
        "dlg.reply.hdrs",
        "header lines for replies; \\r\\n in it is a line break",
    ),
    ("enable_reply_events", "true: sipReply is raised"),
    ("enable_request_events", "true: sipRequest is raised"),
    ("errno", "how the last action failed; empty if it did not"),
    (
        "hdrs",
        "with import(mod_uri): header lines of the INVITE, but for those that the server looks at itself",
    ),
    ("index", "result of arrayIndex"),
    ("NAME.index", "result of arrayIndex for the value of $NAME"),
    (
        "prompts.default_fallback",
        "yes: prompts missing in the active set are taken from the default set",
    ),
    ("record_data_size", "result of getRecordDataSize"),
    ("record_length", "result of getRecordLength"),
    (
        "strerror",
        "text for $errno; only the success of a module's action clears it",
    ),
];

/// Values of `$errno`.
pub const ERRORS: &[Word] = &[
    ("file", "a file"),
    ("arg", "an unknown or bad argument"),
    ("script", "an action out of place"),
    (
        "config",
        "the configuration, or a component that is missing",
    ),
    ("internal", "internal"),
    ("general", "anything else"),
    ("dlg", "the dialog"),
];

/// Types of exceptions, with their parameters.
pub const EXCEPTIONS: &[Word] = &[
    ("file #path", "a file cannot be opened"),
    ("prompt #name", "there is no such prompt or prompt set"),
    (
        "core #cause",
        "a bad number, a limit, or something this server or a diagram without a call does not have",
    ),
    (
        "script #cause",
        "an action on the second leg of a call, where there is none",
    ),
    (
        "sbc #cause",
        "an action on a leg of a session border controller, where there is none; handlers that ask for \
         the type param find it too",
    ),
    (
        "conference #cause",
        "a room that cannot be joined, or a mixer that is missing",
    ),
    (
        "dlg #cause",
        "a reply without a request, or the body of a message that there is none of",
    ),
    (
        "popen #cause",
        "the shell cannot be started, or does not end in time",
    ),
    ("pclose #cause", "the end of the shell cannot be waited for"),
    ("$errno #text", "throwOnError, with the value of $errno"),
    ("any", "throw"),
];
