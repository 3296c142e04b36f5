"""SIPp scenarios as Python: a list of steps becomes the XML that sipp reads. Each step is a few words instead of a page,
and the messages stay visible.

    Uas(recv("INVITE"), reply(180), reply(200, sdp=True), recv("ACK"), recv("BYE"), reply(200))

In a Uas (the far side that we call) `reply` answers the last request; in a Uac (a caller) `request` sends one.
"""

SDP = """v=0
o=sipp 1 1 IN IP[local_ip_type] [local_ip]
s=-
c=IN IP[media_ip_type] [media_ip]
t=0 0
m=audio [media_port] RTP/AVP 0 8 101
a=rtpmap:0 PCMU/8000
a=rtpmap:8 PCMA/8000
a=rtpmap:101 telephone-event/8000
a=fmtp:101 0-15
a={direction}"""

REASONS = {100: "Trying", 180: "Ringing", 183: "Session Progress", 200: "OK", 302: "Moved Temporarily", 401: "Unauthorized",
           407: "Proxy Authentication Required", 404: "Not Found", 486: "Busy Here", 487: "Request Terminated",
           491: "Request Pending", 500: "Server Internal Error", 503: "Service Unavailable", 603: "Decline"}


def _body(sdp):
    if not sdp:
        return "Content-Length: 0\n"
    text = SDP.format(direction=sdp if isinstance(sdp, str) else "sendrecv")
    return "Content-Type: application/sdp\nContent-Length: [len]\n\n" + text


def _send(message, **attributes):
    marks = "".join(f' {name}="{value}"' for name, value in attributes.items())
    return f"<send{marks}><![CDATA[\n{message}\n]]></send>"


def reply(status, sdp=None, headers=(), tag=True, contact=None, **attributes):
    """Answers the request that came last. `tag` False: its To has ours already (a request within the dialog)."""
    to = "[last_To:];tag=[pid]sipp[call_number]" if tag and status != 100 else "[last_To:]"
    lines = [f"SIP/2.0 {status} {REASONS[status]}", "[last_Via:]", "[last_Record-Route:]", "[last_From:]", to, "[last_Call-ID:]",
             "[last_CSeq:]", f"Contact: <{contact or 'sip:[local_ip]:[local_port];transport=[transport]'}>", *headers]
    return _send("\n".join(lines) + "\n" + _body(sdp), **attributes)


def recv(what, optional=False, timeout=None, checks=(), auth=False, **attributes):
    """A request by its name or a response by its number. `checks`: (header, regular expression) that must match."""
    kind = "response" if isinstance(what, int) else "request"
    marks = {kind: what, **attributes}
    if optional:
        marks["optional"] = "true"
    if timeout:
        marks["timeout"] = timeout
    if auth:
        marks["auth"] = "true"
    if kind == "response" or what == "INVITE":
        marks["rrs"] = "true"
    text = "".join(f' {name}="{value}"' for name, value in marks.items())
    actions = "".join(f'<ereg regexp="{pattern}" search_in="hdr" header="{header}:" check_it="true" assign_to="ignored"/>'
                      for header, pattern in checks)
    return f"<recv{text}><action>{actions}</action></recv>" if actions else f"<recv{text}/>"


def pause(milliseconds):
    return f'<pause milliseconds="{milliseconds}"/>'


def in_dialog(method, cseq, sdp=None, headers=(), **attributes):
    """A request from the callee's side of a dialog that an INVITE to us made."""
    lines = [f"{method} [next_url] SIP/2.0", "Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]",
             "[routes]", "From: [$1];tag=[pid]sipp[call_number]", "To: [$2]", "Call-ID: [call_id]", f"CSeq: {cseq} {method}",
             "Max-Forwards: 70", "Contact: <sip:[local_ip]:[local_port];transport=[transport]>", *headers]
    return _send("\n".join(lines) + "\n" + _body(sdp), retrans="500", **attributes)


def recv_invite():
    """Takes From and To of the INVITE, so that the callee can send requests of its own: $1 is our To, $2 our From."""
    return ('<recv request="INVITE" rrs="true"><action>'
            '<ereg regexp="(.*)" search_in="hdr" header="To:" check_it="true" assign_to="3,1"/>'
            '<ereg regexp="(.*)" search_in="hdr" header="From:" check_it="true" assign_to="4,2"/>'
            '</action></recv>')


def request(method, cseq, sdp=None, headers=(), uri="sip:[service]@[remote_ip]:[remote_port]", peer_tag=True, auth=False,
            user="sipp", to=None, **attributes):
    """A request of a caller. `peer_tag` False before there is one."""
    lines = [f"{method} {uri} SIP/2.0", "Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]",
             f"From: <sip:{user}@[local_ip]:[local_port]>;tag=[pid]sipp[call_number]",
             f"To: <{to or 'sip:[service]@[remote_ip]:[remote_port]'}>" + ("[peer_tag_param]" if peer_tag else ""),
             "Call-ID: [call_id]", f"CSeq: {cseq} {method}", f"Contact: <sip:{user}@[local_ip]:[local_port]>", "Max-Forwards: 70",
             *(["[authentication]"] if auth else []), *headers]
    if method not in ("ACK", "CANCEL"):
        attributes.setdefault("retrans", "500")
    return _send("\n".join(lines) + "\n" + _body(sdp), **attributes)


def xml(name, *steps):
    ignored = '<Reference variables="ignored"/>' if any("ignored" in step for step in steps) else ""
    taken = '<Reference variables="3,4"/>' if any('assign_to="3,1"' in step for step in steps) else ""
    uses = any("[$1]" in step for step in steps)
    if taken and not uses:
        taken = '<Reference variables="1,2,3,4"/>'
    body = "\n".join(steps)
    return (f'<?xml version="1.0" encoding="ISO-8859-1" ?>\n<!DOCTYPE scenario SYSTEM "sipp.dtd">\n'
            f'<scenario name="{name}">\n{body}\n{ignored}{taken}\n</scenario>\n')
