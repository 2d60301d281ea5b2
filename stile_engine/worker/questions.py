"""What the process that runs a kernel asks the one that proves, and what it is told: plain data both ways."""

from __future__ import annotations

import socket
from dataclasses import dataclass

from stile_engine.checking.proving import Question, Role
from stile_engine.proof.prove import Proof
from stile_engine.trace.codec import CodecError, Json, decode, encode
from stile_engine.trace.location import Site
from stile_engine.trace.receiving import Receiver
from stile_engine.trace.report import Assumption, LiteralReading, Obligation, Range, Status, Witness
from stile_engine.trace.sending import Sender
from stile_engine.trace.transfer import TransferError
from stile_engine.worker.messages import FrameReader, ProtocolError, frame

ASK = "prove"

SETTLED = "settled"
"""All verdicts have been told; what comes now are normal forms and values to show."""

TAKEN = frame({"answer": None})
"""The answer to a report: it has reached the client, whatever happens to this run from now on."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """The part of a question that is no value."""

    output: str
    sizes: dict[str, tuple[int, ...]]
    details: bool
    kernel: str
    place: Range
    role: Role


@dataclass(frozen=True, slots=True)
class _Answer:
    """A proof without its normal forms, which stay where they were made."""

    status: Status
    obligations: tuple[Obligation, ...]
    assumptions: tuple[Assumption, ...]
    literals: tuple[LiteralReading, ...]
    witness: Witness | None
    milliseconds: float
    stopped: Site | None


class Asker:
    """The prover, as the process that runs kernels sees it."""

    def __init__(self, channel: socket.socket) -> None:
        self._channel = channel
        self._sender = Sender()
        self._starts_anew = True

    def __call__(self, question: Question) -> Proof:
        try:
            values = [self._sender.value(question.actual), self._sender.value(question.spec)]
            items = self._sender.take()
        except (TransferError, KeyError) as problem:
            # Some parts were counted that will never be sent.
            self._sender, self._starts_anew = Sender(), True
            detail = f"it cannot be handed to the prover: {problem}"
            return Proof(Status.UNKNOWN, (Obligation("value", Status.UNKNOWN, detail=detail),))
        sizes = {name: tuple(bounds) for name, bounds in question.sizes.items()}
        asked = _Asked(question.output, sizes, question.details, question.kernel, question.place, question.role)
        body: Json = {"anew": self._starts_anew, "items": items, "values": values, "asked": encode(asked)}
        self._starts_anew = False
        self._channel.sendall(frame({"kind": ASK, "body": body}))
        answer = decode(_Answer, self._receive())
        return Proof(
            answer.status,
            answer.obligations,
            answer.assumptions,
            answer.literals,
            answer.witness,
            milliseconds=answer.milliseconds,
            stopped=answer.stopped,
        )

    def tell(self, report: bytes) -> None:
        """Hands on what was found of a kernel, and waits until it is out of reach of what the next one does."""
        self._channel.sendall(report)
        self._receive()

    def settled(self) -> None:
        """Says that every kernel has its verdict."""
        self._channel.sendall(frame({"kind": SETTLED}))

    def _receive(self) -> object:
        reader = FrameReader()
        while data := self._channel.recv(1 << 16):
            for payload in reader.feed(data):
                return payload.get("answer")
        raise EOFError("the prover ended before it had answered")


class Questions:
    """The questions of one run, read strictly: whoever asks may have been changed by the code that it runs."""

    def __init__(self) -> None:
        self._receiver = Receiver()

    def read(self, body: object) -> Question:
        """Raises ``ProtocolError`` for what is no question."""
        if not isinstance(body, dict) or body.keys() != {"anew", "items", "values", "asked"}:
            raise ProtocolError("a question for the prover lacks something")
        try:
            if body["anew"] is True:
                self._receiver = Receiver()
            self._receiver.take(body["items"])
            actual, spec = (self._receiver.value(value) for value in body["values"])
            asked = decode(_Asked, body["asked"])
            sizes = {name: (low, high) for name, (low, high) in asked.sizes.items()}
        except (TransferError, CodecError, TypeError, ValueError) as problem:
            raise ProtocolError(f"a question for the prover: {problem}") from None
        return Question(actual, spec, asked.output, sizes, asked.details, asked.kernel, asked.place, asked.role)


def answer_frame(proof: Proof) -> bytes:
    stopped = proof.stopped if isinstance(proof.stopped, Site) else None
    answer = _Answer(
        proof.status,
        proof.obligations,
        proof.assumptions,
        proof.literals,
        proof.witness,
        proof.milliseconds,
        stopped,
    )
    return frame({"answer": encode(answer)})
