"""SIPp scenarios whose messages do not fit one frame."""


def padding(name, lines):
    return "\n".join(f"{name}: {'carillon ' * 12}{line}" for line in range(lines))


def answering(family):
    """200 of some 4 KB to an INVITE, then whatever comes."""
    head = "[last_Via:]\n[last_From:]\n[last_To:];tag=sipp\n[last_Call-ID:]\n[last_CSeq:]"
    return f"""<?xml version="1.0"?><scenario name="answerer">
<recv request="INVITE"></recv>
<send><![CDATA[
SIP/2.0 180 Ringing
{head}
Contact: <sip:[local_ip]:[local_port]>
Content-Length: 0

]]></send>
<send retrans="500"><![CDATA[
SIP/2.0 200 OK
{head}
Contact: <sip:[local_ip]:[local_port]>
{padding("X-Long", 30)}
Content-Type: application/sdp
Content-Length: [len]

v=0
o=sipp 1 1 IN IP{family} [local_ip]
s=-
c=IN IP{family} [media_ip]
t=0 0
m=audio [media_port] RTP/AVP 0
a=rtpmap:0 PCMU/8000
]]></send>
<recv request="ACK"></recv>
<recv request="BYE"></recv>
<send><![CDATA[
SIP/2.0 200 OK
{head}
Content-Length: 0

]]></send>
</scenario>"""


VIAS = "".join(f"Via: SIP/2.0/UDP hop{hop}.example.net:5060;branch=z9hG4bK-{'long' * 20}-{hop}\n" for hop in range(20))
REQUEST = """{method} sip:[service]@[remote_ip]:[remote_port] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=z9hG4bK-[call_number]-{branch}
{vias}From: <sip:sipp@[local_ip]:[local_port]>;tag=[call_number]
To: <sip:[service]@[remote_ip]:[remote_port]>{tag}
Call-ID: [call_id]
CSeq: {cseq} {method}
Contact: <sip:sipp@[local_ip]:[local_port]>
Max-Forwards: 70
{padding}Content-Length: 0

"""
# An INVITE from a stranger is challenged; that it is, with all Vias in the answer, is what is looked at.
CALLING = f"""<?xml version="1.0"?><scenario name="caller">
<send retrans="500"><![CDATA[
{REQUEST.format(method="OPTIONS", branch="o", vias=VIAS, tag="", cseq=1, padding="")}]]></send>
<recv response="200"></recv>
<send retrans="500"><![CDATA[
{REQUEST.format(method="INVITE", branch="i", vias=VIAS, tag="", cseq=2, padding=padding("X-Long", 30) + chr(10))}]]></send>
<recv response="100" optional="true"></recv>
<recv response="401"></recv>
<send><![CDATA[
{REQUEST.format(method="ACK", branch="i", vias="", tag="[peer_tag_param]", cseq=2, padding="")}]]></send>
</scenario>"""
