package io.parley.node.chat;

import java.io.BufferedReader;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;

/**
 * Answers each connection with the next of its scripts, byte by byte as written there, and keeps
 * the heads of the requests. A script that ends with {@link #SILENCE} leaves the connection open.
 */
public final class ScriptedServer implements AutoCloseable {
  public static final String SILENCE = "(silence)";

  public final List<String> requests = new CopyOnWriteArrayList<>();
  private final ServerSocket server;
  private final List<Socket> open = new ArrayList<>();
  private final Thread thread;

  public ScriptedServer(String... scripts) throws IOException {
    server = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
    thread = new Thread(() -> serve(List.of(scripts)), "scripted-server");
    thread.start();
  }

  /** A whole response with an error object. */
  public static String error(int status, String code) {
    String body =
        "{\"error\": {\"message\": \"it says " + code + "\", \"code\": \"" + code + "\"}}";
    return "HTTP/1.1 " + status + " No\r\nContent-Length: " + body.length() + "\r\n\r\n" + body;
  }

  /** The head of a stream, and events. It is cut unless {@link #END} comes last. */
  public static String stream(String... events) {
    StringBuilder text =
        new StringBuilder(
            "HTTP/1.1 200 OK\r\nX-Parley-Session: s1\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (String event : events) {
      if (event.equals(END) || event.equals(SILENCE)) {
        text.append(event);
      } else {
        String chunk = event + "\n\n";
        text.append(Integer.toHexString(chunk.length()))
            .append("\r\n")
            .append(chunk)
            .append("\r\n");
      }
    }
    return text.toString();
  }

  /** The end of a stream that is whole. */
  public static final String END = "0\r\n\r\n";

  /** An event with a piece of text. */
  public static String text(String id, String text) {
    return "id: " + id + "\ndata: {\"choices\": [{\"delta\": {\"content\": \"" + text + "\"}}]}";
  }

  public URI url() {
    return URI.create("http://127.0.0.1:" + server.getLocalPort() + "/v1");
  }

  private void serve(List<String> scripts) {
    try {
      for (String script : scripts) {
        Socket socket = server.accept();
        synchronized (open) {
          open.add(socket);
        }
        requests.add(request(socket));
        boolean silent = script.endsWith(SILENCE);
        String said = script.replace(SILENCE, "");
        socket.getOutputStream().write(said.getBytes(StandardCharsets.UTF_8));
        socket.getOutputStream().flush();
        if (!silent) {
          socket.close();
        }
      }
    } catch (IOException e) {
      if (!server.isClosed()) {
        throw new UncheckedIOException(e);
      }
    }
  }

  /** Its head; the body is read and left away. */
  private static String request(Socket socket) throws IOException {
    BufferedReader in =
        new BufferedReader(
            new InputStreamReader(socket.getInputStream(), StandardCharsets.ISO_8859_1));
    StringBuilder head = new StringBuilder();
    int length = 0;
    for (String line = in.readLine(); line != null && !line.isEmpty(); line = in.readLine()) {
      head.append(line).append('\n');
      if (line.toLowerCase(java.util.Locale.ROOT).startsWith("content-length:")) {
        length = Integer.parseInt(line.substring(line.indexOf(':') + 1).strip());
      }
    }
    for (int i = 0; i < length; i++) {
      if (in.read() < 0) {
        throw new EOFException();
      }
    }
    return head.toString();
  }

  @Override
  public void close() throws IOException {
    server.close();
    synchronized (open) {
      for (Socket socket : open) {
        socket.close();
      }
    }
    try {
      thread.join();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
