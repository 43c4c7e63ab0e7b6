"""A softphone on pjsua2, steered by lines on standard input; what happens is told on standard output.

Takes one argument, a JSON object: user, password, server ("127.0.0.1:5060"), transport ("udp", "tcp" or "tls"),
voice (a WAV file to speak), ear (a WAV file of what is heard), answers (whether it answers by itself),
codecs (the ones to offer, by name), and where they are wanted: reliable (requires 100rel, RFC 3262),
mailbox (subscribes to message-summary, RFC 3842), flow (which flow of one device it is, RFC 5626),
encryption ("off", "optional" or "required": SRTP by SDES), identity (certificate, key and port of a carrier by
TLS, which registers nowhere, and verifies its peers by the file of authorities).
"""

import json
import sys
import threading

import pjsua2 as pj


def tell(*words):
    print(*words, flush=True)


class Call(pj.Call):
    """One call: the voice goes in, what comes out is recorded."""

    def __init__(self, phone, *arguments):
        super().__init__(phone, *arguments)
        self.phone = phone

    def onCallState(self, parameter):
        info = self.getInfo()
        tell("call", info.stateText.lower(), info.lastStatusCode, info.remoteUri)
        if info.state == pj.PJSIP_INV_STATE_DISCONNECTED:
            self.phone.calls.remove(self)

    def onCallMediaState(self, parameter):
        info = self.getInfo()
        for number, media in enumerate(info.media):
            if media.type == pj.PJMEDIA_TYPE_AUDIO and media.status == pj.PJSUA_CALL_MEDIA_ACTIVE:
                audio = self.getAudioMedia(number)
                self.phone.voice.startTransmit(audio)
                audio.startTransmit(self.phone.ear)

    def onCallSdpCreated(self, parameter):
        for line in parameter.sdp.wholeSdp.splitlines() + parameter.remSdp.wholeSdp.splitlines():
            tell("wire", line)

    def onDtmfDigit(self, parameter):
        tell("key", parameter.digit)

    def onCallTransferStatus(self, parameter):
        tell("transfer", parameter.statusCode, "last" if parameter.finalNotify else "early")


class Phone(pj.Account):
    """One account with its calls."""

    def __init__(self, settings):
        super().__init__()
        self.settings = settings
        self.calls = []
        self.voice = pj.AudioMediaPlayer()
        self.voice.createPlayer(settings["voice"])
        self.ear = pj.AudioMediaRecorder()
        self.ear.createRecorder(settings["ear"])

    def onRegState(self, parameter):
        tell("registration", parameter.code, parameter.expiration)

    def onMwiInfo(self, parameter):
        for line in parameter.rdata.wholeMsg.splitlines():
            tell("mailbox", line)

    def onIncomingCall(self, parameter):
        call = Call(self, parameter.callId)
        self.calls.append(call)
        tell("incoming", call.getInfo().remoteUri)
        for line in parameter.rdata.wholeMsg.splitlines():
            tell("wire", line)
        if self.settings["answers"]:
            self.answer(200)

    def answer(self, status):
        answer = pj.CallOpParam()
        answer.statusCode = status
        self.calls[-1].answer(answer)

    def dial(self, uri):
        call = Call(self)
        self.calls.append(call)
        call.makeCall(uri, pj.CallOpParam(True))

    def hold(self):
        self.calls[-1].setHold(pj.CallOpParam())

    def transfer(self, uri):
        self.calls[-1].xfer(uri, pj.CallOpParam(True))

    def attend(self):
        """Puts the first call and the last one together (RFC 3891)."""
        self.calls[0].xferReplaces(self.calls[-1], pj.CallOpParam(True))

    def resume(self):
        option = pj.CallOpParam(True)
        option.opt.flag = pj.PJSUA_CALL_UNHOLD
        self.calls[-1].reinvite(option)


class Endpoint(pj.Endpoint):
    def onNatCheckStunServersComplete(self, parameter):
        tell("stun", parameter.status, parameter.addr)


def start(settings):
    endpoint = Endpoint()
    endpoint.libCreate()
    config = pj.EpConfig()
    config.logConfig.level = config.logConfig.consoleLevel = 0
    config.uaConfig.threadCnt = 0
    config.uaConfig.mainThreadOnly = True
    endpoint.libInit(config)
    transport = pj.TransportConfig()
    transport.boundAddress = "127.0.0.1"
    # By TLS a phone does not verify the server, which has no name that it would know.
    identity = settings.get("identity")
    if identity:
        transport.port = identity["port"]
        transport.tlsConfig.certFile = identity["certificate"]
        transport.tlsConfig.privKeyFile = identity["key"]
        transport.tlsConfig.CaListFile = settings["authorities"]
        transport.tlsConfig.verifyServer = True
        transport.tlsConfig.verifyClient = True
        transport.tlsConfig.requireClientCert = True
    kinds = {
        "udp": pj.PJSIP_TRANSPORT_UDP,
        "tcp": pj.PJSIP_TRANSPORT_TCP,
        "tls": pj.PJSIP_TRANSPORT_TLS,
    }
    kind = kinds[settings["transport"]]
    endpoint.transportCreate(kind, transport)
    endpoint.libStart()
    endpoint.audDevManager().setNullDev()
    for codec in endpoint.codecEnum2():
        wanted = any(codec.codecId.startswith(name) for name in settings["codecs"])
        endpoint.codecSetPriority(codec.codecId, 200 if wanted else 0)
    account = pj.AccountConfig()
    account.idUri = f"sip:{settings['user']}@{settings['server']}"
    if not identity:
        account.regConfig.registrarUri = f"sip:{settings['server']};transport={settings['transport']}"
    account.regConfig.timeoutSec = settings.get("expires", 300)
    proof = pj.AuthCredInfo("digest", "*", settings["user"], 0, settings["password"])
    account.mediaConfig.transportConfig.boundAddress = "127.0.0.1"
    account.sipConfig.authCreds.append(proof)
    if settings.get("reliable"):
        account.callConfig.prackUse = pj.PJSUA_100REL_MANDATORY
    account.mwiConfig.enabled = bool(settings.get("mailbox"))
    if settings.get("flow"):
        account.natConfig.sipOutboundInstanceId = "<urn:uuid:0b7a4b2e-5d6f-4c8e-9a51-000000000101>"
        account.natConfig.sipOutboundRegId = str(settings["flow"])
    kinds = {
        "off": pj.PJMEDIA_SRTP_DISABLED,
        "optional": pj.PJMEDIA_SRTP_OPTIONAL,
        "required": pj.PJMEDIA_SRTP_MANDATORY,
    }
    account.mediaConfig.srtpUse = kinds[settings.get("encryption", "off")]
    account.mediaConfig.srtpSecureSignaling = 1
    phone = Phone(settings)
    phone.create(account)
    return endpoint, phone


def main():
    endpoint, phone = start(json.loads(sys.argv[1]))
    orders = []
    threading.Thread(target=lambda: orders.extend(iter(sys.stdin.readline, "")), daemon=True).start()
    while True:
        endpoint.libHandleEvents(10)
        if not orders:
            continue
        order, *rest = orders.pop(0).split()
        if order == "quit":
            break
        actions = {
            "dial": lambda: phone.dial(*rest),
            "answer": lambda: phone.answer(int(*rest)),
            "hangup": lambda: phone.calls[-1].hangup(pj.CallOpParam(True)),
            "stun": lambda: endpoint.natUpdateStunServers(pj.StringVector(rest), False),
            "register": lambda: phone.setRegistration(True),
            "ring": lambda: phone.answer(180),
            "transfer": lambda: phone.transfer(*rest),
            "attend": phone.attend,
            "hold": phone.hold,
            "resume": phone.resume,
            "press": lambda: phone.calls[-1].dialDtmf(*rest),
        }
        actions[order]()
    # Its media must go before the library does.
    del phone.voice, phone.ear
    endpoint.libDestroy()


main()
