package io.parley.node.http;

import java.util.Map;

/** What the management listener shows of bulk on this node. */
@FunctionalInterface
public interface BulkView {
  State state();

  /**
   * Where it stands.
   *
   * @param state {@code consuming}, {@code broker_away} or {@code topics_missing}
   * @param problem why nothing is taken; empty when something can be
   * @param lag by partition: records of all nodes' that are not committed yet
   * @param taken records taken since the node's start
   * @param inFlight of these, those that run
   * @param waits how often one waited because there was no room, no worker or no journal
   * @param restarts how often the stream broke
   */
  record State(
      String state,
      String problem,
      Map<Integer, Long> lag,
      long taken,
      long inFlight,
      long results,
      long deadLetters,
      long waits,
      long restarts) {
    public State {
      lag = Map.copyOf(lag);
    }

    /** Of all partitions. */
    public long totalLag() {
      return lag.values().stream().mapToLong(Long::longValue).sum();
    }
  }
}
