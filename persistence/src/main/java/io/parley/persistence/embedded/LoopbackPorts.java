package io.parley.persistence.embedded;

import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;

/**
 * Two ports of 127.0.0.1 that were free a moment ago. Another process may take one before the child
 * binds it; the start is then tried again with others.
 *
 * @param client where clients connect
 * @param internal for the child's own protocol, to which nobody else connects
 */
public record LoopbackPorts(int client, int internal) {
  static LoopbackPorts pick() throws IOException {
    InetAddress loopback = InetAddress.getByAddress(new byte[] {127, 0, 0, 1});
    // both open at once, so that they differ
    try (ServerSocket client = new ServerSocket(0, 1, loopback);
        ServerSocket internal = new ServerSocket(0, 1, loopback)) {
      return new LoopbackPorts(client.getLocalPort(), internal.getLocalPort());
    }
  }
}
