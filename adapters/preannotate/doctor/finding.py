"""What a check found, and what an error in a check says."""

from collections.abc import Iterator
from dataclasses import dataclass

import urllib3

from adapters.label_studio.client_errors import ClientError


@dataclass(frozen=True)
class Finding:
    """The result of one check."""

    subject: str
    fine: bool
    text: str
    """The result in words; if it is wrong, also what to do."""

    def __str__(self) -> str:
        return f"{'ok   ' if self.fine else 'WRONG'}  {self.subject}: {self.text}"


def attempted(subject: str, findings: Iterator[Finding]) -> Iterator[Finding]:
    """Yield the findings; if a check fails with an error, yield a finding that says why."""
    try:
        yield from findings
    except ClientError as error:
        yield Finding(subject, fine=False, text=str(error).rstrip("."))
    except urllib3.exceptions.HTTPError as error:
        yield Finding(
            subject,
            fine=False,
            text=f"the backend does not answer ({type(error).__name__}): see its log, add cores "
            "or reduce the load, and check again",
        )
    except (AttributeError, TypeError, ValueError):
        yield Finding(
            subject, fine=False, text="the answer is not from this backend: check its address"
        )
