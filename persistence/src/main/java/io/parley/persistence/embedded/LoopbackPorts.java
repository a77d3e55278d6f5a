package io.parley.persistence.embedded;

import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;

/**
 * Two ports of 127.0.0.1 that were free a moment ago. Another process may take one before the child
 * binds it; the start is then tried again with others.
 */
record LoopbackPorts(int cql, int storage) {
  static LoopbackPorts pick() throws IOException {
    InetAddress loopback = InetAddress.getByAddress(new byte[] {127, 0, 0, 1});
    // both open at once, so that they differ
    try (ServerSocket cql = new ServerSocket(0, 1, loopback);
        ServerSocket storage = new ServerSocket(0, 1, loopback)) {
      return new LoopbackPorts(cql.getLocalPort(), storage.getLocalPort());
    }
  }
}
