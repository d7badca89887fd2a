"""Check the webhook by which Label Studio sends annotations to the backend."""

from collections.abc import Iterator, Mapping
from typing import Any

from adapters.label_studio.project_api import ProjectApi
from adapters.preannotate.doctor.backend import BackendClient
from adapters.preannotate.doctor.finding import Finding

_EVENTS = (
    "ANNOTATION_CREATED",
    "ANNOTATIONS_CREATED",
    "ANNOTATION_UPDATED",
    "ANNOTATIONS_DELETED",
    "TASKS_DELETED",
)
"""The events that the server learns from."""
_FAILURES = 50
"""Label Studio switches a webhook off after so many failures in a row."""
_WHERE = "under Settings, Webhooks"
_FIX = "or run this again with --fix"


def examine_webhook(
    api: ProjectApi, number: int, backend: BackendClient, *, fix: bool
) -> Iterator[Finding]:
    """Check that events are sent, whole, and accepted; with `fix`, change the webhook."""
    hooks = [hook for hook in api.webhooks(number) if backend.is_at(hook["url"], "/webhook")]
    hook = next((hook for hook in hooks if hook.get("is_active", True)), None) or next(
        iter(hooks), None
    )
    if hook is None:
        text = (
            "there is none, so the backend receives no annotations: start Label Studio with "
            "LABEL_STUDIO_SSRF_PROTECTION_ENABLED=false and connect the backend again, by a host "
            "name with a dot"
        )
        yield Finding("webhook", fine=False, text=text)
        return
    for wrong, change, was in _switches(hook):
        if fix:
            api.change_webhook(hook["id"], change)
            yield Finding("webhook", fine=True, text=f"{was}; changed that")
        else:
            yield Finding("webhook", fine=False, text=f"{wrong}, {_FIX}")
            if "is_active" in change:
                return
    yield from _failures(hook)
    yield Finding("webhook", fine=True, text="events are sent")
    yield from _credentials(api, hook, backend, fix=fix)


def _switches(hook: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any], str]]:
    """Yield for each wrong switch what to say, the change that mends it, and what it was."""
    failures = hook.get("consecutive_failures") or 0
    if not hook.get("is_active", True):
        because = (
            f" by Label Studio after {failures} failures in a row; the backend's log says why"
            if failures
            else ""
        )
        was = f"it was switched off{because}"
        yield f"it is switched off{because}: switch it on {_WHERE}", {"is_active": True}, was
    if not hook.get("send_payload", True):
        yield (
            f"it sends events without their annotations: switch on Send payload {_WHERE}",
            {"send_payload": True},
            "it sent events without their annotations",
        )
    chosen = hook.get("actions") or ()
    lacking = [event for event in _EVENTS if event not in chosen]
    if not hook.get("send_for_all_actions", True) and lacking:
        names = ", ".join(lacking)
        yield (
            f"it does not send {names}: switch on Send for all actions {_WHERE}",
            {"send_for_all_actions": True},
            f"it did not send {names}",
        )


def _failures(hook: Mapping[str, Any]) -> Iterator[Finding]:
    failures = hook.get("consecutive_failures") or 0
    if failures and hook.get("is_active", True):
        text = (
            f"the last {failures} events failed, and Label Studio switches the webhook off after "
            f"{_FAILURES} failures in a row: the backend's log says why they failed"
        )
        yield Finding("webhook failures", fine=False, text=text)


def _credentials(
    api: ProjectApi, hook: Mapping[str, Any], backend: BackendClient, *, fix: bool
) -> Iterator[Finding]:
    """Check the credentials that Label Studio sends with events; with `fix`, add missing ones."""
    if _accepts(backend, {}):
        return
    of_url = BackendClient.at(hook["url"]).authorization
    headers = hook.get("headers") or {}
    fine = _accepts(backend, headers | of_url)
    if fine:
        text = "the backend accepts them"
    elif of_url:
        text = (
            "the backend refuses the credentials in the webhook's URL: connect the backend again "
            "with the right ones in its URL"
        )
    elif fix and backend.user:
        api.change_webhook(hook["id"], {"headers": headers | backend.authorization})
        fine, text = True, "they were missing; added them to the webhook"
    else:
        text = (
            "Label Studio sends events without credentials, and the backend refuses them: run this "
            "again with --user, --password and --fix"
        )
    yield Finding("webhook credentials", fine=fine, text=text)


def _accepts(backend: BackendClient, headers: Mapping[str, str]) -> bool:
    """Return whether the backend accepts an event with these headers."""
    sent = {name: text for name, text in headers.items() if name == "Authorization"}
    status, _, _ = backend.request("POST", "/webhook", {}, authorization=sent)
    return bool(status != 401)  # noqa: PLR2004
