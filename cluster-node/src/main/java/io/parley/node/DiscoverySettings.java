package io.parley.node;

import akka.discovery.Lookup;
import com.typesafe.config.Config;
import com.typesafe.config.ConfigException;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/**
 * How a node finds the others of its cluster by itself, from {@code parley.cluster.discovery}; the
 * keys are explained in {@code reference.conf}.
 *
 * @param serviceName by which the nodes are looked up
 * @param portName of the nodes' port; empty: it is {@code port}
 * @param requiredNodes how many nodes that may form a cluster must be found before one of them
 *     does; 0: none ever does
 * @param stableMargin how long what was found must have been the same before that
 * @param lookupTimeout of a single look-up
 */
record DiscoverySettings(
    Method method,
    String serviceName,
    String portName,
    int port,
    int requiredNodes,
    Duration stableMargin,
    Duration lookupTimeout) {
  private static final int NODES_MAX = 100;
  private static final String NONE = "none";

  /** Who is asked. */
  enum Method {
    DNS("dns", "akka-dns", "DNS"),
    KUBERNETES_API("kubernetes-api", "kubernetes-api", "the Kubernetes API");

    private final String key;
    private final String akka;
    private final String people;

    Method(String key, String akka, String people) {
      this.key = key;
      this.akka = akka;
      this.people = people;
    }

    /** As Akka's discovery knows it. */
    String akka() {
      return akka;
    }

    @Override
    public String toString() {
      return people;
    }
  }

  DiscoverySettings {
    if (!serviceName.matches("[A-Za-z0-9_]([A-Za-z0-9._-]{0,251}[A-Za-z0-9])?")) {
      throw invalid(
          "service-name", "a name in DNS, or the value of the pods' label app.kubernetes.io/name");
    }
    if (!portName.matches("([a-z0-9-]{1,15})?")) {
      throw invalid("port-name", "at most 15 of a-z, 0-9 and -, or nothing");
    }
    if (port < 1 || port > 65_535) {
      throw invalid("port", "from 1 to 65535");
    }
    if (requiredNodes < 0 || requiredNodes > NODES_MAX) {
      throw invalid("required-nodes", "from 0 to " + NODES_MAX);
    }
    requireWithin("stable-margin", stableMargin, Duration.ofSeconds(1), Duration.ofMinutes(5));
    requireWithin("lookup-timeout", lookupTimeout, Duration.ofMillis(100), Duration.ofMinutes(1));
  }

  /**
   * Reads {@code parley.cluster.discovery}.
   *
   * @return empty: nodes are not looked up
   * @throws ConfigException when a value is not allowed; the message names the key
   */
  static Optional<DiscoverySettings> from(Config cluster) {
    Config config = cluster.getConfig("discovery");
    String wanted = config.getString("method");
    Optional<Method> method =
        Arrays.stream(Method.values()).filter(each -> each.key.equals(wanted)).findFirst();
    if (method.isEmpty() && !wanted.equals(NONE)) {
      List<String> known = Arrays.stream(Method.values()).map(each -> each.key).toList();
      throw invalid("method", NONE + ", " + String.join(", ", known));
    }
    String serviceName = config.getString("service-name");
    DiscoverySettings settings =
        new DiscoverySettings(
            method.orElse(Method.DNS),
            method.isEmpty() ? NONE : serviceName,
            config.getString("port-name"),
            config.getInt("port"),
            config.getInt("required-nodes"),
            config.getDuration("stable-margin"),
            config.getDuration("lookup-timeout"));
    return method.map(ignored -> settings);
  }

  /** The question to Akka's discovery: by the port's name, if there is one. */
  Lookup lookup() {
    Lookup lookup = Lookup.create(serviceName);
    return portName.isEmpty() ? lookup : lookup.withPortName(portName).withProtocol("tcp");
  }

  /** The question as people say it. */
  String asked() {
    return switch (method) {
      case DNS ->
          portName.isEmpty()
              ? "DNS for the addresses of " + serviceName
              : "DNS for SRV records of _" + portName + "._tcp." + serviceName;
      case KUBERNETES_API ->
          "the Kubernetes API for running pods of "
              + serviceName
              + (portName.isEmpty() ? "" : " with a port " + portName);
    };
  }

  private static void requireWithin(String key, Duration value, Duration min, Duration max) {
    if (value.compareTo(min) < 0 || value.compareTo(max) > 0) {
      throw invalid(key, "from " + min.toMillis() + "ms to " + max.toSeconds() + "s");
    }
  }

  private static ConfigException invalid(String key, String allowed) {
    return new ConfigException.BadValue("parley.cluster.discovery." + key, "allowed: " + allowed);
  }
}
