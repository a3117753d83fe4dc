"""The module `ivr`: what applications in Python are written with.

`_ask` (what, *args) leads to the session whose callback runs on this thread; `_post` (session, text) and
`_log` (level, text) to the server. They come from the module.
"""

import threading

AUDIO_READ = 1
AUDIO_WRITE = 2
# The server itself leaves out what nobody wants to read.
SEMS_LOG_LEVEL = 3

__all__ = [
    "AUDIO_READ",
    "AUDIO_WRITE",
    "IvrAudioFile",
    "IvrAudioMixIn",
    "IvrDialogBase",
    "IvrNullAudio",
    "IvrUAC",
    "NotAvailable",
    "SEMS_LOG_LEVEL",
    "createThread",
    "getHeader",
    "getHeaders",
    "log",
    "monitorFinish",
    "monitorLog",
    "monitorLogAdd",
    "semserror",
    "sendMessage",
    "setIgnoreSigchld",
]

# Separators of our own among those of a script.
_FIRST_MARK = 1_000_000_000
# While a script is loaded: what it wants to run afterwards.
_loading = threading.local()


class NotAvailable(RuntimeError):
    """This server has no such thing."""

    def __init__(self, what):
        super().__init__(f"{what} is not available yet")


class semserror(Exception):
    """Raised by a callback: the caller gets this reply."""

    def __init__(self, code=500, reason="Server Internal Error", headers=""):
        super().__init__(f"{code} {reason}")
        self.code, self.reason, self.headers = code, reason, headers


def __getattr__(name):
    if name in ("LOCAL_SIP_IP", "LOCAL_SIP_PORT"):
        raise NotAvailable(name)
    raise AttributeError(f"module 'ivr' has no attribute {name!r}")


def log(level, text):
    """0 for errors to 3 for what helps to find them."""
    _log(max(0, min(int(level), 3)), str(text))


def getHeaders(headers, name):
    """All values of a header in a text of header lines."""
    found = []
    for line in headers.splitlines():
        head, colon, value = line.partition(":")
        if colon and head.strip().lower() == name.strip().lower():
            found.append(value.strip())
    return found


def getHeader(headers, name):
    """The first value of a header; empty if there is none."""
    return next(iter(getHeaders(headers, name)), "")


def createThread(function):
    """Runs a function on a thread of its own, once the script is loaded."""
    wanted = getattr(_loading, "threads", None)
    if wanted is None:
        raise RuntimeError("createThread is for the time when the script is loaded")
    wanted.append(threading.Thread(target=function, name="ivr", daemon=True))


def setIgnoreSigchld(ignore):
    """Does nothing: the server waits for its own children only."""


def monitorLog(id, key, value):
    """Sets an attribute of a record."""
    _ask("monitoring.setGlobal", str(id), str(key), str(value))


def monitorLogAdd(id, key, value):
    """Adds to an attribute of a record."""
    _ask("monitoring.addGlobal", str(id), str(key), str(value))


def monitorFinish(id):
    """Removes a record."""
    _ask("monitoring.erase", str(id))


def sendMessage(local_tag, text):
    """Has `onIvrMessage` of another call get a text."""
    _post(str(local_tag), str(text))


class IvrAudioFile:
    """A file that is played, or a recording."""

    def __init__(self):
        self.loop = False
        self._name = None
        self._mode = 0
        self._max_ms = 0
        self._size = 0
        self._dialog = None

    def open(self, name, mode, is_tmp=False):
        """Whether it is there is seen when it is enqueued."""
        if mode not in (AUDIO_READ, AUDIO_WRITE):
            raise ValueError("the mode is AUDIO_READ or AUDIO_WRITE")
        if is_tmp:
            raise NotAvailable("a file that deletes itself")
        self._name, self._mode = str(name), mode

    def close(self):
        """Ends the recording."""
        if self._dialog is not None:
            self._dialog._end_recording(self)

    def rewind(self, ms=0):
        """A file begins at its beginning whenever it is enqueued."""
        if ms:
            raise NotAvailable("rewinding to a place in a file")

    def getDataSize(self):
        """Bytes of audio of a recording, also after its end."""
        if self._mode != AUDIO_WRITE:
            raise NotAvailable("the size of a file that is played")
        if self._dialog is not None:
            _ask("getRecordDataSize")
            self._size = int(_ask("var", "record_data_size") or 0)
        return self._size

    def setRecordTime(self, ms):
        """How long a recording takes at most; whole seconds."""
        self._max_ms = int(ms)

    def _play(self):
        if self._mode != AUDIO_READ:
            raise ValueError("enqueue: open the file with AUDIO_READ to play it")
        _ask("playFile", self._name, "true" if self.loop else "false")

    def _record(self):
        seconds = -(-self._max_ms // 1000)
        options = [f"max={seconds}"] if seconds > 0 else []
        _ask("recordFile", self._name, *options)

    def __getattr__(self, name):
        if name in ("fpopen", "exportRaw", "tts"):
            raise NotAvailable(f"IvrAudioFile.{name}")
        raise AttributeError(f"'IvrAudioFile' object has no attribute {name!r}")


class IvrNullAudio:
    """Silence."""

    def __init__(self):
        self._read_ms = 0

    def init(self, read_ms, write_ms=0):
        self._read_ms = int(read_ms)

    def _play(self):
        _ask("playSilence", str(max(0, self._read_ms)))


class IvrAudioMixIn:
    """One file over another."""

    def init(self, *args):
        raise NotAvailable("IvrAudioMixIn")


class IvrUAC:
    """Places calls."""

    @staticmethod
    def dialout(user, app, r_uri, from_, from_uri, to, local_tag="", headers="", params=None):
        """The local tag of the new call; empty if it cannot be placed."""
        caller = from_uri.removeprefix("sip:").partition("@")[0]
        domain = r_uri.removeprefix("sip:").rpartition("@")[2].partition(";")[0]
        values = {
            "caller": caller,
            "callee": user,
            "domain": domain,
            "app": app,
            "r_uri": r_uri,
            "from": from_,
            "from_uri": from_uri,
            "to": to,
            "hdrs": headers,
        }
        if local_tag:
            values["ltag"] = local_tag
        for name, value in (params or {}).items():
            values[f"var.{name}"] = value
        for name, value in values.items():
            _ask("setvar", f"py.dial_{name}", str(value))
        _ask("dlg.dialout", "py.dial")
        return _ask("var", "py.dial_ltag")


class _Dialog:
    """`self.dialog`."""

    _SELECTS = frozenset(
        "user domain local_uri remote_uri callid remote_tag local_tag remote_party local_party".split()
    )

    def __getattr__(self, name):
        if name in self._SELECTS:
            return _ask("select", name)
        if name in ("route", "outbound_proxy", "cseq", "status", "status_str"):
            raise NotAvailable(f"dialog.{name}")
        raise AttributeError(f"'dialog' has no attribute {name!r}")

    def __setattr__(self, name, value):
        raise NotAvailable(f"setting dialog.{name}")


class _Message:
    """A request or a reply."""

    def __init__(self, **values):
        self.__dict__.update(values)

    def __getattr__(self, name):
        raise NotAvailable(f"{name} of this message")


class _Item:
    """Something in the playlist that records."""

    def __init__(self, play, record, mark):
        self.play, self.record, self.mark = play, record, mark


class _State:
    """What a call remembers besides the attributes of its script."""

    def __init__(self):
        self.dialog = _Dialog()
        self.invite_req = None
        self.params = {}
        self.callback = None
        self.replied = False
        # Behind each item of the playlist is a mark; this is the last one that has been set.
        self.mark = _FIRST_MARK
        # The mark whose coming tells that all has been played; None: it came, or nothing is played.
        self.last = None
        # What records now, and what comes behind it.
        self.recording = None
        self.waiting = []


class IvrDialogBase:
    """A call. Scripts derive a class `IvrDialog` from it, and give it the callbacks that they want."""

    B2BMode = False

    @property
    def dialog(self):
        return self._ivr.dialog

    @property
    def invite_req(self):
        if self._ivr.invite_req is None:
            raise NotAvailable("invite_req of a call without an INVITE that came in")
        return self._ivr.invite_req

    # The end.

    def stopSession(self):
        _ask("stop", "false")

    dropSession = stopSession

    def bye(self, headers=""):
        _ask("dlg.bye", *([headers] if headers else []))

    def redirect(self, uri):
        raise NotAvailable("redirect")

    def refer(self, uri, expires=None, referred_by=None, headers=None):
        if referred_by or headers:
            raise NotAvailable("refer with headers")
        _ask("dlg.refer", uri, *([str(int(expires))] if expires is not None else []))

    # SIP.

    def sendRequest(self, method, headers=""):
        if method != "INFO" or headers:
            raise NotAvailable(f"sendRequest({method})")
        _ask("dlg.info", "", "")

    def sendReply(self, code, reason="", headers=""):
        state = self._ivr
        in_dialog = state.callback == "onSipRequest"
        _ask("setvar", "dlg.reply.hdrs", headers)
        try:
            _ask("dlg.replyRequest" if in_dialog else "dlg.reply", str(int(code)), reason)
        finally:
            _ask("setvar", "dlg.reply.hdrs", "")
        if in_dialog:
            _ask("setparam", "processed", "true")
        else:
            state.replied = True

    # The playlist.

    def enqueue(self, play, record):
        """Plays, records, or does both at once, when everything enqueued before is over."""
        state = self._ivr
        if play is None and record is None:
            return
        if record is not None and getattr(record, "_mode", None) != AUDIO_WRITE:
            raise ValueError("enqueue: open a file with AUDIO_WRITE to record it")
        if state.waiting or state.recording is not None:
            state.waiting.append((play, record))
        else:
            self._begin(play, record)

    def _begin(self, play, record):
        state = self._ivr
        if record is None:
            play._play()
            state.last = self._set_mark()
        else:
            state.recording = _Item(play, record, self._set_mark())

    def _set_mark(self):
        self._ivr.mark += 1
        _ask("addSeparator", str(self._ivr.mark), "false")
        return self._ivr.mark

    def _at_mark(self, mark):
        """The playlist came to a mark: a recording begins, what was played during one is over, or everything."""
        state = self._ivr
        item = state.recording
        if mark == state.last:
            state.last = None
        if item is None or mark != item.mark:
            return
        if item.record._dialog is self:
            self._end_recording(item.record)
            return
        item.record._record()
        item.record._dialog = self
        if item.play is not None:
            item.play._play()
            item.mark = self._set_mark()

    def _end_recording(self, record):
        try:
            record.getDataSize()
            _ask("stopRecord")
        finally:
            self._recorded()

    def _recorded(self):
        """The recording is over; what comes next."""
        state = self._ivr
        if state.recording is None:
            return
        state.recording.record._dialog = None
        state.recording = None
        while state.waiting and state.recording is None:
            self._begin(*state.waiting.pop(0))

    def flush(self):
        state = self._ivr
        state.waiting.clear()
        recording, state.last = state.recording, None
        if recording is not None and recording.record._dialog is self:
            self._end_recording(recording.record)
        state.recording = None
        _ask("flushPlaylist")

    def queueIsEmpty(self):
        state = self._ivr
        return state.last is None and state.recording is None and not state.waiting

    # Media.

    def mute(self):
        _ask("mute")

    def unmute(self):
        _ask("unmute")

    def enableReceiving(self):
        _ask("enableReceiving")

    def disableReceiving(self):
        _ask("disableReceiving")

    def enableDTMFDetection(self):
        _ask("enableDTMFDetection")

    def disableDTMFDetection(self):
        _ask("disableDTMFDetection")

    def enableDTMFReceiving(self):
        _ask("enableForceDTMFReceiving")

    def disableDTMFReceiving(self):
        _ask("disableForceDTMFReceiving")

    def connectMedia(self):
        _ask("connectMedia")

    def disconnectMedia(self):
        _ask("disconnectMedia")

    # The second leg.

    def connectCallee(self, *args):
        raise NotAvailable("connectCallee")

    def terminateLeg(self):
        raise NotAvailable("terminateLeg")

    def terminateOtherLeg(self):
        raise NotAvailable("terminateOtherLeg")

    def setRelayonly(self):
        raise NotAvailable("setRelayonly")

    def setNoRelayonly(self):
        raise NotAvailable("setNoRelayonly")

    # Timers.

    def setTimer(self, id, seconds):
        if int(id) <= 0:
            raise ValueError("the id of a timer is greater than 0")
        _ask("setTimer", str(int(id)), str(int(seconds)))

    def removeTimer(self, id):
        _ask("removeTimer", str(int(id)))

    def removeTimers(self):
        _ask("removeTimers")

    # Data.

    def getAppParam(self, name):
        """A value of the P-App-Param header of the INVITE; empty if there is none."""
        for line in getHeaders(self._ivr.params.get("hdrs", ""), "P-App-Param"):
            for item in line.split(";"):
                key, _, value = item.partition("=")
                if key.strip().lower() == name.lower():
                    return value.strip().strip("\"'")
        return ""

    def getSessionParams(self):
        """The variables that the call began with: of a dial-out, its parameters."""
        return {name: value for name, value in self._ivr.params.items() if name != "hdrs"}
