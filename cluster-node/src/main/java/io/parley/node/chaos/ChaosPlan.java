package io.parley.node.chaos;

import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * What a run does.
 *
 * @param seed decides which faults come, whom they strike, and what clients ask
 * @param faults how many
 * @param limit no further fault begins behind it; empty: all of them
 * @param kinds names of the faults to draw from
 * @param sessions conversations that clients hold at once
 * @param freeze how long a node that is stopped stands still
 * @param outage how long the journal is away
 * @param keep where the history stays; empty: only what broke a promise, in a folder of its own
 */
public record ChaosPlan(
    long seed,
    int faults,
    Optional<Duration> limit,
    List<String> kinds,
    int nodes,
    int sessions,
    Duration freeze,
    Duration outage,
    Optional<Path> keep) {
  static final String MODEL_NAME = "simulated";

  /** Answers that last some seconds, whose end is only their limit. */
  static final String MODEL = "simulated#decode=30&prefill=2000&slots=8&answer-tokens=0";

  static final int SLOTS = 8;
  public static final int NODES_MIN = 3;
  static final int NODES_MAX = NodeCluster.NODES_MAX - 1; // one more joins

  public ChaosPlan {
    kinds = List.copyOf(kinds);
    check(faults >= 1, "faults", "1 or more");
    check(!kinds.isEmpty(), "kinds", "one kind or more");
    check(
        nodes >= NODES_MIN && nodes <= NODES_MAX,
        "nodes",
        "from " + NODES_MIN + " to " + NODES_MAX);
    check(sessions >= 2 && sessions <= 64, "sessions", "from 2 to 64");
    check(!freeze.isNegative() && !freeze.isZero(), "freeze-seconds", "1 or more");
    check(!outage.isNegative() && !outage.isZero(), "outage-seconds", "1 or more");
    for (String kind : kinds) {
      check(Faults.names().contains(kind), "kinds", "of " + String.join(", ", Faults.names()));
    }
  }

  /** All kinds of faults. */
  public static List<String> allKinds() {
    return Faults.names();
  }

  private static void check(boolean valid, String option, String allowed) {
    if (!valid) {
      throw new IllegalArgumentException("--" + option + " must be " + allowed);
    }
  }

  /**
   * The roles of each node: three with sessions, so that any one of them may be lost, and two with
   * workers; from five on no node has both, so that each kind of loss is seen alone.
   */
  List<String> roles() {
    List<String> roles = new ArrayList<>(List.of("api,session", "api,session"));
    switch (nodes) {
      case 3 -> roles = List.of("api,session", "api,session,worker", "session,worker");
      case 4 -> roles.addAll(List.of("session,worker", "worker"));
      default -> {
        roles.addAll(List.of("api,session", "worker", "worker"));
        while (roles.size() < nodes) {
          roles.add(roles.size() % 2 == 1 ? "api,session" : "worker");
        }
      }
    }
    return List.copyOf(roles);
  }
}
