package io.parley.node.bulk;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigUtil;
import io.parley.routing.SettingsSection;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * {@code parley.bulk}; the keys are explained in this module's reference.conf.
 *
 * @param bootstrapServers empty: this node starts a broker of its own
 * @param kafka what is handed to Kafka's clients as it is
 */
public record BulkSettings(
    List<String> bootstrapServers,
    Topics topics,
    String group,
    int inFlight,
    int inFlightPerPartition,
    int maxRecordBytes,
    int maxMessageBytes,
    int tries,
    Duration modelWait,
    Duration retryMin,
    Duration retryMax,
    Duration reconnectMin,
    Duration reconnectMax,
    Duration startTimeout,
    Duration probeInterval,
    Duration commitInterval,
    Duration drainTimeout,
    Map<String, String> kafka,
    EmbeddedKafkaSettings embedded) {

  private static final SettingsSection SECTION = new SettingsSection("parley.bulk");

  /** Room for what a record that is written has beside the bytes of one that was read. */
  private static final int ENVELOPE_BYTES = 64 << 10;

  /** What the promises of bulk rest on is not for the operator to choose. */
  private static final Set<String> OWN =
      Set.of(
          "bootstrap.servers",
          "group.id",
          "enable.auto.commit",
          "auto.offset.reset",
          "max.poll.records",
          "key.serializer",
          "value.serializer",
          "key.deserializer",
          "value.deserializer",
          "acks",
          "enable.idempotence",
          "max.in.flight.requests.per.connection",
          "transactional.id",
          "max.request.size");

  /**
   * The topics.
   *
   * @param create whether those that are missing are created
   * @param replicationFactor of those that are created; 0: as the broker says
   */
  public record Topics(
      String requests,
      String results,
      String deadLetters,
      boolean create,
      int partitions,
      int replicationFactor) {
    private static final SettingsSection SECTION = new SettingsSection("parley.bulk.topics");

    public Topics {
      for (Map.Entry<String, String> topic :
          Map.of("requests", requests, "results", results, "dead-letters", deadLetters)
              .entrySet()) {
        if (!topic.getValue().matches("[A-Za-z0-9._-]{1,249}")) {
          throw SECTION.bad(topic.getKey(), "1 to 249 of A-Z a-z 0-9 . _ -", topic.getValue());
        }
      }
      if (Set.copyOf(List.of(requests, results, deadLetters).stream().distinct().toList()).size()
          != 3) {
        throw SECTION.bad("requests", "another topic than results and dead-letters", requests);
      }
      SECTION.requireBetween("partitions", partitions, 1, 10_000);
      SECTION.requireBetween("replication-factor", replicationFactor, 0, 100);
    }

    private static Topics from(Config root) {
      return new Topics(
          SECTION.text(root, "requests"),
          SECTION.text(root, "results"),
          SECTION.text(root, "dead-letters"),
          SECTION.onOrOff(root, "create"),
          SECTION.integer(root, "partitions"),
          SECTION.integer(root, "replication-factor"));
    }

    List<String> all() {
      return List.of(requests, results, deadLetters);
    }
  }

  public BulkSettings {
    bootstrapServers = List.copyOf(bootstrapServers);
    kafka = Map.copyOf(kafka);
    for (String server : bootstrapServers) {
      if (!server.matches("\\S+:[0-9]{1,5}")) {
        throw SECTION.bad("bootstrap-servers", "a list of host:port", server);
      }
    }
    if (!group.matches("[A-Za-z0-9._-]{1,249}")) {
      throw SECTION.bad("group", "1 to 249 of A-Z a-z 0-9 . _ -", group);
    }
    SECTION.requireBetween("in-flight", inFlight, 1, 10_000);
    SECTION.requireBetween("in-flight-per-partition", inFlightPerPartition, 1, 10_000);
    SECTION.requireBetween("max-record", maxRecordBytes, 1024, 64 << 20);
    SECTION.requireBetween(
        "max-message", maxMessageBytes, (long) maxRecordBytes + ENVELOPE_BYTES, 256 << 20);
    SECTION.requireBetween("tries", tries, 1, 100);
    SECTION.requireNotNegative("model-wait", modelWait);
    SECTION.requirePositive("retry.min", retryMin);
    SECTION.requireAtLeast("retry.max", retryMax, "retry.min", retryMin);
    SECTION.requirePositive("reconnect.min", reconnectMin);
    SECTION.requireAtLeast("reconnect.max", reconnectMax, "reconnect.min", reconnectMin);
    SECTION.requirePositive("start-timeout", startTimeout);
    SECTION.requirePositive("probe-interval", probeInterval);
    SECTION.requirePositive("commit-interval", commitInterval);
    SECTION.requireNotNegative("drain-timeout", drainTimeout);
    kafka.keySet().stream()
        .filter(OWN::contains)
        .findFirst()
        .ifPresent(
            key -> {
              throw SECTION.bad("kafka", "without " + key + ", which bulk sets itself", key);
            });
  }

  /**
   * Reads and checks {@code parley.bulk}.
   *
   * @throws IllegalArgumentException naming the key that is wrong and what it allows
   */
  public static BulkSettings from(Config root) {
    return new BulkSettings(
        servers(root),
        Topics.from(root),
        SECTION.text(root, "group"),
        SECTION.integer(root, "in-flight"),
        SECTION.integer(root, "in-flight-per-partition"),
        size(root, "max-record"),
        size(root, "max-message"),
        SECTION.integer(root, "tries"),
        SECTION.duration(root, "model-wait"),
        SECTION.duration(root, "retry.min"),
        SECTION.duration(root, "retry.max"),
        SECTION.duration(root, "reconnect.min"),
        SECTION.duration(root, "reconnect.max"),
        SECTION.duration(root, "start-timeout"),
        SECTION.duration(root, "probe-interval"),
        SECTION.duration(root, "commit-interval"),
        SECTION.duration(root, "drain-timeout"),
        kafka(root),
        EmbeddedKafkaSettings.from(root));
  }

  private static List<String> servers(Config root) {
    try {
      return root.getStringList("parley.bulk.bootstrap-servers");
    } catch (com.typesafe.config.ConfigException e) {
      throw new IllegalArgumentException(
          "parley.bulk.bootstrap-servers must be a list of host:port", e);
    }
  }

  private static int size(Config root, String key) {
    return (int) Math.min(Integer.MAX_VALUE, SECTION.bytes(root, key));
  }

  /** Kafka's names have dots, which stand for sections here. */
  private static Map<String, String> kafka(Config root) {
    Map<String, String> all = new HashMap<>();
    SECTION
        .object(root, "kafka")
        .toConfig()
        .entrySet()
        .forEach(
            entry ->
                all.put(
                    String.join(".", ConfigUtil.splitPath(entry.getKey())),
                    entry.getValue().unwrapped().toString()));
    return all;
  }

  /** Whether this node starts the broker. */
  public boolean isEmbedded() {
    return bootstrapServers.isEmpty();
  }
}
