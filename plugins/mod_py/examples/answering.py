"""An answering machine: greets the caller, records until # is pressed or the time is over, says thanks,
and hangs up."""

from ivr import *

HASH = 11
GIVE_UP = 1


class IvrDialog(IvrDialogBase):
    def onInvite(self, headers):
        log(2, f"{self.invite_req.from_uri} calls {self.dialog.user}")
        return True

    def onSessionStart(self):
        self.name = f"{self.dialog.local_tag}.wav"
        self.message = IvrAudioFile()
        self.message.open(self.name, AUDIO_WRITE)
        self.message.setRecordTime(int(config["longest_ms"]))
        self.enqueue(sound(config["greeting"]), None)
        self.enqueue(None, self.message)
        self.setTimer(GIVE_UP, int(config["give_up_s"]))

    def onDtmf(self, key, duration):
        if key == HASH:
            self.message.close()
            self.finish()

    def onEmptyQueue(self):
        # The recording has come to its longest time, or everything is said.
        self.finish()

    def onTimer(self, id):
        log(1, "nobody has pressed #")
        self.stopSession()

    def finish(self):
        if self.message is None:
            self.stopSession()
            return
        log(2, f"{self.message.getDataSize()} bytes are in {self.name}")
        self.message = None
        self.enqueue(sound(config["thanks"]), None)

    def onBye(self):
        log(2, "the caller has hung up")


def sound(name):
    file = IvrAudioFile()
    file.open(name, AUDIO_READ)
    return file
