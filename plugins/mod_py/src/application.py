"""Applications in Python: how a script is loaded, and how its callbacks are called.

Runs in the name space of `face.py`, with `ivr` the module of that name.
"""

import ast

# The callbacks by the names of the events; what each gets of the event's parameters.
CALLBACKS = {
    "start": ("onStart", lambda p: ()),
    "invite": ("onInvite", lambda p: (p.get("hdrs", ""),)),
    "sessionStart": ("onSessionStart", lambda p: ()),
    "hangup": ("onBye", lambda p: ()),
    "key": ("onDtmf", lambda p: (int(p["key"]), int(p.get("duration") or 0))),
    "timer": ("onTimer", lambda p: (int(p["id"]),)),
    "rtpTimeout": ("onRtpTimeout", lambda p: ()),
    "event": ("onIvrMessage", lambda p: (p.get("ivr_message", ""),)),
    "sipRequest": ("onSipRequest", lambda p: (_request(p),)),
    "sipReply": ("onSipReply", lambda p: (_request(p), _reply(p))),
}
SYSTEM = {"ServerShutdown": "onServerShutdown", "User1": "onUser1", "User2": "onUser2"}

# The classes by the name and the version of their script. Calls and diagrams of an older version keep it.
_applications = {}


class Unusable(Exception):
    """A script that cannot be an application."""


def load_application(name, version, path, text, conf):
    """Runs a script, unless that version was; whether it is an application."""
    if (name, version) in _applications:
        return _applications[name, version] is not None
    scripts.add(path)
    module = types.ModuleType(name)
    module.__file__ = path
    names = module.__dict__
    for public in ivr.__all__:
        names[public] = getattr(ivr, public)
    names["config"] = _settings(conf)
    ivr._loading.threads = threads = []
    try:
        exec(compile(text, path, "exec", dont_inherit=True), names)
    finally:
        ivr._loading.threads = None
    found = names.get("IvrDialog")
    if found is not None:
        _check(found, path, text)
    _applications[name, version] = found
    for thread in threads:
        thread.start()
    return found is not None


def _check(found, path, text):
    if not isinstance(found, type) or not issubclass(found, ivr.IvrDialogBase):
        error = Unusable("IvrDialog is not derived from IvrDialogBase")
    elif found.B2BMode:
        error = Unusable("B2BMode: a second leg is not available yet")
    else:
        return
    nodes = ast.walk(ast.parse(text))
    classes = (node for node in nodes if isinstance(node, ast.ClassDef) and node.name == "IvrDialog")
    error.place = path, next((node.lineno for node in classes), 1)
    raise error


def _settings(conf):
    settings = {}
    for line in conf.splitlines():
        key, equals, value = line.partition("=")
        if equals and not key.lstrip().startswith("#"):
            settings[key.strip()] = value.strip()
    return settings


def begin(name, version, params, line):
    """Makes the object of a call."""
    found = _applications.get((name, version))
    if found is None:
        raise Unusable(f"there is no application {name} in Python")
    dialog = found.__new__(found)
    dialog._ivr = ivr._State()
    dialog._ivr.params = {key: value for key, value in params.items() if not key.startswith("config.")}
    _here.line = line
    try:
        for callback, switch in (("onSipRequest", "request"), ("onSipReply", "reply")):
            if hasattr(found, callback):
                line.ask("setvar", f"enable_{switch}_events", "true")
        dialog.__init__()
    finally:
        _here.line = None
    return dialog


def callback(dialog, event, params, line):
    """Calls what the script has for an event; false: it answered False, so the server is to do nothing."""
    state = dialog._ivr
    _here.line = line
    try:
        name, args = _callback(dialog, event, params)
        state.callback = name
        function = getattr(dialog, name, None) if name else None
        if function is None:
            return True
        result = function(*args(params))
        if name == "onInvite" and result is False and not state.replied:
            # Any reply keeps the server from answering by itself.
            line.ask("dlg.reply", "100", "Trying")
        return result is not False
    except ivr.semserror as error:
        if event != "invite":
            raise
        dialog.sendReply(error.code, error.reason, error.headers)
        line.ask("stop", "false")
        return False
    finally:
        state.callback = None
        _here.line = None


def _callback(dialog, event, params):
    state = dialog._ivr
    nothing = None, None
    match event:
        case "invite":
            state.invite_req = _invite(state.params, params)
            params["hdrs"] = state.params.get("hdrs", "")
        case "separator":
            was_empty = dialog.queueIsEmpty()
            dialog._at_mark(int(params["id"]))
            return nothing if was_empty else _when_empty(dialog)
        case "recordEnd" if state.recording is not None:
            dialog._end_recording(state.recording.record)
            return _when_empty(dialog)
        case "noAudio" if params.get("type") == "cleared":
            return "onAudioCleared", lambda p: ()
        case "system":
            return SYSTEM.get(params.get("type")), lambda p: ()
        case "event" if "ivr_message" not in params:
            return nothing
    return CALLBACKS.get(event, nothing)


def _when_empty(dialog):
    return ("onEmptyQueue", lambda p: ()) if dialog.queueIsEmpty() else (None, None)


def _invite(variables, params):
    ask = ivr._ask
    values = {name: ask("select", name) for name in ("user", "domain", "callid")}
    values |= {
        "method": "INVITE",
        "r_uri": ask("select", "local_uri"),
        "from_uri": ask("select", "remote_uri"),
        "from": ask("select", "remote_party"),
        "to": ask("select", "local_party"),
        "from_tag": ask("select", "remote_tag"),
        "to_tag": "",
        "body": ask("body", ""),
        "hdrs": variables.get("hdrs", ""),
    }
    return ivr._Message(**values)


def _request(params):
    names = "method r_uri from to callid from_tag to_tag body hdrs content_type".split()
    values = {name: params[name] for name in names if name in params}
    return ivr._Message(**values, cseq=int(params.get("cseq") or 0))


def _reply(params):
    names = "reason hdrs from_tag to_tag content_type body".split()
    values = {name: params.get(name, "") for name in names}
    numbers = {name: int(params.get(name) or 0) for name in ("code", "cseq")}
    return ivr._Message(**values, **numbers)


def make_ivr(source):
    """Once, before anything is loaded."""
    global ivr
    module = types.ModuleType("ivr", "What applications are written with.")
    module._log, module._post = log, post

    def ask(what, *args):
        line = getattr(_here, "line", None)
        if line is None:
            raise RuntimeError("this is for callbacks of a call only")
        return line.ask(what, *args)

    module._ask = ask
    exec(compile(source, "<ivr>", "exec"), module.__dict__)
    ivr = sys.modules["ivr"] = module
