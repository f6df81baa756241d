"""The group of owners at its coordinator, with the protocol of KIP-848: who has which partition, and at which epoch.

Members report by heartbeats what they have. What another is to have they give up first; only when they have said so it is given
on. A member's epoch rises with the group's, without any callback, as soon as it has nothing to give up.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from confluent_kafka import KafkaError

from tests.simulation.broker import Place, refusal
from tests.simulation.kernel import Kernel

SESSION_S = 6.0
REBALANCE_LIMIT_S = 10.0


@dataclass(eq=False, slots=True)
class Member:
    """``has`` is what the member may write, ``revoking_since`` when it was asked to give some of it up."""

    id: str
    epoch: int = 0
    has: frozenset[Place] = frozenset()
    target: frozenset[Place] = frozenset()
    heard_at: float = 0.0
    revoking_since: float | None = None


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """The coordinator's answer."""

    epoch: int
    assignment: frozenset[Place]


@dataclass(slots=True)
class Group:
    """One group over all of ``places``."""

    kernel: Kernel
    places: tuple[Place, ...]
    epoch: int = 0
    members: dict[str, Member] = field(default_factory=dict)

    def heartbeat(self, id: str, epoch: int, has: frozenset[Place]) -> Heartbeat:
        """``epoch`` 0 joins; ``has`` is what the member holds now. Raises KafkaException where it was put out."""
        member = self.members.get(id)
        if member is None:
            if epoch != 0:
                raise refusal(KafkaError.UNKNOWN_MEMBER_ID, f"{id} is no member")
            member = self.members[id] = Member(id)
            self._changed()
            self.kernel.after(SESSION_S, self._expire, member)
        elif epoch == 0 and member.epoch != 0:  # it begins anew
            member.has = frozenset()
            member.epoch = 0
        elif epoch not in (member.epoch, 0):
            raise refusal(KafkaError.FENCED_MEMBER_EPOCH, f"{id} is at epoch {member.epoch}, not {epoch}")
        member.heard_at = self.kernel.now
        self._reconcile(member, has)
        return Heartbeat(member.epoch, member.has & member.target if member.revoking_since is not None else member.has)

    def leave(self, id: str) -> None:
        if self.members.pop(id, None) is not None:
            self._changed()

    def check(self, id: str, epoch: int) -> None:
        """The fence of an offset commit. Raises KafkaException."""
        member = self.members.get(id)
        if member is None:
            raise refusal(KafkaError.UNKNOWN_MEMBER_ID, f"{id} is no member", abort=True)
        if member.epoch != epoch:
            raise refusal(KafkaError.ILLEGAL_GENERATION, f"{id} is at epoch {member.epoch}, not {epoch}", abort=True)

    def shuffle(self) -> None:
        """Give every partition to the next member."""
        self._changed(turn=1)

    def _changed(self, turn: int = 0) -> None:
        """A new target: as even as can be, and near to what is."""
        self.epoch += 1
        members = list(self.members.values())
        if not members:
            return
        targets: dict[str, set[Place]] = {member.id: set() for member in members}
        most = -(-len(self.places) // len(members))
        homeless = []
        for place in self.places:
            holders = [index for index, member in enumerate(members) if place in (member.target or member.has)]
            home = members[(holders[0] + turn) % len(members)] if holders else None
            if home is not None and len(targets[home.id]) < most:
                targets[home.id].add(place)
            else:
                homeless.append(place)
        for place in homeless:
            min(targets.values(), key=len).add(place)
        for member in members:
            member.target = frozenset(targets[member.id])
        self.kernel.trace(f"group: epoch {self.epoch}, " + ", ".join(f"{m.id} {sorted(m.target)}" for m in members))

    def _reconcile(self, member: Member, has: frozenset[Place]) -> None:
        if member.has - member.target:
            if member.revoking_since is None:
                member.revoking_since = self.kernel.now
                return
            if has - member.target:
                return  # not given up yet
            member.has &= member.target
        member.revoking_since = None
        member.epoch = self.epoch
        taken = {place for other in self.members.values() if other is not member for place in other.has}
        member.has |= member.target - taken

    def _expire(self, member: Member) -> None:
        if self.members.get(member.id) is not member:
            return
        now, revoking = self.kernel.now, member.revoking_since
        late = now >= member.heard_at + SESSION_S or (revoking is not None and now >= revoking + REBALANCE_LIMIT_S)
        if late:
            self.kernel.trace(f"group: {member.id} is put out")
            self.leave(member.id)
        else:
            self.kernel.at(member.heard_at + SESSION_S, self._expire, member)
