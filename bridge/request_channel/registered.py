"""Which conversations prove by themselves whose telephone is writing (lgpd 5.3: control of the registered channel)."""

from bridge.models import ObservedConversation

# The network vouches for the number; whoever types one into a web widget proves nothing by it.
BY_NUMBER = frozenset({"Channel::Whatsapp", "Channel::Sms", "Channel::TwilioSms"})  # contract Chatwoot 5.6


def proves_channel(row: ObservedConversation) -> bool:
    return row.channel in BY_NUMBER and row.contact.has_phone
