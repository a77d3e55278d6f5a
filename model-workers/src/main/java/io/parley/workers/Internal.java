package io.parley.workers;

import akka.actor.NoSerializationVerificationNeeded;
import io.parley.routing.protocol.WorkerMessage;

/** Messages of a worker to itself; they never leave the node. */
interface Internal extends WorkerMessage, NoSerializationVerificationNeeded {}
