package io.parley.persistence;

import com.typesafe.config.Config;
import io.parley.persistence.embedded.EmbeddedSettings;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.regex.Pattern;

/**
 * The subtree {@code parley.journal}; what each key means is said in this module's reference.conf.
 *
 * @param external where the external cluster is; empty: the node runs its own, see {@code embedded}
 * @param access credentials and TLS, for an external cluster
 * @param schema names and replication of the keyspaces
 * @param consistency consistency level for an external cluster
 * @param eventsPerPartition never to be changed once an event is stored
 * @param startTimeout how long a start tries to reach an external cluster
 * @param leaseTtl how long a dead cluster keeps an external cluster's keyspace
 */
public record JournalSettings(
    Optional<JournalEndpoint> external,
    Access access,
    Schema schema,
    String consistency,
    int eventsPerPartition,
    Duration startTimeout,
    Duration leaseTtl,
    Duration requestTimeout,
    Duration connectTimeout,
    Duration reconnectDelayMax,
    int threads,
    Breaker breaker,
    String replayFilter,
    int recoveriesMax,
    EmbeddedSettings embedded) {

  private static final Pattern CONTACT_POINT = Pattern.compile("(.+):(\\d{1,5})");
  private static final Pattern KEYSPACE = Pattern.compile("[a-z][a-z0-9_]{0,47}");
  private static final Pattern DATA_CENTER_COPIES = Pattern.compile("[\\w.-]+:[1-9]\\d?");
  private static final Duration DAY = Duration.ofDays(1);

  /** Empty user name: no credentials are sent. */
  public record Access(String username, String password, Optional<Tls> tls) {
    @Override
    public String toString() {
      return "Access[username=" + username + ", tls=" + tls.isPresent() + "]";
    }
  }

  /** Empty paths: the JVM's own trust, no client key. */
  public record Tls(
      String truststorePath,
      String truststorePassword,
      String keystorePath,
      String keystorePassword,
      boolean hostnameValidation) {
    @Override
    public String toString() {
      return "Tls[truststore=" + truststorePath + ", keystore=" + keystorePath + "]";
    }
  }

  /**
   * Names and copies of the keyspaces.
   *
   * @param dataCenters {@code name:copies}, for NetworkTopologyStrategy
   */
  public record Schema(
      String keyspace,
      String snapshotKeyspace,
      String strategy,
      int factor,
      List<String> dataCenters,
      boolean create) {

    /** The same keyspaces with one copy, for the embedded node. */
    Schema single() {
      return new Schema(keyspace, snapshotKeyspace, "SimpleStrategy", 1, List.of(), true);
    }
  }

  /** See {@code parley.journal.circuit-breaker}. */
  public record Breaker(int failuresMax, Duration callTimeout, Duration resetTimeout) {}

  /**
   * Reads and checks the settings.
   *
   * @param root the whole configuration, resolved, with this module's reference.conf
   * @throws IllegalArgumentException naming the key that is wrong and what it allows
   */
  public static JournalSettings from(Config root) {
    SettingsReader in = new SettingsReader(root.getConfig("parley.journal"), "parley.journal");
    Optional<JournalEndpoint> external = external(in);
    Duration second = Duration.ofSeconds(1);
    Duration requestTimeout = in.duration("request-timeout", second, Duration.ofMinutes(5));
    return new JournalSettings(
        external,
        access(in),
        schema(in),
        in.oneOf(
            "consistency",
            List.of("ONE", "TWO", "QUORUM", "LOCAL_QUORUM", "EACH_QUORUM", "ALL", "LOCAL_ONE")),
        in.between("events-per-partition", 100, 500_000),
        in.duration("start-timeout", second, Duration.ofHours(1)),
        in.duration("lease-ttl", second.multipliedBy(4), Duration.ofHours(1)),
        requestTimeout,
        in.duration("connect-timeout", Duration.ofMillis(100), Duration.ofMinutes(5)),
        in.duration("reconnect-delay-max", second, Duration.ofMinutes(5)),
        in.between("threads", 1, 64),
        breaker(in.below("circuit-breaker"), requestTimeout),
        in.oneOf("replay-filter", List.of("fail", "repair-by-discard-old", "warn")),
        in.between("recoveries-max", 1, 10_000),
        EmbeddedSettings.from(root));
  }

  /** Whether the node has to start a Cassandra of its own. */
  public boolean isEmbedded() {
    return external.isEmpty();
  }

  /** Keyspaces and replication as they are to be created. */
  Schema effectiveSchema() {
    return isEmbedded() ? schema.single() : schema;
  }

  String effectiveConsistency() {
    return isEmbedded() ? "ONE" : consistency;
  }

  private static Optional<JournalEndpoint> external(SettingsReader in) {
    List<String> points =
        in.list(
            "contact-points",
            "host:port",
            p -> {
              var match = CONTACT_POINT.matcher(p);
              return match.matches() && Integer.parseInt(match.group(2)) <= 65535;
            });
    if (points.isEmpty()) {
      return Optional.empty();
    }
    String dataCenter = in.text("local-datacenter");
    if (dataCenter.isBlank()) {
      throw in.bad("local-datacenter", "set when contact-points is set");
    }
    return Optional.of(new JournalEndpoint(points, dataCenter));
  }

  private static Access access(SettingsReader in) {
    String username = in.text("username");
    String password = in.text("password");
    if (username.isEmpty() && !password.isEmpty()) {
      throw in.bad("username", "set when password is set");
    }
    SettingsReader tls = in.below("tls");
    return new Access(
        username,
        password,
        tls.flag("enabled")
            ? Optional.of(
                new Tls(
                    tls.text("truststore-path"),
                    tls.text("truststore-password"),
                    tls.text("keystore-path"),
                    tls.text("keystore-password"),
                    tls.flag("hostname-validation")))
            : Optional.empty());
  }

  private static Schema schema(SettingsReader in) {
    String allowedName = "1 to 48 lower-case letters, digits and underscores";
    SettingsReader replication = in.below("replication");
    Schema schema =
        new Schema(
            in.text("keyspace", allowedName, k -> KEYSPACE.matcher(k).matches()),
            in.text("snapshot-keyspace", allowedName, k -> KEYSPACE.matcher(k).matches()),
            replication.oneOf("strategy", List.of("SimpleStrategy", "NetworkTopologyStrategy")),
            replication.between("factor", 1, 99),
            replication.list(
                "data-centers", "name:copies", d -> DATA_CENTER_COPIES.matcher(d).matches()),
            in.flag("create-schema"));
    if (schema.keyspace().equals(schema.snapshotKeyspace())) {
      throw in.bad("snapshot-keyspace", "different from keyspace");
    }
    if (schema.strategy().equals("NetworkTopologyStrategy") && schema.dataCenters().isEmpty()) {
      throw replication.bad("data-centers", "set with NetworkTopologyStrategy");
    }
    return schema;
  }

  private static Breaker breaker(SettingsReader in, Duration requestTimeout) {
    Duration callTimeout = in.duration("call-timeout", Duration.ofSeconds(1), DAY);
    if (callTimeout.compareTo(requestTimeout) <= 0) {
      throw in.bad("call-timeout", "more than parley.journal.request-timeout");
    }
    return new Breaker(
        in.between("failures-max", 1, 10_000),
        callTimeout,
        in.duration("reset-timeout", Duration.ofMillis(100), DAY));
  }
}
