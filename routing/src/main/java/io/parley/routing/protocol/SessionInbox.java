package io.parley.routing.protocol;

import akka.cluster.sharding.typed.javadsl.EntityTypeKey;

/**
 * Everything a session entity takes. Workers know just this much of sessions: they address them by
 * sharding, so that a message finds the session wherever it lives and wakes it if its node died.
 */
public interface SessionInbox extends CborSerializable {
  /** The sharded entity type of sessions. Entity ids are {@link SessionId#entityId()}. */
  EntityTypeKey<SessionInbox> TYPE_KEY = EntityTypeKey.create(SessionInbox.class, "session");
}
