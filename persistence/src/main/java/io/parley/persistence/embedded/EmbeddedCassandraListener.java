package io.parley.persistence.embedded;

/** What the node's operator may want to hear. Called on the supervisor's thread; must not block. */
public interface EmbeddedCassandraListener {
  /** A start takes its time; called about once a second with the seconds so far. */
  default void starting(long seconds) {}

  /** The child died and will be started again. Sessions pause until then. */
  default void died(String reason, int restart, int restartsMax) {}

  /** The child answers again after it died. */
  default void restarted() {}

  /** The child died too often; the journal stays away. The node should stop. */
  default void gaveUp(String reason) {}
}
