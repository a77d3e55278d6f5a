package io.parley.node.it;

import io.parley.node.chaos.NodeProcess;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.Key;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.NoSuchAlgorithmException;
import java.util.Base64;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.ParameterContext;
import org.junit.jupiter.api.extension.ParameterResolver;

/**
 * Gives tests one node with an embedded journal, started for the first that asks and stopped behind
 * the last. Tests leave it running.
 */
final class SharedNode implements ParameterResolver {
  /** The node and its folder, which the test engine closes at its end. */
  private static final class Running implements ExtensionContext.Store.CloseableResource {
    private final Path data;
    private final NodeProcess node;

    Running() {
      try {
        data = Files.createTempDirectory("parley-it");
        node = NodeProcess.started(data, signedBy(data));
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }

    /** Options with which it signs checkpoints, by a new key. */
    private static String[] signedBy(Path data) throws IOException {
      KeyPair pair;
      try {
        pair = KeyPairGenerator.getInstance("Ed25519").generateKeyPair();
      } catch (NoSuchAlgorithmException e) {
        throw new IllegalStateException("every Java runtime has Ed25519", e);
      }
      Path secret = pem(data.resolve("audit.pem"), "PRIVATE KEY", pair.getPrivate());
      Path open = pem(data.resolve("audit.pub.pem"), "PUBLIC KEY", pair.getPublic());
      return new String[] {
        "-D", "parley.audit.checkpoint.private-key-file=" + secret,
        "-D", "parley.audit.checkpoint.key-id=it",
        "-D", "parley.audit.checkpoint.public-keys=[\"it=" + open + "\"]"
      };
    }

    private static Path pem(Path file, String type, Key key) throws IOException {
      String text = Base64.getMimeEncoder().encodeToString(key.getEncoded());
      return Files.writeString(
          file, "-----BEGIN %s-----%n%s%n-----END %s-----%n".formatted(type, text, type));
    }

    @Override
    public void close() throws IOException {
      node.stop();
      List<Path> files;
      try (Stream<Path> all = Files.walk(data)) {
        files = all.sorted(Comparator.reverseOrder()).toList();
      }
      for (Path file : files) {
        Files.deleteIfExists(file);
      }
    }
  }

  @Override
  public boolean supportsParameter(ParameterContext parameter, ExtensionContext context) {
    return parameter.getParameter().getType() == NodeProcess.class;
  }

  @Override
  public NodeProcess resolveParameter(ParameterContext parameter, ExtensionContext context) {
    return context
        .getRoot()
        .getStore(ExtensionContext.Namespace.create(SharedNode.class))
        .getOrComputeIfAbsent(Running.class, ignored -> new Running(), Running.class)
        .node;
  }
}
