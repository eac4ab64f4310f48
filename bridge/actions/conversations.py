"""What is sent of one conversation, decided by hand."""

from bridge.actions.errors import NothingToDo, RewordText, WaitForFirst
from bridge.actions.places import permit, place_of, refuse_closed, refuse_unwritten
from bridge.actions.wishes import DAILY, is_open, is_undecided, locked, note_down, replace, store
from bridge.models import ObservedConversation, Wish
from consent.encryption import Actor, seal

Kind = Wish.Kind
Via = Wish.Via
LONGEST_NOTE = 4000


def do_not_send(
    conversation: ObservedConversation, actor: Actor, *, on: bool = True, via: str = Via.SCREEN
) -> Wish | None:
    """Keep one conversation back: nothing more of it is written; what is in Krayin stays there.

    `on=False` lifts it; what came meanwhile is then written. Returns the wish in force, None once lifted. Possible in
    every state of the connection and for blocked people, because it only holds back. Raises ActionRefused.
    """
    place = place_of(conversation)
    permit(place, actor, *DAILY, what=Kind.KEEP_BACK)
    with locked(place) as place:
        if is_open(place.contact, Kind.KEEP_BACK, conversation=place.conversation) == on:
            raise NothingToDo("already_settled")
        if on:
            return store(place, Kind.KEEP_BACK, actor, via)
        wish = Wish.objects.get(contact=place.contact, kind=Kind.KEEP_BACK, state="open", conversation=conversation)
        replace(place.contact, [Kind.KEEP_BACK], conversation=conversation)
        note_down(wish, actor, "hand.send_again")
        return None


def note_to_crm(conversation: ObservedConversation, text: str, actor: Actor, *, via: str = Via.SCREEN) -> Wish:
    """Write a note of the staff at the conversation's opportunity, once.

    The text is personal data: sealed with the titular's key until it is written, then emptied. Raises ActionRefused.
    """
    place = place_of(conversation)
    permit(place, actor, *DAILY, what=Kind.NOTE)
    text = text.strip()
    if not text:
        raise RewordText("empty")
    if len(text) > LONGEST_NOTE:
        raise RewordText("too_long")
    with locked(place) as place:
        refuse_closed(place.contact)
        refuse_unwritten(place.connection)
        if is_undecided(place.contact):
            raise WaitForFirst("decide_first")
        wish = Wish()
        wish.text = seal(text, subject=place.contact.subject_id, context=wish.text_context)
        return store(place, Kind.NOTE, actor, via, wish)
