"""Check the webhook by which Label Studio sends annotations to the backend."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from adapters.label_studio.project_api import ProjectApi
from adapters.label_studio.webhook_secret import HEADER
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
_UNAUTHORIZED, _FORBIDDEN = 401, 403
_WHERE = "under Settings, Webhooks"
_FIX = "or run this again with --fix"


def examine_webhook(
    api: ProjectApi, project: Mapping[str, Any], backend: BackendClient, *, fix: bool
) -> Iterator[Finding]:
    """Check that events are sent, whole, and accepted; with `fix`, change the webhook."""
    hooks = [hook for hook in api.webhooks(project["id"]) if backend.is_at(hook["url"], "/webhook")]
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
    yield from _Admission(api, project, hook, backend).examine(fix=fix)


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


class _Admission:
    """Whether the backend admits the events of a webhook: their credentials and their secret."""

    def __init__(
        self,
        api: ProjectApi,
        project: Mapping[str, Any],
        hook: Mapping[str, Any],
        backend: BackendClient,
    ) -> None:
        self._api = api
        self._hook = hook
        self._backend = backend
        self._headers: dict[str, str] = dict(hook.get("headers") or {})
        self._of_url = BackendClient.at(hook["url"]).authorization
        # An event that changes nothing.
        of_project = {name: project.get(name) for name in ("id", "created_at")}
        self._event = {"action": "PROJECT_UPDATED", "project": of_project}

    def examine(self, *, fix: bool) -> Iterator[Finding]:
        """Send events as Label Studio does; with `fix`, add what is missing to the webhook."""
        if self._status(()) == _UNAUTHORIZED:
            yield self._credentials(fix=fix)
        if self._status(("Authorization",)) == _FORBIDDEN:
            yield self._secret(fix=fix)

    def _credentials(self, *, fix: bool) -> Finding:
        fine = self._status(("Authorization",)) != _UNAUTHORIZED
        if fine:
            text = "the backend accepts them"
        elif self._of_url:
            text = (
                "the backend refuses the credentials in the webhook's URL: connect the backend "
                "again with the right ones in its URL"
            )
        elif fix and self._backend.user:
            self._add(self._backend.authorization)
            fine, text = True, "they were missing; added them to the webhook"
        else:
            text = (
                "Label Studio sends events without credentials, and the backend refuses them: run "
                "this again with --user, --password and --fix"
            )
        return Finding("webhook credentials", fine=fine, text=text)

    def _secret(self, *, fix: bool) -> Finding:
        names = ("Authorization", HEADER)
        fine = self._status(names) != _FORBIDDEN
        text = "the backend accepts it"
        if not fine and fix and self._backend.secret:
            before = self._headers
            self._headers = before | {HEADER: self._backend.secret}
            fine = self._status(names) != _FORBIDDEN
            self._headers = before
            if fine:
                self._add({HEADER: self._backend.secret})
                text = "it was missing or wrong; added it to the webhook"
            else:
                text = (
                    "the backend refuses this secret: give --webhook-secret the value of its "
                    "setting SENTIMENT_WEBHOOK_SECRET"
                )
        elif not fine:
            text = (
                "Label Studio sends events without the right secret, and the backend refuses "
                "them: "
                f"run this again with --webhook-secret and --fix, or add the header {HEADER} "
                f"{_WHERE}"
            )
        return Finding("webhook secret", fine=fine, text=text)

    def _add(self, headers: Mapping[str, str]) -> None:
        self._headers |= headers
        self._api.change_webhook(self._hook["id"], {"headers": self._headers})

    def _status(self, names: Collection[str]) -> int:
        """Return the status of an event with these headers of the webhook."""
        sent = {
            name: text for name, text in (self._headers | self._of_url).items() if name in names
        }
        status, _, _ = self._backend.request("POST", "/webhook", self._event, headers=sent)
        return int(status)
