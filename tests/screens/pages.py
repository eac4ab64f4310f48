"""What a test reads from an answer: the text people see, the forms they can send."""

import html
import re

from django.contrib.messages import get_messages
from django.http import HttpResponse

TAGS = re.compile(r"<(script|style|head)\b.*?</\1>|<[^>]+>", re.DOTALL)


def text_of(response: HttpResponse) -> str:
    """The visible text, in one line."""
    return " ".join(html.unescape(TAGS.sub(" ", response.content.decode())).split())


def main_of(response: HttpResponse) -> str:
    """The visible text below the header of the page."""
    content = response.content.decode()
    begin = content.index('id="content"')
    return " ".join(html.unescape(TAGS.sub(" ", content[begin + len('id="content">') :])).split())


def said(response: HttpResponse) -> list[str]:
    """What an action answers before it leads on."""
    return [str(message) for message in get_messages(response.wsgi_request)]
