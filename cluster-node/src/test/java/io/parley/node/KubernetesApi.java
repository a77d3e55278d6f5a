package io.parley.node;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpsConfigurator;
import com.sun.net.httpserver.HttpsServer;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.util.Objects;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;

/**
 * What a pod sees of the Kubernetes API: a server with TLS whose certificate an authority's file
 * vouches for, a token, and an answer that has the form of a real one.
 */
final class KubernetesApi implements AutoCloseable {
  private static final String TOKEN = "token-of-the-service-account";
  private static final String NAMESPACE = "models";

  private final HttpsServer server;
  private final Path folder;
  private final Path authority;
  private final String pods;
  private volatile String asked = "";

  private KubernetesApi(HttpsServer server, Path folder, Path authority, String pods) {
    this.server = server;
    this.folder = folder;
    this.authority = authority;
    this.pods = pods;
  }

  /**
   * One that lists three pods: one that runs, at {@code 127.0.0.1} with the port {@code cluster},
   * one that is being deleted, and one that is not there yet.
   *
   * @param port of the pod that runs
   */
  static KubernetesApi started(Path folder, int port) throws Exception {
    Path store = TestKeys.keyStore(folder, "kubernetes");
    KeyStore keys = KeyStore.getInstance(store.toFile(), TestKeys.PASSWORD.toCharArray());
    KeyManagerFactory managers =
        KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
    managers.init(keys, TestKeys.PASSWORD.toCharArray());
    SSLContext tls = SSLContext.getInstance("TLS");
    tls.init(managers.getKeyManagers(), null, null);
    HttpsServer server =
        HttpsServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    server.setHttpsConfigurator(new HttpsConfigurator(tls));
    Files.writeString(folder.resolve("token"), TOKEN);
    Files.writeString(folder.resolve("namespace"), NAMESPACE);
    KubernetesApi api =
        new KubernetesApi(
            server,
            folder,
            TestKeys.certificate(store, "kubernetes"),
            resource("/kubernetes-pods.json").replace("25520", Integer.toString(port)));
    server.createContext("/", api::answer);
    server.start();
    return api;
  }

  private static String resource(String name) throws IOException {
    try (InputStream in = Objects.requireNonNull(KubernetesApi.class.getResourceAsStream(name))) {
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    }
  }

  private void answer(HttpExchange exchange) throws IOException {
    asked = exchange.getRequestURI().toString();
    boolean known =
        ("Bearer " + TOKEN).equals(exchange.getRequestHeaders().getFirst("Authorization"));
    byte[] body = (known ? pods : "{}").getBytes(StandardCharsets.UTF_8);
    exchange.getResponseHeaders().set("Content-Type", "application/json");
    exchange.sendResponseHeaders(known ? 200 : 403, body.length);
    exchange.getResponseBody().write(body);
    exchange.close();
  }

  /** The latest question. */
  String asked() {
    return asked;
  }

  int port() {
    return server.getAddress().getPort();
  }

  Path authority() {
    return authority;
  }

  Path token() {
    return folder.resolve("token");
  }

  Path namespace() {
    return folder.resolve("namespace");
  }

  @Override
  public void close() {
    server.stop(0);
  }
}
