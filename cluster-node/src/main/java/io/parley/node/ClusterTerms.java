package io.parley.node;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigFactory;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.UUID;

/**
 * What must be equal on all nodes of a cluster. A node that differs would lose messages, start
 * sessions in two places, or not find what is stored, so it is refused before it is a member.
 *
 * @param values by the name of the setting, as people know it
 */
record ClusterTerms(Map<String, String> values) {
  /** Where {@link JoinCheck} finds them in the configuration of the actor system. */
  static final String KEY = "parley-terms";

  /**
   * What nodes say to each other. Raised with every change that an older node would not understand;
   * a cluster is then stopped as a whole for the update. Releases with the same number may run
   * beside each other. 2: events are stored with seals, which a node of 1 cannot read.
   */
  static final int PROTOCOL = 2;

  private static final String PROTOCOL_NAME = "protocol";

  /** What a node without a journal says of it: it goes with any. */
  private static final String ANY = "-";

  /** By the journal's own id, so that another Cassandra of the same settings is noticed. */
  private static final String JOURNAL = "journal";

  private static final List<String> EQUAL =
      List.of(
          "parley.node.cluster-name",
          "parley.session.shards",
          "akka.cluster.split-brain-resolver.active-strategy",
          "akka.cluster.split-brain-resolver.keep-majority.role",
          "akka.cluster.down-removal-margin");

  /**
   * How long nodes wait for each other: who waits less gives up what another still holds, a worker,
   * an attempt or, when a cluster is cut in two, its shards.
   */
  private static final List<String> EQUAL_TIMES =
      List.of(
          "parley.session.adoption-lease",
          "parley.routing.worker-silence",
          "akka.cluster.failure-detector.heartbeat-interval",
          "akka.cluster.failure-detector.acceptable-heartbeat-pause",
          "akka.cluster.split-brain-resolver.stable-after");

  private static final String FRAME = "akka.remote.artery.advanced.maximum-frame-size";

  private static final List<String> EQUAL_JOURNAL =
      List.of(
          "parley.journal.keyspace",
          "parley.journal.snapshot-keyspace",
          "parley.journal.events-per-partition");

  private static final String LEASE = "parley.journal.lease-ttl";

  ClusterTerms {
    values = Map.copyOf(values);
  }

  /**
   * A node's terms.
   *
   * @param journal the id of the journal that it reaches; empty for a node without one
   */
  static ClusterTerms of(NodePlan plan, Optional<UUID> journal) {
    Map<String, String> values = new TreeMap<>();
    values.put(PROTOCOL_NAME, Integer.toString(PROTOCOL));
    EQUAL.forEach(key -> values.put(key, plan.config().getString(key)));
    EQUAL_TIMES.forEach(key -> values.put(key, millis(plan, key)));
    values.put(FRAME, Long.toString(plan.config().getBytes(FRAME)));
    boolean journals = plan.journalUse() != NodePlan.JournalUse.NONE;
    EQUAL_JOURNAL.forEach(key -> values.put(key, journals ? plan.config().getString(key) : ANY));
    values.put(LEASE, journals ? millis(plan, LEASE) : ANY);
    values.put(JOURNAL, journal.map(UUID::toString).orElse(ANY));
    return new ClusterTerms(values);
  }

  /** However it is written. */
  private static String millis(NodePlan plan, String key) {
    return plan.config().getDuration(key).toMillis() + " ms";
  }

  /** One line for each value: it is compared as one, so that no key is lost on the way. */
  Config toConfig() {
    StringBuilder text = new StringBuilder();
    new TreeMap<>(values)
        .forEach((name, value) -> text.append(name).append('=').append(value).append('\n'));
    return ConfigFactory.parseMap(Map.of(KEY, text.toString()));
  }

  /** The terms in a configuration; a node without any differs from all. */
  static ClusterTerms in(Config config) {
    Map<String, String> values = new TreeMap<>();
    if (config.hasPath(KEY)) {
      config
          .getString(KEY)
          .lines()
          .forEach(
              line -> {
                int equals = line.indexOf('=');
                values.put(line.substring(0, equals), line.substring(equals + 1));
              });
    }
    return new ClusterTerms(values);
  }

  /** In which this node's terms differ from those of the cluster, each as a part of a sentence. */
  List<String> differences(ClusterTerms cluster) {
    List<String> differences = new ArrayList<>();
    Map<String, String> all = new TreeMap<>(cluster.values);
    values.forEach(all::putIfAbsent);
    for (String name : all.keySet()) {
      String there = cluster.values.getOrDefault(name, "not known");
      String here = values.getOrDefault(name, "not known");
      if (!there.equals(here) && !there.equals(ANY) && !here.equals(ANY)) {
        differences.add(difference(name, there, here));
      }
    }
    return differences;
  }

  private static String difference(String name, String there, String here) {
    return switch (name) {
      case PROTOCOL_NAME -> "its nodes speak protocol " + there + " and this Parley speaks " + here;
      case JOURNAL ->
          "its journal is another one than parley.journal.contact-points reach from here (it has the"
              + " id "
              + there
              + ", and that one "
              + here
              + ")";
      default -> name + " is " + there + " there and " + here + " here";
    };
  }
}
