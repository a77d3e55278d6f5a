package io.parley.node;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigFactory;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

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
   * beside each other.
   */
  static final int PROTOCOL = 1;

  private static final String PROTOCOL_NAME = "protocol";

  /** What a node without a journal says of it: it goes with any. */
  private static final String ANY = "-";

  private static final List<String> EQUAL =
      List.of(
          "parley.node.cluster-name",
          "parley.session.shards",
          "akka.cluster.split-brain-resolver.active-strategy",
          "akka.cluster.split-brain-resolver.keep-majority.role");

  private static final String FRAME = "akka.remote.artery.advanced.maximum-frame-size";

  private static final List<String> EQUAL_JOURNAL =
      List.of(
          "parley.journal.keyspace",
          "parley.journal.snapshot-keyspace",
          "parley.journal.events-per-partition");

  ClusterTerms {
    values = Map.copyOf(values);
  }

  static ClusterTerms of(NodePlan plan) {
    Map<String, String> values = new TreeMap<>();
    values.put(PROTOCOL_NAME, Integer.toString(PROTOCOL));
    EQUAL.forEach(key -> values.put(key, plan.config().getString(key)));
    values.put(FRAME, Long.toString(plan.config().getBytes(FRAME)));
    boolean journals = plan.journalUse() != NodePlan.JournalUse.NONE;
    EQUAL_JOURNAL.forEach(key -> values.put(key, journals ? plan.config().getString(key) : ANY));
    return new ClusterTerms(values);
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
        differences.add(
            name.equals(PROTOCOL_NAME)
                ? "its nodes speak protocol " + there + " and this Parley speaks " + here
                : name + " is " + there + " there and " + here + " here");
      }
    }
    return differences;
  }
}
