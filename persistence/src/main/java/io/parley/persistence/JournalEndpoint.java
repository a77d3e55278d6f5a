package io.parley.persistence;

import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.List;

/**
 * Where Cassandra answers.
 *
 * @param contactPoints {@code host:port} of at least one node
 * @param localDatacenter the data centre of those nodes
 */
public record JournalEndpoint(List<String> contactPoints, String localDatacenter) {

  /** What a Cassandra with the simple snitch calls its only data centre. */
  private static final String DEFAULT_DATACENTER = "datacenter1";

  public JournalEndpoint {
    contactPoints = List.copyOf(contactPoints);
    if (contactPoints.isEmpty() || localDatacenter.isEmpty()) {
      throw new IllegalArgumentException("an endpoint needs contact points and a data centre");
    }
  }

  /** A single node on this machine. */
  public static JournalEndpoint onLoopback(int cqlPort) {
    return new JournalEndpoint(List.of("127.0.0.1:" + cqlPort), DEFAULT_DATACENTER);
  }

  /** The contact points as addresses; names are resolved here. */
  List<InetSocketAddress> addresses() {
    return contactPoints.stream().map(JournalEndpoint::address).toList();
  }

  private static InetSocketAddress address(String contactPoint) {
    int colon = contactPoint.lastIndexOf(':');
    String host = contactPoint.substring(0, colon).replaceAll("^\\[|]$", "");
    int port = Integer.parseInt(contactPoint.substring(colon + 1));
    return host.equals("127.0.0.1")
        ? new InetSocketAddress(InetAddress.getLoopbackAddress(), port)
        : new InetSocketAddress(host, port);
  }
}
