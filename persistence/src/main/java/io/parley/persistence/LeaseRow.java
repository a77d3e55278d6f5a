package io.parley.persistence;

import java.util.UUID;

/**
 * What the row of a keyspace's lease says.
 *
 * @param cluster the cluster's name
 * @param incarnation new each time a cluster is formed
 * @param founder id of the node that formed the cluster, while that is the only one that may write;
 *     else {@link #SHARED}
 * @param host where it was written, for people
 */
record LeaseRow(String cluster, String incarnation, String founder, String host) {
  /** In place of the founder once others may write, too: its return proves nothing then. */
  static final String SHARED = "shared";

  private static final int WORDS = 4;

  /** A row of something else names nobody. */
  static LeaseRow parse(String value) {
    String[] words = value.split(" ", -1);
    return words.length == WORDS
        ? new LeaseRow(words[0], words[1], words[2], words[3])
        : new LeaseRow(value, "", "", "");
  }

  boolean isOf(UUID cluster) {
    return incarnation.equals(cluster.toString());
  }

  LeaseRow shared() {
    return new LeaseRow(cluster, incarnation, SHARED, host);
  }

  /** For people. */
  String holder() {
    return incarnation.isEmpty()
        ? cluster
        : "the cluster '" + cluster + "' of " + host + " (incarnation " + incarnation + ")";
  }

  String value() {
    return String.join(" ", cluster, incarnation, founder, host);
  }
}
