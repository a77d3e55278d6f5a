package io.parley.persistence;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigFactory;
import io.parley.persistence.JournalSettings.Tls;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Turns {@link JournalSettings} into what Akka's plugin and the driver read. The overlay belongs on
 * top of the node's configuration: {@code akkaConfig(...).withFallback(rest)}.
 */
public final class JournalConfig {
  private static final String PLUGIN = "akka.persistence.cassandra";
  private static final String DRIVER = "datastax-java-driver";

  private JournalConfig() {}

  /**
   * The overlay for the actor system.
   *
   * @param endpoint the external cluster of the settings, or the embedded node that was started
   */
  public static Config akkaConfig(JournalSettings settings, JournalEndpoint endpoint) {
    Map<String, Object> values = new HashMap<>();
    plugin(values, settings);
    // the actor system may start while the cluster is away, and must then wait for it
    driver(values, settings, endpoint, true);
    return ConfigFactory.parseMap(values, "parley.journal");
  }

  /** The overlay for the actor system of a node that reads histories and writes nothing. */
  public static Config readerConfig(JournalSettings settings, JournalEndpoint endpoint) {
    // a journal that is not asked for is not started
    return ConfigFactory.parseMap(
            Map.of(
                "akka.persistence.journal.auto-start-journals", List.of(),
                "akka.persistence.snapshot-store.auto-start-snapshot-stores", List.of()))
        .withFallback(akkaConfig(settings, endpoint));
  }

  /** What the driver reads, for a session outside of the actor system. */
  static Config driverConfig(JournalSettings settings, JournalEndpoint endpoint) {
    Map<String, Object> values = new HashMap<>();
    driver(values, settings, endpoint, false);
    return ConfigFactory.parseMap(values, "parley.journal");
  }

  private static void plugin(Map<String, Object> values, JournalSettings settings) {
    JournalSettings.Schema schema = settings.effectiveSchema();
    // started with the node: a session that moves here when another node dies must not wait for it
    values.put("akka.extensions", List.of("akka.persistence.Persistence"));
    values.put("akka.persistence.journal.plugin", PLUGIN + ".journal");
    values.put("akka.persistence.journal.auto-start-journals", List.of(PLUGIN + ".journal"));
    values.put("akka.persistence.snapshot-store.plugin", PLUGIN + ".snapshot");
    values.put(
        "akka.persistence.snapshot-store.auto-start-snapshot-stores",
        List.of(PLUGIN + ".snapshot"));
    values.put("akka.persistence.max-concurrent-recoveries", settings.recoveriesMax());

    values.put(PLUGIN + ".journal.class", SessionJournal.class.getName());
    values.put(PLUGIN + ".journal.keyspace", schema.keyspace());
    values.put(PLUGIN + ".snapshot.keyspace", schema.snapshotKeyspace());
    for (String store : List.of(".journal", ".snapshot")) {
      values.put(PLUGIN + store + ".keyspace-autocreate", false);
      values.put(PLUGIN + store + ".tables-autocreate", false);
      breaker(values, PLUGIN + store + ".circuit-breaker", settings.breaker());
    }
    values.put(PLUGIN + ".journal.target-partition-size", settings.eventsPerPartition());
    values.put(PLUGIN + ".journal.replay-filter.mode", settings.replayFilter());
    // events are never deleted, so a recovery need not ask how far they were; and who has events is
    // read from them (SELECT DISTINCT), so a new session need not be listed before its first event
    values.put(PLUGIN + ".journal.support-deletes", false);
    values.put(PLUGIN + ".journal.support-all-persistence-ids", false);
    // without tags there is no tag writer that could fail a persist after it was stored
    values.put(PLUGIN + ".events-by-tag.enabled", false);
    // should the plugin stop itself all the same, the node must not live on without a journal
    values.put(PLUGIN + ".coordinated-shutdown-on-error", true);
    // events are kept when a snapshot is made, so a snapshot that cannot be read only costs time
    values.put(PLUGIN + ".snapshot.snapshot-is-optional", true);
    String pool = PLUGIN + ".default-dispatcher.fork-join-executor.";
    values.put(pool + "parallelism-min", settings.threads());
    values.put(pool + "parallelism-max", settings.threads());
  }

  private static void breaker(
      Map<String, Object> values, String path, JournalSettings.Breaker breaker) {
    values.put(path + ".max-failures", breaker.failuresMax());
    values.put(path + ".call-timeout", breaker.callTimeout());
    values.put(path + ".reset-timeout", breaker.resetTimeout());
  }

  private static void driver(
      Map<String, Object> values,
      JournalSettings settings,
      JournalEndpoint endpoint,
      boolean waitForCluster) {
    String basic = DRIVER + ".basic.";
    String advanced = DRIVER + ".advanced.";
    values.put(basic + "contact-points", endpoint.contactPoints());
    values.put(basic + "load-balancing-policy.local-datacenter", endpoint.localDatacenter());
    values.put(basic + "config-reload-interval", Duration.ZERO);
    values.put(basic + "request.timeout", settings.requestTimeout());
    values.put(basic + "request.consistency", settings.effectiveConsistency());
    for (String profile : List.of("profile", "snapshot-profile")) {
      String request =
          DRIVER + ".profiles.akka-persistence-cassandra-" + profile + ".basic.request";
      values.put(request + ".consistency", settings.effectiveConsistency());
      values.put(request + ".default-idempotence", true);
    }
    values.put(advanced + "reconnect-on-init", waitForCluster);
    values.put(
        advanced + "reconnection-policy.base-delay",
        settings.reconnectDelayMax().compareTo(Duration.ofMillis(500)) < 0
            ? settings.reconnectDelayMax()
            : Duration.ofMillis(500));
    values.put(advanced + "reconnection-policy.max-delay", settings.reconnectDelayMax());
    values.put(advanced + "connection.connect-timeout", settings.connectTimeout());
    values.put(advanced + "connection.init-query-timeout", settings.connectTimeout());
    values.put(advanced + "control-connection.timeout", settings.connectTimeout());
    values.put(advanced + "control-connection.schema-agreement.timeout", Duration.ofSeconds(30));
    values.put(advanced + "netty.io-group.size", settings.threads());
    values.put(advanced + "netty.admin-group.size", 1);
    for (String group : List.of("io-group", "admin-group")) {
      values.put(advanced + "netty." + group + ".shutdown.quiet-period", 0);
    }
    values.put(advanced + "netty.daemon", true);
    values.put(advanced + "metrics.session.enabled", List.of());
    values.put(advanced + "metrics.node.enabled", List.of());
    values.put(advanced + "monitor-reporting.enabled", false);
    // who holds which row is worth knowing in a cluster only; reading it takes dozens of queries
    boolean wantsMetadata = waitForCluster && !settings.isEmbedded();
    values.put(advanced + "metadata.schema.enabled", wantsMetadata);
    values.put(advanced + "metadata.schema.request-timeout", settings.requestTimeout());
    values.put(advanced + "metadata.token-map.enabled", wantsMetadata);
    if (!settings.isEmbedded()) {
      access(values, advanced, settings.access());
    }
  }

  private static void access(
      Map<String, Object> values, String advanced, JournalSettings.Access access) {
    if (!access.username().isEmpty()) {
      values.put(advanced + "auth-provider.class", "PlainTextAuthProvider");
      values.put(advanced + "auth-provider.username", access.username());
      values.put(advanced + "auth-provider.password", access.password());
    }
    access.tls().ifPresent(tls -> tls(values, advanced + "ssl-engine-factory.", tls));
  }

  private static void tls(Map<String, Object> values, String factory, Tls tls) {
    values.put(factory + "class", "DefaultSslEngineFactory");
    values.put(factory + "hostname-validation", tls.hostnameValidation());
    if (!tls.truststorePath().isEmpty()) {
      values.put(factory + "truststore-path", tls.truststorePath());
      values.put(factory + "truststore-password", tls.truststorePassword());
    }
    if (!tls.keystorePath().isEmpty()) {
      values.put(factory + "keystore-path", tls.keystorePath());
      values.put(factory + "keystore-password", tls.keystorePassword());
    }
  }
}
