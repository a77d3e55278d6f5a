package io.parley.node.chaos;

import java.util.List;
import java.util.OptionalDouble;

/**
 * What came of a fault.
 *
 * @param number its place in the run, from 1
 * @param streams those that it touched
 * @param recoveryMillis where the recovery is not that of a stream
 * @param proofs how often it was seen to do what it is there for; 0: the round proves nothing
 */
record FaultResult(
    int number,
    String kind,
    long atMillis,
    double seconds,
    List<Stream> streams,
    OptionalDouble recoveryMillis,
    int proofs,
    String notes) {
  FaultResult {
    streams = List.copyOf(streams);
  }

  /**
   * A stream that the fault touched and that went on.
   *
   * @param attempts that its turn needed because of it
   * @param computedAgain tokens that these had to go through again, at most
   */
  record Stream(String session, int turn, Gap gap, int attempts, int computedAgain) {}

  boolean provesSomething() {
    return proofs + streams.size() > 0;
  }

  double longestPauseMillis() {
    return streams.stream().mapToDouble(stream -> stream.gap().pauseMillis()).max().orElse(0);
  }
}
