package io.parley.node.chaos;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/** Carries connections to a server that listens on loopback alone, such as the journal. */
final class TcpRelay implements AutoCloseable {
  private static final int BACKLOG = 64;
  private static final int CONNECT_MILLIS = 5_000;

  private final ServerSocket server;
  private final InetSocketAddress target;
  private final Set<Socket> open = ConcurrentHashMap.newKeySet();

  private TcpRelay(ServerSocket server, InetSocketAddress target) {
    this.server = server;
    this.target = target;
  }

  /**
   * Listens at any free port.
   *
   * @param target {@code host:port}
   */
  static TcpRelay open(String host, String target) throws IOException {
    int colon = target.lastIndexOf(':');
    TcpRelay relay =
        new TcpRelay(
            new ServerSocket(0, BACKLOG, InetAddress.getByName(host)),
            new InetSocketAddress(
                target.substring(0, colon), Integer.parseInt(target.substring(colon + 1))));
    thread(relay::accept);
    return relay;
  }

  String address() {
    return server.getInetAddress().getHostAddress() + ":" + server.getLocalPort();
  }

  private static void thread(Runnable work) {
    Thread thread = new Thread(work, "tcp-relay");
    thread.setDaemon(true);
    thread.start();
  }

  private void accept() {
    while (!server.isClosed()) {
      try {
        Socket from = server.accept();
        open.add(from);
        thread(() -> connect(from));
      } catch (IOException e) {
        // closed, or a connection that broke at once
      }
    }
  }

  @SuppressWarnings("AddressSelection") // a literal address
  private void connect(Socket from) {
    Socket to = new Socket();
    open.add(to);
    try {
      to.connect(target, CONNECT_MILLIS);
      from.setTcpNoDelay(true);
      to.setTcpNoDelay(true);
      thread(() -> pump(to, from));
      pump(from, to);
    } catch (IOException e) {
      close(from);
      close(to);
    }
  }

  /** Both ends close when one does. */
  private void pump(Socket from, Socket to) {
    byte[] buffer = new byte[16 * 1024];
    try {
      InputStream in = from.getInputStream();
      OutputStream out = to.getOutputStream();
      for (int read = in.read(buffer); read >= 0; read = in.read(buffer)) {
        out.write(buffer, 0, read);
      }
    } catch (IOException e) {
      // the other end is closed as well
    } finally {
      close(from);
      close(to);
    }
  }

  private void close(Socket socket) {
    open.remove(socket);
    try {
      socket.close();
    } catch (IOException e) {
      // it is gone
    }
  }

  @Override
  public void close() {
    try {
      server.close();
    } catch (IOException e) {
      // it is gone
    }
    open.forEach(this::close);
  }
}
