package io.parley.persistence.embedded;

/** What the node's operator may want to hear. Called on the supervisor's thread; must not block. */
public interface ChildListener {
  /** A start takes its time; called about once a second with the seconds so far. */
  default void starting(long seconds) {}

  /** The child died and will be started again. What needs it pauses until then. */
  default void died(String reason, int restart, int restartsMax) {}

  /** The child answers again after it died. */
  default void restarted() {}

  /** The child died too often and stays away. */
  default void gaveUp(String reason) {}
}
