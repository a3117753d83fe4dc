"""What the code in diagrams sees, and how it is run.

`log` (level, text) comes from the module. A `line` leads to the session that the code runs for: each
`line.ask` waits for the session's answer, and lets other Python code run meanwhile.
"""

import io
import sys
import textwrap
import threading
import traceback
import types

MAX_COMPILED = 1_000
FILE = "<py>"

# The conditions that ask for an event, which are also the values of `type`. Hold, UnHold and XmlrpcResponse
# are names of old code; no event is called so.
EVENTS = {
    "Any": "any",
    "Start": "start",
    "Startup": "startup",
    "Reload": "reload",
    "Invite": "invite",
    "SessionStart": "sessionStart",
    "Early": "early",
    "Ringing": "ringing",
    "Failed": "failed",
    "Hangup": "hangup",
    "BeforeDestroy": "beforeDestroy",
    "Key": "key",
    "Timer": "timer",
    "NoAudio": "noAudio",
    "PlaylistSeparator": "separator",
    "RecordEnd": "recordEnd",
    "DSMEvent": "event",
    "B2BEvent": "B2Bevent",
    "SipRequest": "sipRequest",
    "SipReply": "sipReply",
    "RemoteDisappeared": "remoteDisappeared",
    "Transfer": "transfer",
    "Replaced": "replaced",
    "SessionTimeout": "sessionTimeout",
    "RtpTimeout": "rtpTimeout",
    "Hold": "hold",
    "UnHold": "unhold",
    "XmlrpcResponse": "xmlrpcResponse",
    "JsonRpcRequest": "jsonRpcRequest",
    "JsonRpcResponse": "jsonRpcResponse",
    "Subscription": "subscription",
    "B2BOtherRequest": "B2B.otherRequest",
    "B2BOtherReply": "B2B.otherReply",
    "B2BOtherBye": "B2B.otherBye",
    "System": "system",
    "LegStateChange": "legStateChange",
    "BLegRefused": "bLegRefused",
    "PutOnHold": "PutOnHold",
    "ResumeHeld": "ResumeHeld",
    "CreateHoldRequest": "CreateHoldRequest",
    "HandleHoldReply": "HandleHoldReply",
    "RelayInit": "RelayInit",
    "RelayInitUAC": "RelayInitUAC",
    "RelayInitUAS": "RelayInitUAS",
    "RelayFinalize": "RelayFinalize",
    "RelayOnSipRequest": "RelayOnSipRequest",
    "RelayOnSipReply": "RelayOnSipReply",
    "RelayOnB2BRequest": "RelayOnB2BRequest",
    "RelayOnB2BReply": "RelayOnB2BReply",
    "Exception": "exception",
}


class TimeLimit(BaseException):
    """The code has run for too long."""


class SessionGone(BaseException):
    """Nobody waits for this code any more, or the session is over."""


class Session:
    """`session` in a diagram."""

    __slots__ = ("_line",)

    def __init__(self, line):
        self._line = line

    def var(self, name):
        return self._line.ask("var", name)

    def setvar(self, name, value):
        self._line.ask("setvar", name, str(value))

    def select(self, name):
        return self._line.ask("select", name.removeprefix("@"))

    def setError(self, error, text=""):
        self._line.ask("setError", str(error), str(text))

    def playPrompt(self, name, loop=False):
        self._line.ask("playPromptLooped" if loop else "playPrompt", name)

    def playFile(self, name, loop=False, front=False):
        self._line.ask("playFileFront" if front else "playFile", name, _flag(loop))

    def recordFile(self, name):
        self._line.ask("recordFile", name)

    def stopRecord(self):
        self._line.ask("stopRecord")

    def getRecordLength(self):
        return self._measure("getRecordLength", "record_length")

    def getRecordDataSize(self):
        return self._measure("getRecordDataSize", "record_data_size")

    def flushPlaylist(self):
        self._line.ask("flushPlaylist")

    def setPromptSet(self, name):
        self._line.ask("setPromptSet", name)

    def addSeparator(self, name, front=False):
        self._line.ask("addSeparator", str(name), _flag(front))

    def connectMedia(self):
        self._line.ask("connectMedia")

    def disconnectMedia(self):
        self._line.ask("disconnectMedia")

    def mute(self):
        self._line.ask("mute")

    def unmute(self):
        self._line.ask("unmute")

    def B2BconnectCallee(self, party, uri, relayed=None):
        if relayed is not None:
            self.setvar("b2b_relayed_invite", _flag(relayed))
        self._line.ask("B2B.connectCallee", party, uri)

    def B2BterminateOtherLeg(self):
        self._line.ask("B2B.terminateOtherLeg")

    def _measure(self, action, variable):
        self._line.ask(action)
        return int(self.var(variable) or 0)


class Common(dict):
    """The name space of all sessions. Functions and comprehensions look for what is not in it among the
    names of the session that they run for."""

    def __missing__(self, name):
        names = getattr(_here, "names", None)
        if names is None:
            raise KeyError(name)
        return names[name]


class Printer(io.TextIOBase):
    """What is printed becomes lines of the server's log."""

    def __init__(self, level):
        self._level = level
        self._rest = threading.local()

    def writable(self):
        return True

    def write(self, text):
        *lines, rest = (getattr(self._rest, "text", "") + text).split("\n")
        self._rest.text = rest[-4096:]
        for line in lines:
            log(self._level, line)
        return len(text)


_here = threading.local()
_compiled = {}
# The paths of applications.
scripts = set()


def _flag(value):
    return "true" if value else "false"


def _module():
    dsm = types.ModuleType("dsm", "What all sessions have in common.")
    dsm.log = log
    for level, name in enumerate(("ERROR", "WARN", "INFO", "DBG")):
        setattr(dsm, name, lambda text, level=level: log(level, str(text)))
    for name, event in EVENTS.items():
        setattr(dsm, name, event)
    dsm.TimeLimit = TimeLimit
    dsm.SessionGone = SessionGone
    return dsm


dsm = sys.modules["dsm"] = _module()
common = Common(dsm=dsm, __name__="__diagram__")


def prepare(path):
    """Once, before anything is run."""
    sys.path[:0] = path
    sys.stdout = Printer(2)
    sys.stderr = Printer(1)
    # Short, so that a condition does not wait for the code of others.
    sys.setswitchinterval(0.001)


def _compile(code, condition):
    found = _compiled.get((code, condition))
    if found is None:
        first, _, rest = code.partition("\n")
        text = "#\n" + textwrap.dedent(rest) if first.rstrip() == "#" else code
        found = compile(text, FILE, "eval" if condition else "exec", dont_inherit=True)
        if len(_compiled) >= MAX_COMPILED:
            _compiled.clear()
        _compiled[code, condition] = found
    return found


def run(code, condition, names, event, params, line):
    """Runs `code`; gives whether its value is true."""
    names.update(type=event, params=params, session=Session(line))
    _here.names = names
    try:
        compiled = _compile(code, condition)
        if condition:
            return bool(eval(compiled, common, names))
        exec(compiled, common, names)
        return True
    finally:
        _here.names = None


def check(code, condition):
    """What is wrong with code before it is run, and the line; an empty text: nothing."""
    try:
        _compile(code, condition)
    except SyntaxError as error:
        return f"{type(error).__name__}: {error.msg}", error.lineno or 0
    except (ValueError, RecursionError, MemoryError) as error:
        return f"{type(error).__name__}: {error}", 0
    return "", 0


def describe(error, level):
    """The type and the text of an exception, and the line of the code, with the file if it is in one; the
    log gets the whole story."""
    file, line = getattr(error, "place", ("", 0))
    if isinstance(error, SyntaxError):
        file, line = error.filename, error.lineno
    for frame, number in traceback.walk_tb(error.__traceback__):
        if frame.f_code.co_filename == FILE or frame.f_code.co_filename in scripts:
            file, line = frame.f_code.co_filename, number
    try:
        text = str(error.msg if isinstance(error, SyntaxError) and level == 0 else error)
        log(level, "".join(traceback.format_exception(error)))
    except Exception:
        text = ""
    return type(error).__name__, text, line or 0, "" if file == FILE else file or ""
