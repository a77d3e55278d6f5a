package io.parley.node;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Optional;

/**
 * Where a node's management listener is found by the commands of its machine: a file in its data
 * folder. Soft: a node that was killed leaves one that says where nobody listens.
 */
public final class ManagementAddress {
  private static final String FILE = "management.url";

  private final Path file;

  private ManagementAddress(Path file) {
    this.file = file;
  }

  /**
   * @throws StartupException when it cannot be written
   */
  static ManagementAddress publish(Path data, InetSocketAddress address) {
    Path file = data.resolve(FILE);
    String host =
        address.getAddress().isAnyLocalAddress()
            ? "127.0.0.1"
            : address.getAddress().getHostAddress();
    String url = "http://" + (host.contains(":") ? "[" + host + "]" : host);
    Path fresh = data.resolve(FILE + ".new");
    try {
      Files.writeString(fresh, url + ":" + address.getPort() + "\n");
      Files.move(fresh, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    } catch (IOException e) {
      throw new StartupException("the data folder cannot be written: " + e.getMessage(), e);
    }
    return new ManagementAddress(file);
  }

  /** Where the node of a data folder listens; empty when none has been started over it. */
  public static Optional<URI> read(Path data) {
    try {
      Path file = data.resolve(FILE);
      return Files.exists(file)
          ? Optional.of(URI.create(Files.readString(file).strip()))
          : Optional.empty();
    } catch (IOException | IllegalArgumentException e) {
      return Optional.empty();
    }
  }

  void withdraw() {
    try {
      Files.deleteIfExists(file);
    } catch (IOException e) {
      // the next start writes it anew
    }
  }
}
