package io.parley.node;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigException;
import com.typesafe.config.ConfigFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * How a node is reached by the others of its cluster, from {@code parley.cluster}; the keys are
 * explained in {@code reference.conf}.
 *
 * @param advertiseHost where others reach this node
 * @param advertisePort the port for others; 0: the same as {@code port}
 * @param bindHost where it listens; empty: at {@code advertiseHost}
 * @param port where it listens; 0: any free one
 * @param join nodes of the cluster to join
 * @param discovery finds nodes in their place; neither: the node forms a cluster
 * @param joinTimeout how long it may take to become a member
 * @param tls by which nodes know each other; empty: everybody who reaches the port is trusted
 */
public record ClusterSettings(
    String advertiseHost,
    int advertisePort,
    String bindHost,
    int port,
    List<HostPort> join,
    Optional<DiscoverySettings> discovery,
    Duration joinTimeout,
    Optional<Tls> tls) {
  private static final int PORT_MAX = 65_535;
  private static final String ARTERY = "akka.remote.artery.";

  /** A node's address as people write it. */
  public record HostPort(String host, int port) {
    private static final Pattern FORM =
        Pattern.compile("(\\[[0-9a-fA-F:.]+]|[^\\s:\\[\\]]+):(\\d{1,5})");

    /**
     * Reads one.
     *
     * @throws IllegalArgumentException when it is not host:port
     */
    public static HostPort parse(String text) {
      Matcher parts = FORM.matcher(text);
      if (!parts.matches()) {
        throw new IllegalArgumentException("'" + text + "' is not host:port");
      }
      int port = Integer.parseInt(parts.group(2));
      if (port < 1 || port > PORT_MAX) {
        throw new IllegalArgumentException("'" + text + "' has no port from 1 to 65535");
      }
      return new HostPort(parts.group(1).replaceAll("^\\[|]$", ""), port);
    }

    @Override
    public String toString() {
      return (host.contains(":") ? "[" + host + "]" : host) + ":" + port;
    }
  }

  /**
   * Mutual TLS between nodes.
   *
   * @param keyStore file with this node's key and certificate
   * @param trustStore file with the authorities whose certificates nodes have
   */
  public record Tls(
      String keyStore,
      String keyStorePassword,
      String trustStore,
      String trustStorePassword,
      boolean hostnameVerification) {
    private static final String ENGINE = ARTERY + "ssl.config-ssl-engine.";
    private static final List<String> ALGORITHMS =
        List.of(
            "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
            "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
            "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
            "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256");

    private static Optional<Tls> from(Config config) {
      Tls tls =
          new Tls(
              config.getString("key-store"),
              config.getString("key-store-password"),
              config.getString("trust-store"),
              config.getString("trust-store-password"),
              config.getBoolean("hostname-verification"));
      if (!config.getBoolean("enabled")) {
        return Optional.empty();
      }
      for (String store : List.of("key-store", "trust-store")) {
        if (!Files.isReadable(Path.of(config.getString(store)))) {
          throw invalid("tls." + store, "a file that can be read");
        }
      }
      return Optional.of(tls);
    }

    private Map<String, Object> toAkka() {
      return Map.of(
          ARTERY + "transport", "tls-tcp",
          ENGINE + "key-store", keyStore,
          ENGINE + "key-store-password", keyStorePassword,
          ENGINE + "key-password", keyStorePassword,
          ENGINE + "trust-store", trustStore,
          ENGINE + "trust-store-password", trustStorePassword,
          ENGINE + "protocol", "TLSv1.2",
          ENGINE + "enabled-algorithms", ALGORITHMS,
          ENGINE + "require-mutual-authentication", true,
          ENGINE + "hostname-verification", hostnameVerification);
    }

    @Override
    public String toString() {
      return "Tls[keyStore=" + keyStore + ", trustStore=" + trustStore + "]";
    }
  }

  public ClusterSettings {
    if (advertiseHost.isBlank()) {
      throw invalid("advertise-host", "a name or address of this machine that others reach");
    }
    checkPort("advertise-port", advertisePort);
    checkPort("port", port);
    if (port == 0 && advertisePort != 0) {
      throw invalid("port", "a port when advertise-port is set: others are led to it");
    }
    if (joinTimeout.compareTo(Duration.ofSeconds(1)) < 0
        || joinTimeout.compareTo(Duration.ofHours(1)) > 0) {
      throw invalid("join-timeout", "from 1s to 1h");
    }
    if (discovery.isPresent() && !join.isEmpty()) {
      throw invalid("join", "empty when discovery.method is another than none");
    }
    if (discovery.isPresent() && port == 0) {
      throw invalid(
          "port", "a port that stays (--bind HOST:PORT), where discovery leads others to");
    }
    join = List.copyOf(join);
  }

  /**
   * Reads {@code parley.cluster}.
   *
   * @throws ConfigException when a value is not allowed; the message names the key
   */
  public static ClusterSettings from(Config root) {
    Config config = root.getConfig("parley.cluster");
    List<HostPort> join;
    try {
      join = config.getStringList("join").stream().map(HostPort::parse).toList();
    } catch (IllegalArgumentException e) {
      throw invalid("join", "a list of host:port; " + e.getMessage());
    }
    return new ClusterSettings(
        config.getString("advertise-host"),
        config.getInt("advertise-port"),
        config.getString("bind-host"),
        config.getInt("port"),
        join,
        DiscoverySettings.from(config),
        config.getDuration("join-timeout"),
        Tls.from(config.getConfig("tls")));
  }

  /** Whether the node forms a cluster of its own, without looking for another. */
  boolean forms() {
    return join.isEmpty() && discovery.isEmpty();
  }

  /** Where the node listens for others. */
  String listenHost() {
    return bindHost.isBlank() ? advertiseHost : bindHost;
  }

  /** What Akka reads of it. */
  Config toAkka() {
    Map<String, Object> values = new HashMap<>();
    values.put("akka.cluster.shutdown-after-unsuccessful-join-seed-nodes", joinTimeout);
    values.put(ARTERY + "canonical.hostname", advertiseHost);
    values.put(ARTERY + "canonical.port", advertisePort == 0 ? port : advertisePort);
    values.put(ARTERY + "bind.hostname", listenHost());
    if (port != 0) {
      values.put(ARTERY + "bind.port", port);
    }
    tls.ifPresent(own -> values.putAll(own.toAkka()));
    return ConfigFactory.parseMap(values, "parley.cluster");
  }

  private static void checkPort(String key, int port) {
    if (port < 0 || port > PORT_MAX) {
      throw invalid(key, "from 0 to 65535");
    }
  }

  private static ConfigException invalid(String key, String allowed) {
    return new ConfigException.BadValue("parley.cluster." + key, "allowed: " + allowed);
  }
}
