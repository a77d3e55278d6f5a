package io.parley.node.chaos;

/** One kind of thing that goes wrong. */
interface Fault {
  /** As in {@code --kinds}. */
  String name();

  /** How often it is drawn, against the others. */
  int weight();

  /** Whether this machine and this cluster allow it. */
  default boolean isPossible(ChaosRun run) {
    return true;
  }

  /**
   * Does it, and mends what it broke: returns when all nodes are there again.
   *
   * @return what was watched meanwhile
   */
  Injection strike(ChaosRun run) throws InterruptedException;
}
