package io.parley.node.http;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigException;
import java.nio.file.Path;
import java.util.Optional;

/**
 * {@code parley.management}; the keys are explained in {@code reference.conf}.
 *
 * @param port 0: any free one
 * @param apiKeysFile who may manage; empty: everybody who reaches the listener
 */
public record ManagementSettings(String host, int port, Optional<Path> apiKeysFile) {
  /**
   * @throws IllegalArgumentException naming the key and what it allows
   */
  public ManagementSettings {
    if (port < 0 || port > 65_535) {
      throw new IllegalArgumentException(
          "parley.management.port is " + port + " but must be from 0 to 65535");
    }
  }

  /**
   * Reads {@code parley.management}.
   *
   * @param root the whole configuration
   * @throws IllegalArgumentException naming the key and what it allows
   */
  public static ManagementSettings from(Config root) {
    try {
      Config config = root.getConfig("parley.management");
      String keysFile = config.getString("api-keys-file");
      return new ManagementSettings(
          config.getString("host"),
          config.getInt("port"),
          keysFile.isBlank() ? Optional.empty() : Optional.of(Path.of(keysFile)));
    } catch (ConfigException e) {
      throw new IllegalArgumentException("bad configuration: " + e.getMessage(), e);
    }
  }
}
