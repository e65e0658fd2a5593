"""Commands on accounts: opened, and what they may do granted and revoked."""

from __future__ import annotations

from ogpgraph.application.acts import BY_PERSON, Basis
from ogpgraph.application.speaking import Speaking, news_of
from ogpgraph.domain.account import Rights, Role, rights_of
from ogpgraph.domain.errors import Invalid, NotFound
from ogpgraph.domain.event import Facts
from ogpgraph.domain.subject import Subject


class AccountCommands(Speaking):
    """What can be recorded of accounts."""

    def find_account(self, account: str) -> Subject:
        """Return an account by its id; raises NotFound."""
        subject = self.subject(account) if account.startswith("account-") else None
        if subject is None or not subject.revision:
            raise NotFound(f"there is no account {account}", "account")
        return subject

    def open_account(self, basis: Basis = BY_PERSON) -> Subject:
        """Record a new account, which has no rights yet."""
        stream = self.new_stream("account")
        self.say(stream, "AccountOpened", {"roles": (), "reporterOf": ()}, basis)
        return self.subject(stream)

    def grant_rights(self, account: str, role: Role, members: tuple[str, ...] = (), basis: Basis = BY_PERSON) -> None:
        """Let an account act in a role; raises NotFound, and Invalid unless a reporter, and only one, has members."""
        if (role is Role.REPORTER) != bool(members):
            raise Invalid("a reporter reports for one or more members; other roles name none", "members")
        for code in members:
            if self.meaning_of("member", code) is None:
                raise NotFound(f"there is no member {code}", "members")
        known = self.find_account(account)
        self._say_rights(known, "RightsGranted", rights_of(known).granted(role, members), basis)

    def revoke_rights(
        self, account: str, role: Role | None = None, members: tuple[str, ...] = (), basis: Basis = BY_PERSON
    ) -> None:
        """Take a role from an account, some members from a reporter, or every right where no role is named.

        Raises NotFound.
        """
        if members and role is not Role.REPORTER:
            raise Invalid("only a reporter has members", "members")
        known = self.find_account(account)
        self._say_rights(known, "RightsRevoked", rights_of(known).revoked(role, members), basis)

    def _say_rights(self, account: Subject, name: str, rights: Rights, basis: Basis) -> None:
        facts: Facts = {"roles": tuple(role.value for role in rights.roles), "reporterOf": rights.reporter_of}
        self.say(account.id, name, news_of(account, facts), basis)
